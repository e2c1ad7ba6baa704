/*
 * The little of nginx that the module's readers and writers call, for module_*
 * targets, which include .c files of the module.  Memory of pools comes from
 * malloc(3), piece by piece, so that AddressSanitizer sees the end of each.
 * What no target may reach aborts.
 */

#ifndef FUZZ_NGINX_H
#define FUZZ_NGINX_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "fuzz.h"

/* A pool is nothing but this list. */
typedef struct fuzz_piece_s {
    struct fuzz_piece_s *next;
    max_align_t          data[];
} fuzz_piece_t;


static ngx_log_t   fuzz_log;
static ngx_cycle_t fuzz_cycle = { .log = &fuzz_log };

volatile ngx_cycle_t *ngx_cycle = &fuzz_cycle;
volatile ngx_msec_t   ngx_current_msec = 1000;


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    (void) log;

    return malloc(size);
}


void *
ngx_calloc(size_t size, ngx_log_t *log)
{
    (void) log;

    return calloc(1, size);
}


ngx_pool_t *
ngx_create_pool(size_t size, ngx_log_t *log)
{
    (void) size;
    (void) log;

    return calloc(1, sizeof(ngx_pool_t));
}


void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    fuzz_piece_t *piece = malloc(sizeof(*piece) + size);

    if (piece == NULL) {
        return NULL;
    }

    piece->next = (fuzz_piece_t *) pool->large;
    pool->large = (ngx_pool_large_t *) piece;

    return piece->data;
}


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return ngx_palloc(pool, size);
}


void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    void *data = ngx_palloc(pool, size);

    return data == NULL ? NULL : memset(data, 0, size);
}


u_char *
ngx_pstrdup(ngx_pool_t *pool, ngx_str_t *text)
{
    u_char *copy = ngx_palloc(pool, text->len);

    if (copy != NULL && text->len > 0) {
        memcpy(copy, text->data, text->len);
    }

    return copy;
}


void
ngx_destroy_pool(ngx_pool_t *pool)
{
    fuzz_piece_t *piece;

    while ((piece = (fuzz_piece_t *) pool->large) != NULL) {
        pool->large = (ngx_pool_large_t *) piece->next;
        free(piece);
    }

    free(pool);
}


/* Digits alone, without overflow, as nginx's own; `points` decimals. */
static inline int64_t
fuzz_digits(const u_char *text, size_t n, unsigned points)
{
    int64_t  value = 0;
    unsigned dot = 0, decimals = points;

    if (n == 0) {
        return NGX_ERROR;
    }

    for (; n-- > 0; text++) {
        if (*text == '.' && points > 0 && !dot) {
            dot = 1;
            continue;
        }

        if (*text < '0' || *text > '9' || (dot && decimals-- == 0)
            || value > (INT64_MAX - 9) / 10)
        {
            return NGX_ERROR;
        }

        value = value * 10 + (*text - '0');
    }

    while (decimals-- > 0) {
        if (value > INT64_MAX / 10) {
            return NGX_ERROR;
        }

        value *= 10;
    }

    return value;
}


ngx_int_t
ngx_atoi(u_char *text, size_t n)
{
    return fuzz_digits(text, n, 0);
}


ngx_int_t
ngx_atofp(u_char *text, size_t n, size_t points)
{
    return fuzz_digits(text, n, (unsigned) points);
}


off_t
ngx_atoof(u_char *text, size_t n)
{
    return fuzz_digits(text, n, 0);
}


ngx_int_t
ngx_memn2cmp(u_char *a, u_char *b, size_t n, size_t m)
{
    int order = memcmp(a, b, n < m ? n : m);

    return order != 0 || n == m ? order : n < m ? -1 : 1;
}


u_char *
ngx_cpystrn(u_char *to, u_char *from, size_t n)
{
    while (n > 1 && *from != '\0') {
        *to++ = *from++;
        n--;
    }

    if (n > 0) {
        *to = '\0';
    }

    return to;
}


u_char *
ngx_hex_dump(u_char *to, u_char *from, size_t n)
{
    static const char hex[] = "0123456789abcdef";

    for (; n-- > 0; from++) {
        *to++ = hex[*from >> 4];
        *to++ = hex[*from & 15];
    }

    return to;
}


/* %XX, and nothing but that; what is cut off is left out. */
void
ngx_unescape_uri(u_char **to, u_char **from, size_t size, ngx_uint_t type)
{
    char    digits[3] = { 0 }, *end;
    u_char *d = *to, *s = *from, *last = s + size;
    long    value;

    (void) type;

    while (s < last) {
        if (*s != '%' || last - s < 3) {
            *d++ = *s++;
            continue;
        }

        memcpy(digits, s + 1, 2);
        value = strtol(digits, &end, 16);
        s += 1;

        if (end == digits + 2 && fuzz_is_hex(digits, 2)) {
            *d++ = (u_char) value;
            s += 2;
        }
    }

    *to = d;
    *from = s;
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
                   const char *format, ...)
{
    (void) level;
    (void) log;
    (void) err;
    (void) format;
}


static inline ngx_str_t
fuzz_ngx_str(vstream_slice_t slice)
{
    return (ngx_str_t) { slice.length, (u_char *) slice.data };
}


#endif /* FUZZ_NGINX_H */
