/*
 * An MJPEG camera over HTTP for the demo and the tests: plays a file of JPEGs
 * for ever to any number of clients, each part with its length, and fails in
 * the ways that cameras fail, when asked to.  Like a camera it has one clock:
 * all clients see the same picture, and a slow one skips.  It binds 127.0.0.1
 * alone.
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>


#define PART_HEADER_MAX 256
#define CLOCK_SIZE      26 /* a comment: "clock " and microseconds */

typedef struct {
    const unsigned char *data; /* borrowed from the mapped file */
    size_t               size;
} picture_t;

typedef struct {
    const char *file;
    const char *path;
    const char *user;
    const char *password_file;
    const char *boundary;
    const char *redirect;
    double      fps;
    double      stall_after;
    double      close_after;
    double      garbage_after;
    double      no_length;
    double      clock;
    double      port;
    double      status;
} options_t;

/* What one client is being sent; lives as long as its answer. */
typedef struct {
    char             header[PART_HEADER_MAX];
    size_t           header_size;
    const picture_t *picture;
    picture_t        clocked; /* the same with the time in it */
    unsigned char   *bytes;   /* of that */
    size_t           sent;    /* of this part: header, picture, CRLF */
    int64_t          tick;    /* number of the picture on the camera's clock */
    int64_t          start_ns;
} client_t;


static options_t options = {
    .path = "/video.mjpg",
    .boundary = "camera",
    .fps = 15,
    .status = 200,
};

static char       password[256];
static picture_t *pictures;
static size_t     n_pictures;
static int64_t    born_ns;
static atomic_int stopping;


static const char usage[] =
    "Usage: http_camera --port PORT --file FILE [OPTION]...\n"
    "\n"
    "Serves a file of JPEGs as an endless MJPEG camera on 127.0.0.1.\n"
    "\n"
    "  --port PORT            0 takes a free one; it is printed when ready\n"
    "  --file FILE            JPEGs one after the other (ffmpeg -f mjpeg)\n"
    "  --path PATH            where they are served (/video.mjpg)\n"
    "  --fps N                pictures a second (15)\n"
    "  --boundary TEXT        between the parts (camera)\n"
    "  --user NAME            Basic authentication\n"
    "  --password-file FILE   whose first line is the password\n"
    "  --no-length            parts without Content-Length\n"
    "  --clock                a comment at the start of each picture says when\n"
    "                         it was made: \"clock \", microseconds of Unix\n"
    "  --status CODE          answers that and no pictures\n"
    "  --redirect URL         answers 302 to there\n"
    "  --stall-after SECONDS  the connection stays, the pictures stop\n"
    "  --close-after SECONDS  the connection closes in the middle of a part\n"
    "  --garbage-after SECONDS  parts hold no JPEG any more\n"
    "  --help\n";


static int64_t
clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


/* A picture ends at an EOI that another SOI, or the end, follows. */
static size_t
picture_size(const unsigned char *p, size_t size)
{
    size_t i;

    for (i = 2; i + 1 < size; i++) {
        if (p[i] == 0xff && p[i + 1] == 0xd9
            && (i + 3 >= size || (p[i + 2] == 0xff && p[i + 3] == 0xd8)))
        {
            return i + 2;
        }
    }

    return size;
}


static void
pictures_find(const unsigned char *p, size_t size)
{
    size_t n;

    while (size > 4) {
        n = picture_size(p, size);
        pictures = realloc(pictures, (n_pictures + 1) * sizeof(picture_t));
        if (pictures == NULL) {
            abort();
        }
        pictures[n_pictures++] = (picture_t) { p, n };
        p += n;
        size -= n;
    }
}


static int
pictures_open(const char *file)
{
    int         fd;
    void       *p;
    struct stat st;

    fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd == -1 || fstat(fd, &st) == -1 || st.st_size == 0) {
        return -1;
    }

    p = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (p == MAP_FAILED) {
        return -1;
    }

    pictures_find(p, (size_t) st.st_size);

    return n_pictures == 0 ? -1 : 0;
}


static int64_t
tick_now(void)
{
    return (int64_t) ((double) (clock_ns() - born_ns) / 1e9 * options.fps);
}


static void
client_free(void *cls)
{
    client_t *client = cls;

    free(client->bytes);
    free(client);
}


