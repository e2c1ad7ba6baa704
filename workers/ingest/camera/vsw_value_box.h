/*
 * Where values from the supervisor wait for the reader thread: one at a time.
 * A newer one takes the place of one that nobody has taken yet.  All
 * functions may be called by any thread.
 */

#ifndef VSW_VALUE_BOX_H
#define VSW_VALUE_BOX_H

#include <stddef.h>
#include <stdint.h>

typedef struct vsw_value_box_s vsw_value_box_t;

typedef struct {
    uint8_t *data; /* free() is the taker's */
    size_t   length;
    int64_t  t_unix_us; /* when its last byte came */
} vsw_value_t;

typedef struct {
    uint64_t put;
    uint64_t late;   /* a newer one came before they were taken */
    uint64_t broken; /* as vsw_value_box_break() was told */
} vsw_value_counts_t;


/* NULL: out of memory. */
vsw_value_box_t *vsw_value_box_create(void);
void             vsw_value_box_destroy(vsw_value_box_t *box); /* accepts NULL */

/* Puts a copy in.  VSTREAM_ERROR: out of memory. */
int vsw_value_box_put(vsw_value_box_t *box, int64_t t_unix_us, const void *data,
                      size_t length);

/* VSTREAM_AGAIN: none came within `wait_us`. */
int vsw_value_box_take(vsw_value_box_t *box, int64_t wait_us,
                       vsw_value_t *value);

/* What was taken held no picture.  Returns how many did not, with this one. */
uint64_t vsw_value_box_break(vsw_value_box_t *box);

void vsw_value_box_counts(vsw_value_box_t *box, vsw_value_counts_t *counts);


#endif /* VSW_VALUE_BOX_H */
