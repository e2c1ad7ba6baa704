/*
 * Loaded into nginx before all else: counts what one of its processes asks of
 * memory, and refuses it where a test wants that.  The test and the process
 * share a page, a file that $VSTREAM_MEMORY names; t/lib/Vstream/Memory.pm
 * writes its first fields and reads the others.
 *
 * Only the process of that pid is counted.  Of the module's calls to nginx's
 * pools each is one, too, where it was linked with --wrap: a pool has memory
 * left most times, so malloc() alone would hardly ever be asked.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE_SIZE 4096
#define EARLY_MAX 65536 /* what is asked for before malloc() is found */


/* All fields are 64 bits wide: Perl's q. */
typedef struct {
    int64_t pid;     /* of the process that is meant; 0: none */
    int64_t fail_at; /* the n-th allocation of `seen` fails; 0: none */
    int64_t lasting; /* and all after it */
    int64_t seen;
    int64_t failed;
    int64_t live;        /* blocks allocated and not freed, since pid was set */
    int64_t allocations; /* that succeeded */
    int64_t copied;      /* bytes, by memcpy() and memmove() */
    int64_t writes;      /* writev() and sendmsg() */
    int64_t trims;       /* malloc_trim() */
} page_t;


void *__wrap_ngx_palloc(void *pool, size_t size);
void *__wrap_ngx_pcalloc(void *pool, size_t size);
void *__wrap_ngx_pnalloc(void *pool, size_t size);
void *__wrap_ngx_pstrdup(void *pool, void *text);
void *__wrap_ngx_list_push(void *list);
void *__wrap_ngx_pool_cleanup_add(void *pool, size_t size);
void *__wrap_ngx_http_cleanup_add(void *request, size_t size);

/* nginx's own. */
extern void *ngx_palloc(void *pool, size_t size) __attribute__((weak));
extern void *ngx_pcalloc(void *pool, size_t size) __attribute__((weak));
extern void *ngx_pnalloc(void *pool, size_t size) __attribute__((weak));
extern void *ngx_pstrdup(void *pool, void *text) __attribute__((weak));
extern void *ngx_list_push(void *list) __attribute__((weak));
extern void *ngx_pool_cleanup_add(void *p, size_t size) __attribute__((weak));
extern void *ngx_http_cleanup_add(void *r, size_t size) __attribute__((weak));

/* Of glibc's fortified callers. */
void *__memcpy_chk(void *to, const void *from, size_t n, size_t room);
void *__memmove_chk(void *to, const void *from, size_t n, size_t room);


static page_t  nobody;
static page_t *page = &nobody;
static int64_t self;

static char   early[EARLY_MAX] __attribute__((aligned(16)));
static size_t early_used;
static int    finding;

static void *(*real_malloc)(size_t size);
static void *(*real_calloc)(size_t n, size_t size);
static void *(*real_realloc)(void *p, size_t size);
static int (*real_posix_memalign)(void **p, size_t alignment, size_t size);
static void (*real_free)(void *p);
static void *(*real_memmove)(void *to, const void *from, size_t n);
static ssize_t (*real_writev)(int fd, const struct iovec *iov, int n);
static ssize_t (*real_sendmsg)(int fd, const struct msghdr *message, int flags);
static int (*real_malloc_trim)(size_t pad);


static void *
find(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}


static void
note_pid(void)
{
    self = getpid();
}


static void
share_page(void)
{
    int         fd;
    void       *shared;
    const char *path;

    path = getenv("VSTREAM_MEMORY");
    fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

    if (fd == -1) {
        return;
    }

    shared = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);

    if (shared != MAP_FAILED) {
        page = shared;
    }
}


__attribute__((constructor)) static void
find_all(void)
{
    if (finding || real_free) {
        return;
    }

    finding = 1;
    real_malloc = find("malloc");
    real_calloc = find("calloc");
    real_realloc = find("realloc");
    real_posix_memalign = find("posix_memalign");
    real_memmove = find("memmove");
    real_writev = find("writev");
    real_sendmsg = find("sendmsg");
    real_malloc_trim = find("malloc_trim");
    real_free = find("free");
    finding = 0;

    note_pid();
    pthread_atfork(NULL, NULL, note_pid);
    share_page();
}


static int
is_meant(void)
{
    return page->pid == self && self != 0;
}


