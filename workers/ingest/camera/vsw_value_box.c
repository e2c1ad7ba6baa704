/*
 * The box, see vsw_value_box.h.
 */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vstream_slice.h"
#include "vsw_value_box.h"


struct vsw_value_box_s {
    pthread_mutex_t    lock;
    pthread_cond_t     filled;
    vsw_value_t        value; /* data is NULL: it is empty */
    vsw_value_counts_t counts;
};


vsw_value_box_t *
vsw_value_box_create(void)
{
    pthread_condattr_t attributes;
    vsw_value_box_t   *box = calloc(1, sizeof(*box));

    if (box == NULL) {
        return NULL;
    }

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&box->filled, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&box->lock, NULL);

    return box;
}


void
vsw_value_box_destroy(vsw_value_box_t *box)
{
    if (box == NULL) {
        return;
    }

    pthread_cond_destroy(&box->filled);
    pthread_mutex_destroy(&box->lock);
    free(box->value.data);
    free(box);
}


int
vsw_value_box_put(vsw_value_box_t *box, int64_t t_unix_us, const void *data,
                  size_t length)
{
    uint8_t *former, *copy = malloc(length);

    if (copy == NULL) {
        return VSTREAM_ERROR;
    }

    memcpy(copy, data, length);

    pthread_mutex_lock(&box->lock);

    former = box->value.data;
    box->value.data = copy;
    box->value.length = length;
    box->value.t_unix_us = t_unix_us;
    box->counts.put++;
    box->counts.late += former != NULL;
    pthread_cond_signal(&box->filled);

    pthread_mutex_unlock(&box->lock);

    free(former);

    return VSTREAM_OK;
}


int
vsw_value_box_take(vsw_value_box_t *box, int64_t wait_us, vsw_value_t *value)
{
    int             rc = 0;
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_us / 1000000;
    until.tv_nsec += wait_us % 1000000 * 1000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;

    pthread_mutex_lock(&box->lock);

    while (box->value.data == NULL && rc == 0) {
        rc = pthread_cond_timedwait(&box->filled, &box->lock, &until);
    }

    *value = box->value;
    box->value.data = NULL;

    pthread_mutex_unlock(&box->lock);

    return value->data != NULL ? VSTREAM_OK : VSTREAM_AGAIN;
}


uint64_t
vsw_value_box_break(vsw_value_box_t *box)
{
    uint64_t broken;

    pthread_mutex_lock(&box->lock);
    broken = ++box->counts.broken;
    pthread_mutex_unlock(&box->lock);

    return broken;
}


void
vsw_value_box_counts(vsw_value_box_t *box, vsw_value_counts_t *counts)
{
    pthread_mutex_lock(&box->lock);
    *counts = box->counts;
    pthread_mutex_unlock(&box->lock);
}
