/*
 * Viewing, see vsw_viewing.h.
 */

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/time.h>

#include "vsw_decoder.h"
#include "vsw_frame_output.h"
#include "vsw_paces.h"
#include "vsw_source.h"
#include "vsw_viewing.h"

/* More behind than this, pictures are decoded but not all are shown. */
#define VSW_BEHIND_US 150000

/* Stills further apart than this are worth giving memory back between. */
#define VSW_REST_US 2000000


struct vsw_viewing_s {
    const vsw_camera_config_t *config;
    AVCodecParameters         *stream;
    uint32_t                   stream_number; /* 0: not started */
    vsw_unit_ring_t           *ring;
    vsw_frame_output_t        *output;
    vsw_decoder_t             *decoder; /* made when first needed */
    AVPacket                  *packet;
    AVFrame                   *frame;
    AVFrame                   *kept; /* newest picture not shown yet */
    vsw_unit_t                 kept_unit;
    vsw_paces_t                paces;
    bool                       is_passed_through; /* JPEGs as they came */
    bool                       is_attached;
    bool                       rates_need_units; /* keyframes are too rare */
    bool                       is_catching_up;
    uint64_t                   shown_key; /* keyframes up to it are old */
    uint64_t                   units_skipped;
    uint64_t                   frames_broken; /* that nobody could decode */
};


vsw_viewing_t *
vsw_viewing_create(const vsw_camera_config_t *config,
                   vstream_rendition_t rendition, vsw_unit_ring_t *ring,
                   vsw_link_t *link)
{
    vsw_viewing_t *v;

    v = calloc(1, sizeof(*v));
    if (v == NULL) {
        return NULL;
    }

    v->config = config;
    v->ring = ring;
    v->stream = avcodec_parameters_alloc();
    v->packet = av_packet_alloc();
    v->frame = av_frame_alloc();
    v->kept = av_frame_alloc();
    v->output = vsw_frame_output_create(config, rendition, &v->paces, link);
    vsw_paces_init(&v->paces, config);

    if (v->stream == NULL || v->packet == NULL || v->frame == NULL
        || v->kept == NULL || v->output == NULL)
    {
        vsw_viewing_destroy(v);
        return NULL;
    }

    return v;
}


void
vsw_viewing_destroy(vsw_viewing_t *viewing)
{
    if (viewing == NULL) {
        return;
    }

    vsw_decoder_destroy(viewing->decoder);
    vsw_frame_output_destroy(viewing->output);
    avcodec_parameters_free(&viewing->stream);
    av_packet_free(&viewing->packet);
    av_frame_free(&viewing->frame);
    av_frame_free(&viewing->kept);
    free(viewing);
}


/* Takes up the newest stream; tells its size, where that is known already. */
static int
vsw_viewing_stream_begin(vsw_viewing_t *v, vsw_failure_t *failure)
{
    vsw_size_t  size;
    const char *codec;

    vsw_decoder_destroy(v->decoder);
    v->decoder = NULL;
    av_frame_unref(v->kept);

    if (vsw_unit_ring_stream(v->ring, v->stream, &v->stream_number)
        != VSTREAM_OK) {
        vsw_failure_set_av(failure, AVERROR(ENOMEM), "the camera");
        return VSTREAM_ERROR;
    }

    v->is_passed_through = v->stream->codec_id == AV_CODEC_ID_MJPEG
                           && v->config->width == 0
                           && !v->config->quality_is_set;
    size = (vsw_size_t) { (uint32_t) v->stream->width,
                          (uint32_t) v->stream->height };

    codec = vsw_source_is_pattern(v->stream)
                ? "test"
                : avcodec_get_name(v->stream->codec_id);

    return vsw_frame_output_stream_set(v->output, codec, size, failure);
}


