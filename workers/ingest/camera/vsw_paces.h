/*
 * How often a picture is wanted, and what for: viewers, stills and Kafka, each
 * at a rate of its own.  Of a stream, who asks (the duty) may change at any
 * time, the rates may not.  All times are by av_gettime_relative().
 */

#ifndef VSW_PACES_H
#define VSW_PACES_H

#include <stdbool.h>
#include <stdint.h>

#include "vsw_stream.h"

#define VSW_NEVER_US INT64_MAX

/* A rate that something is held to. */
typedef struct {
    int64_t interval_us;
    int64_t slack_us; /* how much too early is early enough */
    int64_t due_us;
} vsw_pace_t;

typedef struct {
    const vsw_camera_config_t *config;
    vsw_duty_t                 duty;
    vsw_pace_t                 live;
    vsw_pace_t                 still;
    vsw_pace_t                 kafka;
} vsw_paces_t;


/* `config` is borrowed.  Wanted for nothing, before vsw_paces_duty_set(). */
void vsw_paces_init(vsw_paces_t *paces, const vsw_camera_config_t *config);

/* The first who watches gets a picture at once. */
void vsw_paces_duty_set(vsw_paces_t *paces, const vsw_duty_t *duty);
bool vsw_paces_is_watched(const vsw_paces_t *paces);

/* What a picture would be sent for now, VSW_FRAME_…; 0: for nothing. */
uint32_t vsw_paces_flags(const vsw_paces_t *paces, int64_t now_us);

/* A picture has been sent for these. */
void vsw_paces_sent(vsw_paces_t *paces, uint32_t flags, int64_t now_us);

/* Unwatched: from when on the next keyframe is wanted, or VSW_NEVER_US. */
int64_t vsw_paces_keyframe_due_us(const vsw_paces_t *paces);

/*
 * Unwatched: the shortest interval that was asked for in so many words, or
 * VSW_NEVER_US; and whether it is too short for keyframes, wherever they are.
 */
int64_t vsw_paces_wanted_us(const vsw_paces_t *paces);
bool    vsw_paces_need_units(const vsw_paces_t *paces);


#endif /* VSW_PACES_H */