/* The picture as it is now. */
static void
client_clock(client_t *client)
{
    char             comment[CLOCK_SIZE + 1];
    size_t           size = client->picture->size + CLOCK_SIZE;
    struct timespec  ts;
    const picture_t *from = client->picture;

    client->bytes = realloc(client->bytes, size);
    if (client->bytes == NULL) {
        abort();
    }

    clock_gettime(CLOCK_REALTIME, &ts);
    snprintf(comment, sizeof(comment), "\xff\xfe%c%cclock %016lld", 0,
             CLOCK_SIZE - 2,
             (long long) ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
    memcpy(client->bytes, from->data, 2);
    memcpy(client->bytes + 2, comment, CLOCK_SIZE);
    memcpy(client->bytes + 2 + CLOCK_SIZE, from->data + 2, from->size - 2);

    client->clocked = (picture_t) { client->bytes, size };
    client->picture = &client->clocked;
}


/* Sleeps until the picture after the one that this client had. */
static void
client_wait(const client_t *client)
{
    struct timespec nap = { 0, 5000000 };

    while (!stopping && tick_now() <= client->tick) {
        nanosleep(&nap, NULL);
    }
}


static void
client_next(client_t *client, double age)
{
    size_t size;

    static const picture_t garbage = {
        (const unsigned char *) "no picture at all", 17
    };

    client_wait(client);
    client->tick = tick_now();
    client->picture = &pictures[(size_t) client->tick % n_pictures];

    if (options.clock) {
        client_clock(client);
    }
    if (options.garbage_after > 0 && age > options.garbage_after) {
        client->picture = &garbage;
    }

    size = client->picture->size;
    client->sent = 0;
    client->header_size = (size_t) snprintf(
        client->header, PART_HEADER_MAX,
        options.no_length ? "--%.70s\r\nContent-Type: image/jpeg\r\n\r\n"
                          : "--%.70s\r\nContent-Type: image/jpeg\r\n"
                            "Content-Length: %zu\r\n\r\n",
        options.boundary, size);
}


/* Copies what fits of the part at hand; the part is header, picture, CRLF. */
static size_t
client_copy(client_t *client, char *buf, size_t max)
{
    size_t      n, at;
    const char *from;

    at = client->sent;

    if (at < client->header_size) {
        from = client->header + at;
        n = client->header_size - at;

    } else if (at < client->header_size + client->picture->size) {
        at -= client->header_size;
        from = (const char *) client->picture->data + at;
        n = client->picture->size - at;

    } else {
        at -= client->header_size + client->picture->size;
        from = "\r\n" + at;
        n = 2 - at;
    }

    n = n < max ? n : max;
    memcpy(buf, from, n);
    client->sent += n;

    return n;
}


static ssize_t
client_read(void *cls, uint64_t pos, char *buf, size_t max)
{
    double          age;
    client_t       *client;
    struct timespec nap = { 0, 20000000 };

    (void) pos;
    client = cls;
    age = (double) (clock_ns() - client->start_ns) / 1e9;

    if (options.close_after > 0 && age > options.close_after
        && client->sent > client->header_size)
    {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }

    if (client->picture == NULL
        || client->sent == client->header_size + client->picture->size + 2)
    {
        while (!stopping && options.stall_after > 0
               && age > options.stall_after) {
            nanosleep(&nap, NULL);
        }
        client_next(client, age);
    }

    if (stopping) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }

    return (ssize_t) client_copy(client, buf, max);
}


static enum MHD_Result
answer_words(struct MHD_Connection *connection, unsigned status)
{
    enum MHD_Result      rc;
    struct MHD_Response *response;

    static char nothing[1];

    response =
        MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
    if (status == MHD_HTTP_UNAUTHORIZED) {
        MHD_add_response_header(response, "WWW-Authenticate",
                                "Basic realm=\"camera\"");
    }
    if (options.redirect != NULL) {
        MHD_add_response_header(response, "Location", options.redirect);
    }

    rc = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);

    return rc;
}


static enum MHD_Result
answer_pictures(struct MHD_Connection *connection)
{
    char                 type[128];
    client_t            *client;
    enum MHD_Result      rc;
    struct MHD_Response *response;

    client = calloc(1, sizeof(client_t));
    if (client == NULL) {
        return MHD_NO;
    }
    client->start_ns = clock_ns();
    client->tick = tick_now() - 1;

    response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, 65536, client_read, client, client_free);
    snprintf(type, sizeof(type), "multipart/x-mixed-replace; boundary=%.70s",
             options.boundary);
    MHD_add_response_header(response, "Content-Type", type);
    MHD_add_response_header(response, "Connection", "close");

    rc = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);

    return rc;
}


static int
client_is_allowed(struct MHD_Connection *connection)
{
    int   allowed;
    char *user, *given;

    if (options.user == NULL) {
        return 1;
    }

    given = NULL;
    user = MHD_basic_auth_get_username_password(connection, &given);
    allowed = user != NULL && given != NULL && strcmp(user, options.user) == 0
              && strcmp(given, password) == 0;
    MHD_free(user);
    MHD_free(given);

    return allowed;
}