int
vsw_viewing_start(vsw_viewing_t *viewing, vsw_failure_t *failure)
{
    if (vsw_viewing_stream_begin(viewing, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    return vsw_frame_output_announce(viewing->output);
}


/*
 * The stream that this unit belongs to is the one at hand afterwards.
 * VSTREAM_DECLINED: it has ended already, and so nobody can decode the unit.
 */
static int
vsw_viewing_stream_follow(vsw_viewing_t *v, const vsw_unit_t *unit,
                          vsw_failure_t *failure)
{
    if (unit->stream != v->stream_number
        && vsw_viewing_stream_begin(v, failure) != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    if (unit->stream != v->stream_number) {
        v->units_skipped++;
        return VSTREAM_DECLINED;
    }

    return VSTREAM_OK;
}


void
vsw_viewing_duty_set(vsw_viewing_t *viewing, const vsw_duty_t *duty)
{
    if (viewing->paces.duty.stills != duty->stills) {
        viewing->rates_need_units = false; /* to be seen anew */
    }

    vsw_paces_duty_set(&viewing->paces, duty);
}


bool
vsw_viewing_is_attached(const vsw_viewing_t *viewing)
{
    return viewing->is_attached;
}


void
vsw_viewing_counts(const vsw_viewing_t *viewing, vsw_viewing_counts_t *counts)
{
    vsw_frame_output_counts(viewing->output, &counts->frames_late,
                            &counts->frames_broken);
    counts->frames_broken += viewing->frames_broken;
    counts->units_skipped = viewing->units_skipped;
}


/*
 * The size that a keyframe's parameter sets name; nothing is decoded.
 * VSTREAM_AGAIN: they name none.
 */
static int
vsw_viewing_size_parse(const vsw_viewing_t *v, const AVPacket *packet,
                       vsw_size_t *size)
{
    int                   rc = VSTREAM_AGAIN, out_size;
    uint8_t              *out;
    AVCodecContext       *codec = avcodec_alloc_context3(NULL);
    AVCodecParserContext *parser = av_parser_init(v->stream->codec_id);

    if (codec != NULL && parser != NULL
        && avcodec_parameters_to_context(codec, v->stream) >= 0)
    {
        parser->flags |= PARSER_FLAG_COMPLETE_FRAMES;
        (void) av_parser_parse2(parser, codec, &out, &out_size, packet->data,
                                packet->size, AV_NOPTS_VALUE, AV_NOPTS_VALUE,
                                0);

        if (parser->width > 0 && parser->height > 0) {
            *size = (vsw_size_t) { (uint32_t) parser->width,
                                   (uint32_t) parser->height };
            rc = VSTREAM_OK;
        }
    }

    av_parser_close(parser);
    avcodec_free_context(&codec);

    return rc;
}


/*
 * Before the first picture is decoded: learns its size, so that what is too
 * large is refused before memory is taken for it.
 */
static int
vsw_viewing_size_learn(vsw_viewing_t *v, const AVPacket *packet,
                       vsw_failure_t *failure)
{
    vsw_size_t size;

    if (vsw_viewing_size_parse(v, packet, &size) != VSTREAM_OK) {
        return VSTREAM_OK;
    }

    return vsw_frame_output_size_check(v->output, size, failure);
}


static int
vsw_viewing_decoder_ready(vsw_viewing_t *v, vsw_failure_t *failure)
{
    if (v->decoder == NULL) {
        v->decoder =
            vsw_decoder_create(v->stream, v->config->max_pixels, failure);
    }

    return v->decoder != NULL ? VSTREAM_OK : VSTREAM_ERROR;
}


/* Shows, or keeps, whatever pictures the decoder has ready. */
static int
vsw_viewing_receive(vsw_viewing_t *v, bool is_behind, vsw_failure_t *failure)
{
    int        rc;
    vsw_unit_t unit;

    while ((rc = vsw_decoder_receive(v->decoder, v->frame, &unit))
           != VSTREAM_AGAIN) {
        if (rc == VSTREAM_DECLINED) {
            v->frames_broken++;
            continue;
        }

        av_frame_unref(v->kept);
        av_frame_move_ref(v->kept, v->frame);
        v->kept_unit = unit;

        if (is_behind) {
            continue;
        }

        rc = vsw_frame_output_frame(v->output, v->kept, &v->kept_unit, failure);
        av_frame_unref(v->kept);

        if (rc != VSTREAM_OK) {
            return rc;
        }
    }

    if (is_behind || v->kept->buf[0] == NULL) {
        return VSTREAM_OK;
    }

    rc = vsw_frame_output_frame(v->output, v->kept, &v->kept_unit, failure);
    av_frame_unref(v->kept);

    return rc;
}


static int
vsw_viewing_starved(vsw_viewing_t *v, vsw_failure_t *failure)
{
    vsw_size_t size = vsw_frame_output_size(v->output);

    vsw_failure_set(failure, VSTREAM_REASON_TOO_LARGE,
                    "there is no memory to decode %ux%u: lower the camera's "
                    "resolution, or allow its process more memory",
                    size.width, size.height);

    return VSTREAM_ERROR;
}


static int
vsw_viewing_decode(vsw_viewing_t *v, const AVPacket *packet,
                   const vsw_unit_t *unit, bool is_behind,
                   vsw_failure_t *failure)
{
    int rc;

    if (vsw_viewing_decoder_ready(v, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    if (vsw_frame_output_size(v->output).width == 0 && unit->is_key
        && vsw_viewing_size_learn(v, packet, failure) != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    rc = vsw_decoder_send(v->decoder, packet, unit);
    if (rc == VSTREAM_DECLINED) {
        return vsw_viewing_starved(v, failure);
    }

    if (rc != VSTREAM_OK) {
        v->frames_broken++;

        /* it may have grown beyond what a decoder here takes */
        if (unit->is_key
            && vsw_viewing_size_learn(v, packet, failure) != VSTREAM_OK) {
            return VSTREAM_ERROR;
        }
    }

    return vsw_viewing_receive(v, is_behind, failure);
}


/* One unit, shown as it is or decoded. */
static int
vsw_viewing_unit(vsw_viewing_t *v, const AVPacket *packet,
                 const vsw_unit_t *unit, bool is_behind, vsw_failure_t *failure)
{
    int            rc;
    vstream_jpeg_t jpeg;

    rc = vsw_viewing_stream_follow(v, unit, failure);
    if (rc != VSTREAM_OK) {
        return rc == VSTREAM_DECLINED ? VSTREAM_OK : VSTREAM_ERROR;
    }

    if (v->stream->codec_id != AV_CODEC_ID_MJPEG) {
        return vsw_viewing_decode(v, packet, unit, is_behind, failure);
    }

    rc = vsw_frame_output_jpeg_scan(v->output, packet, &jpeg, failure);

    if (rc == VSTREAM_ERROR) {
        return VSTREAM_ERROR;
    }

    if (rc == VSTREAM_DECLINED || (v->is_passed_through && is_behind)) {
        return VSTREAM_OK;
    }

    return v->is_passed_through
               ? vsw_frame_output_jpeg(v->output, packet, unit, &jpeg)
               : vsw_viewing_decode(v, packet, unit, is_behind, failure);
}


/* Is there so much to catch up with that this unit's picture may be left? */
static bool
vsw_viewing_is_behind(vsw_viewing_t *v, const vsw_unit_t *unit)
{
    vsw_unit_t newest;

    vsw_unit_ring_newest(v->ring, &newest);

    if (newest.serial == unit->serial) {
        v->is_catching_up = false;
        return false;
    }

    if (newest.t_us - unit->t_us > VSW_BEHIND_US) {
        v->is_catching_up = true;
    }

    /* a long way to catch up is no reason to show nothing */
    return v->is_catching_up
           && av_gettime_relative() - vsw_frame_output_shown_us(v->output)
                  < VSW_BEHIND_US;
}


/* Attached: the next unit. */
static int
vsw_viewing_take(vsw_viewing_t *v, vsw_failure_t *failure)
{
    int        rc;
    bool       is_behind;
    uint64_t   skipped;
    vsw_unit_t unit;

    rc = vsw_unit_ring_take(v->ring, v->packet, &unit, &skipped);
    if (rc != VSTREAM_OK) {
        return rc;
    }

    v->units_skipped += skipped;
    is_behind = vsw_viewing_is_behind(v, &unit);

    if (skipped > 0 && v->decoder != NULL) {
        vsw_decoder_reset(v->decoder);
    }

    rc = vsw_viewing_unit(v, v->packet, &unit, is_behind, failure);
    av_packet_unref(v->packet);

    return rc;
}


/*
 * Decoder and encoder hold some megabytes; those of a camera that is watched,
 * many.  The next one takes its memory page by page, which costs as much as to
 * decode a keyframe.
 */
static void
vsw_viewing_release(vsw_viewing_t *v)
{
    vsw_decoder_destroy(v->decoder);
    v->decoder = NULL;
    vsw_frame_output_rest(v->output);
    (void) malloc_trim(0);
}


/* Nothing is to be decoded before the next keyframe. */
static void
vsw_viewing_rest(vsw_viewing_t *v)
{
    if (v->paces.still.interval_us > VSW_REST_US) {
        vsw_viewing_release(v);

    } else if (v->decoder != NULL) {
        vsw_decoder_reset(v->decoder);
    }
}


/* Detached: a picture from the newest keyframe, once one is due. */
static int
vsw_viewing_keyframe(vsw_viewing_t *v, int64_t *due_us, vsw_failure_t *failure)
{
    int        rc;
    vsw_unit_t unit;

    *due_us = vsw_paces_keyframe_due_us(&v->paces);
    if (*due_us > av_gettime_relative()) {
        return VSTREAM_AGAIN;
    }

    *due_us = VSW_NEVER_US;
    rc = vsw_unit_ring_keyframe(v->ring, v->shown_key, v->packet, &unit);
    if (rc != VSTREAM_OK) {
        return rc;
    }

    v->shown_key = unit.serial;

    rc = vsw_viewing_unit(v, v->packet, &unit, false, failure);

    if (rc == VSTREAM_OK && v->decoder != NULL) {
        vsw_decoder_drain(v->decoder);
        rc = vsw_viewing_receive(v, false, failure);
        vsw_viewing_rest(v);
    }

    av_packet_unref(v->packet);

    return rc;
}


/* Without stills, the first keyframe is still asked for its size. */
static int
vsw_viewing_first_look(vsw_viewing_t *v, vsw_failure_t *failure)
{
    int            rc;
    vsw_unit_t     unit;
    vstream_jpeg_t jpeg;

    if (vsw_frame_output_size(v->output).width > 0
        || vsw_unit_ring_keyframe(v->ring, v->shown_key, v->packet, &unit)
               != VSTREAM_OK)
    {
        return VSTREAM_OK;
    }

    v->shown_key = unit.serial;
    rc = vsw_viewing_stream_follow(v, &unit, failure);

    if (rc == VSTREAM_OK) {
        rc = v->stream->codec_id == AV_CODEC_ID_MJPEG
                 ? vsw_frame_output_jpeg_scan(v->output, v->packet, &jpeg,
                                              failure)
                 : vsw_viewing_size_learn(v, v->packet, failure);
    }

    av_packet_unref(v->packet);

    return rc == VSTREAM_ERROR ? VSTREAM_ERROR : VSTREAM_OK;
}


/* Do pictures as often as they were asked for need more than keyframes? */
static bool
vsw_viewing_keyframes_are_rare(const vsw_viewing_t *v)
{
    int64_t    wanted_us = vsw_paces_wanted_us(&v->paces);
    vsw_unit_t key, newest;

    if (wanted_us == VSW_NEVER_US) {
        return false;
    }

    vsw_unit_ring_newest_key(v->ring, &key);
    vsw_unit_ring_newest(v->ring, &newest);

    return key.serial > 0 && newest.t_us - key.t_us > wanted_us + wanted_us / 4;
}


static void
vsw_viewing_attach(vsw_viewing_t *v)
{
    v->is_attached = true;
    v->is_catching_up = true;
    vsw_frame_output_begin(v->output);
    vsw_unit_ring_attach(v->ring);
}


static void
vsw_viewing_detach(vsw_viewing_t *v)
{
    vsw_unit_t key;

    vsw_frame_output_drop(v->output);
    v->is_attached = false;
    vsw_unit_ring_detach(v->ring);
    av_frame_unref(v->kept);

    /* what was shown is newer than any keyframe at hand */
    vsw_unit_ring_newest_key(v->ring, &key);
    v->shown_key = key.serial;

    vsw_viewing_release(v);
}


static void
vsw_viewing_attach_as_needed(vsw_viewing_t *v)
{
    bool is_needed;

    if (!v->rates_need_units) {
        v->rates_need_units = vsw_paces_need_units(&v->paces)
                              || vsw_viewing_keyframes_are_rare(v);
    }

    is_needed = vsw_paces_is_watched(&v->paces) || v->rates_need_units;

    if (is_needed && !v->is_attached) {
        vsw_viewing_attach(v);

    } else if (!is_needed && v->is_attached) {
        vsw_viewing_detach(v);
    }
}


int
vsw_viewing_work(vsw_viewing_t *viewing, int64_t *due_us,
                 vsw_failure_t *failure)
{
    *due_us = VSW_NEVER_US;

    if (viewing->stream_number == 0) {
        return VSTREAM_AGAIN;
    }

    vsw_viewing_attach_as_needed(viewing);

    if (vsw_frame_output_held_show(viewing->output, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    if (viewing->is_attached) {
        return vsw_viewing_take(viewing, failure);
    }

    if (vsw_paces_keyframe_due_us(&viewing->paces) == VSW_NEVER_US
        && vsw_viewing_first_look(viewing, failure) != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    return vsw_viewing_keyframe(viewing, due_us, failure);
}