/* Is this the allocation that fails? */
static int
is_refused(void)
{
    if (!is_meant()) {
        return 0;
    }

    page->seen++;

    if (page->fail_at == 0 || page->seen < page->fail_at
        || (page->seen > page->fail_at && !page->lasting))
    {
        return 0;
    }

    page->failed++;
    errno = ENOMEM;

    return 1;
}


static void *
count(void *p)
{
    if (p && is_meant()) {
        page->live++;
        page->allocations++;
    }

    return p;
}


/* dlsym() itself may ask, before we know whom to ask; it is never freed. */
static void *
early_alloc(size_t size)
{
    void *p;

    size = (size + 15) & ~(size_t) 15;

    if (size > sizeof(early) - early_used) {
        return NULL;
    }

    p = early + early_used;
    early_used += size;

    return p;
}


static int
is_early(const void *p)
{
    return (const char *) p >= early && (const char *) p < early + EARLY_MAX;
}


void *
malloc(size_t size)
{
    find_all();

    if (real_malloc == NULL) {
        return early_alloc(size);
    }

    return is_refused() ? NULL : count(real_malloc(size));
}


void *
calloc(size_t n, size_t size)
{
    find_all();

    if (real_calloc == NULL) {
        return early_alloc(n * size);
    }

    return is_refused() ? NULL : count(real_calloc(n, size));
}


void *
realloc(void *p, size_t size)
{
    void *larger;

    find_all();

    if (p == NULL) {
        return malloc(size);
    }

    if (size == 0) {
        free(p);
        return NULL;
    }

    if (is_refused()) {
        return NULL;
    }

    if (is_early(p)) {
        larger = real_malloc(size);
        return larger ? memmove(larger, p, size) : NULL;
    }

    larger = real_realloc(p, size);

    if (larger && is_meant()) {
        page->allocations++;
    }

    return larger;
}


int
posix_memalign(void **p, size_t alignment, size_t size)
{
    int rc;

    find_all();

    if (is_refused()) {
        return ENOMEM;
    }

    rc = real_posix_memalign(p, alignment, size);

    if (rc == 0) {
        (void) count(*p);
    }

    return rc;
}


void
free(void *p)
{
    if (p == NULL || is_early(p)) {
        return;
    }

    if (is_meant()) {
        page->live--;
    }

    real_free(p);
}


void *
memmove(void *to, const void *from, size_t n)
{
    size_t i;

    if (is_meant()) {
        page->copied += (int64_t) n;
    }

    if (real_memmove) {
        return real_memmove(to, from, n);
    }

    for (i = 0; i < n; i++) {
        ((volatile char *) to)[i] = ((const char *) from)[i];
    }

    return to;
}


void *
memcpy(void *restrict to, const void *restrict from, size_t n)
{
    return memmove(to, from, n);
}


void *
__memcpy_chk(void *to, const void *from, size_t n, size_t room)
{
    if (n > room) {
        abort();
    }

    return memmove(to, from, n);
}


void *
__memmove_chk(void *to, const void *from, size_t n, size_t room)
{
    return __memcpy_chk(to, from, n, room);
}


ssize_t
writev(int fd, const struct iovec *iov, int n)
{
    if (is_meant()) {
        page->writes++;
    }

    return real_writev(fd, iov, n);
}


ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (is_meant()) {
        page->writes++;
    }

    return real_sendmsg(fd, message, flags);
}


int
malloc_trim(size_t pad)
{
    if (is_meant()) {
        page->trims++;
    }

    return real_malloc_trim(pad);
}


void *
__wrap_ngx_palloc(void *pool, size_t size)
{
    return is_refused() ? NULL : ngx_palloc(pool, size);
}


void *
__wrap_ngx_pcalloc(void *pool, size_t size)
{
    return is_refused() ? NULL : ngx_pcalloc(pool, size);
}


void *
__wrap_ngx_pnalloc(void *pool, size_t size)
{
    return is_refused() ? NULL : ngx_pnalloc(pool, size);
}


void *
__wrap_ngx_pstrdup(void *pool, void *text)
{
    return is_refused() ? NULL : ngx_pstrdup(pool, text);
}


void *
__wrap_ngx_list_push(void *list)
{
    return is_refused() ? NULL : ngx_list_push(list);
}


void *
__wrap_ngx_pool_cleanup_add(void *pool, size_t size)
{
    return is_refused() ? NULL : ngx_pool_cleanup_add(pool, size);
}


void *
__wrap_ngx_http_cleanup_add(void *request, size_t size)
{
    return is_refused() ? NULL : ngx_http_cleanup_add(request, size);
}