static enum MHD_Result
request_handle(void *cls, struct MHD_Connection *connection, const char *url,
               const char *method, const char *version, const char *upload,
               size_t *upload_size, void **context)
{
    static atomic_uint dials;

    (void) cls, (void) method, (void) version, (void) upload;
    (void) upload_size, (void) context;

    printf("http_camera: dial %u for %s\n", ++dials, url);
    fflush(stdout);

    if (options.redirect != NULL) {
        return answer_words(connection, MHD_HTTP_FOUND);
    }
    if ((unsigned) options.status != MHD_HTTP_OK) {
        return answer_words(connection, (unsigned) options.status);
    }
    if (strcmp(url, options.path) != 0) {
        return answer_words(connection, MHD_HTTP_NOT_FOUND);
    }
    if (!client_is_allowed(connection)) {
        return answer_words(connection, MHD_HTTP_UNAUTHORIZED);
    }

    return answer_pictures(connection);
}


static void
usage_refuse(const char *why)
{
    fprintf(stderr, "http_camera: %s; see --help\n", why);
    exit(2);
}


static void
password_read(const char *path)
{
    FILE *f;

    f = path == NULL ? NULL : fopen(path, "re");
    if (f == NULL || fgets(password, sizeof(password), f) == NULL) {
        usage_refuse("--user needs a --password-file that can be read");
    }

    password[strcspn(password, "\r\n")] = '\0';
    fclose(f);
}


/* Where each option's value goes: a text, or a number. */
static const struct {
    const char  *name;
    const char **text;
    double      *number;
} places[] = {
    { "port", NULL, &options.port },
    { "file", &options.file, NULL },
    { "path", &options.path, NULL },
    { "fps", NULL, &options.fps },
    { "boundary", &options.boundary, NULL },
    { "user", &options.user, NULL },
    { "password-file", &options.password_file, NULL },
    { "no-length", NULL, &options.no_length },
    { "clock", NULL, &options.clock },
    { "status", NULL, &options.status },
    { "redirect", &options.redirect, NULL },
    { "stall-after", NULL, &options.stall_after },
    { "close-after", NULL, &options.close_after },
    { "garbage-after", NULL, &options.garbage_after },
};

#define N_PLACES (sizeof(places) / sizeof(places[0]))


static void
option_set(size_t i, char *value)
{
    if (places[i].text != NULL) {
        *places[i].text = value;
        return;
    }

    *places[i].number = value == NULL ? 1 : strtod(value, NULL);
}


static void
options_read(int argc, char **argv)
{
    int           option;
    size_t        i;
    struct option names[N_PLACES + 2];

    memset(names, 0, sizeof(names));
    for (i = 0; i < N_PLACES; i++) {
        names[i].name = places[i].name;
        names[i].has_arg = places[i].number == &options.no_length
                                   || places[i].number == &options.clock
                               ? no_argument
                               : required_argument;
        names[i].val = (int) i;
    }
    names[i].name = "help";
    names[i].val = 'h';

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            exit(0);
        }
        if (option == '?') {
            exit(2);
        }
        option_set((size_t) option, optarg);
    }
}


static void
options_check(void)
{
    if (options.fps <= 0) {
        usage_refuse("--fps is above 0");
    }
    if (options.file == NULL || pictures_open(options.file) != 0) {
        usage_refuse("--file has to hold JPEGs");
    }
    if (options.user != NULL) {
        password_read(options.password_file);
    }
}


static struct MHD_Daemon *
daemon_start(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };

    address.sin_port = htons((uint16_t) options.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    return MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD,
        (uint16_t) options.port, NULL, NULL, request_handle, NULL,
        MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);
}


int
main(int argc, char **argv)
{
    int                ended;
    sigset_t           ends;
    struct MHD_Daemon *http;

    options_read(argc, argv);
    options_check();
    born_ns = clock_ns();

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);

    http = daemon_start();
    if (http == NULL) {
        fprintf(stderr, "http_camera: cannot listen on 127.0.0.1:%.0f\n",
                options.port);
        return 1;
    }

    printf("http_camera: ready at http://127.0.0.1:%u%s\n",
           MHD_get_daemon_info(http, MHD_DAEMON_INFO_BIND_PORT)->port,
           options.path);
    fflush(stdout);

    sigwait(&ends, &ended);
    stopping = 1;
    MHD_stop_daemon(http);

    return 0;
}
