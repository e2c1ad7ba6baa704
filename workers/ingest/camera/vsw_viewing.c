/*
 * Viewing, see vsw_viewing.h.
 */

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/time.h>

#include "vstream_jpeg.h"
#include "vsw_decoder.h"
#include "vsw_jpeg_encoder.h"
#include "vsw_paces.h"
#include "vsw_source.h"
#include "vsw_viewing.h"

/* More behind than this, pictures are decoded but not all are shown. */
#define VSW_BEHIND_US 150000

/* Stills further apart than this are worth giving memory back between. */
#define VSW_REST_US 2000000


struct vsw_viewing_s {
    const vsw_camera_config_t *config;
    vstream_rendition_t        rendition;
    AVCodecParameters         *stream;
    uint32_t                   stream_number; /* 0: not started */
    vsw_unit_ring_t           *ring;
    vsw_link_t                *link;
    vsw_decoder_t             *decoder; /* made when first needed */
    vsw_jpeg_encoder_t        *encoder;
    AVPacket                  *packet;
    AVFrame                   *frame;
    AVFrame                   *kept; /* newest picture not shown yet */
    vsw_unit_t                 kept_unit;
    AVFrame                   *held_frame;  /* what the link had no room */
    AVPacket                  *held_packet; /* for: one of them, or none */
    vsw_unit_t                 held_unit;
    vstream_jpeg_t             held_jpeg; /* of held_packet */
    vsw_size_t                 announced;
    vsw_paces_t                paces;
    bool                       is_passed_through; /* JPEGs as they came */
    bool                       is_attached;
    bool                       rates_need_units; /* keyframes are too rare */
    bool                       is_catching_up;
    uint64_t                   shown_key; /* keyframes up to it are old */
    uint64_t                   sent;      /* newest serial ever sent */
    uint64_t                   floor;     /* older units are not sent */
    int64_t                    shown_us;
    vsw_viewing_counts_t       counts;
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
    v->rendition = rendition;
    v->ring = ring;
    v->link = link;
    v->stream = avcodec_parameters_alloc();
    v->packet = av_packet_alloc();
    v->frame = av_frame_alloc();
    v->kept = av_frame_alloc();
    v->held_frame = av_frame_alloc();
    v->held_packet = av_packet_alloc();
    vsw_paces_init(&v->paces, config);

    if (v->stream == NULL || v->packet == NULL || v->frame == NULL
        || v->kept == NULL || v->held_frame == NULL || v->held_packet == NULL)
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
    vsw_jpeg_encoder_destroy(viewing->encoder);
    avcodec_parameters_free(&viewing->stream);
    av_packet_free(&viewing->packet);
    av_frame_free(&viewing->frame);
    av_frame_free(&viewing->kept);
    av_frame_free(&viewing->held_frame);
    av_packet_free(&viewing->held_packet);
    free(viewing);
}


static int
vsw_viewing_too_large(vsw_size_t size, uint64_t max_pixels,
                      vsw_failure_t *failure)
{
    vsw_failure_set(failure, VSTREAM_REASON_TOO_LARGE,
                    "the camera sends %ux%u, more than the %llu pixels "
                    "allowed: lower its resolution",
                    size.width, size.height, (unsigned long long) max_pixels);

    return VSTREAM_ERROR;
}


/* Tells codec and size, where they are new. */
static int
vsw_viewing_announce(vsw_viewing_t *v, vsw_size_t size)
{
    int         n;
    char        json[160];
    const char *codec = vsw_source_is_pattern(v->stream)
                            ? "test"
                            : avcodec_get_name(v->stream->codec_id);

    v->announced = size;

    if (v->rendition != VSTREAM_RENDITION_MAIN) {
        return VSTREAM_OK;
    }

    n = snprintf(json, sizeof(json),
                 "{\"codec\":\"%s\",\"width\":%u,\"height\":%u}", codec,
                 size.width, size.height);

    return vsw_link_write(v->link, VSW_LINK_STREAM, json, (size_t) n, NULL, 0)
                   == VSTREAM_ERROR
               ? VSTREAM_ERROR
               : VSTREAM_OK;
}


/* What is known of the size now; refuses what is too large. */
static int
vsw_viewing_size_check(vsw_viewing_t *v, vsw_size_t size,
                       vsw_failure_t *failure)
{
    if (size.width == v->announced.width && size.height == v->announced.height)
    {
        return VSTREAM_OK;
    }

    if ((uint64_t) size.width * size.height > v->config->max_pixels) {
        return vsw_viewing_too_large(size, v->config->max_pixels, failure);
    }

    return vsw_viewing_announce(v, size);
}


/* Takes up the newest stream; tells its size, where that is known already. */
static int
vsw_viewing_stream_begin(vsw_viewing_t *v, vsw_failure_t *failure)
{
    vsw_size_t size;

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
    v->announced = (vsw_size_t) { 0, 0 };
    size = (vsw_size_t) { (uint32_t) v->stream->width,
                          (uint32_t) v->stream->height };

    return vsw_viewing_size_check(v, size, failure);
}


int
vsw_viewing_start(vsw_viewing_t *viewing, vsw_failure_t *failure)
{
    if (vsw_viewing_stream_begin(viewing, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    return viewing->announced.width > 0
               ? VSTREAM_OK
               : vsw_viewing_announce(viewing, viewing->announced);
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
        v->counts.units_skipped++;
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
    *counts = viewing->counts;
}


/* A newer picture has come, or nobody wants it any more. */
static void
vsw_viewing_held_drop(vsw_viewing_t *v)
{
    if (v->held_frame->buf[0] == NULL && v->held_packet->data == NULL) {
        return;
    }

    v->counts.frames_late++;
    av_frame_unref(v->held_frame);
    av_packet_unref(v->held_packet);
}


/* VSTREAM_AGAIN: the link was still busy with the last one. */
static int
vsw_viewing_send(vsw_viewing_t *v, uint32_t flags, const vsw_unit_t *unit,
                 vsw_size_t size, const uint8_t *jpeg, size_t length)
{
    int              rc;
    int64_t          now_us = av_gettime_relative();
    vsw_link_frame_t head = { .t_unix_us = unit->t_unix_us,
                              .width = size.width,
                              .height = size.height,
                              .flags = flags };

    if (v->rendition == VSTREAM_RENDITION_SMALL) {
        head.flags |= VSW_FRAME_SMALL;
    }

    rc = vsw_link_write(v->link, VSW_LINK_FRAME, &head, sizeof(head), jpeg,
                        length);

    if (rc == VSTREAM_AGAIN && !vsw_link_is_pending(v->link)) {
        v->counts.frames_broken++; /* of a length that no frame has */
        return VSTREAM_OK;
    }

    if (rc != VSTREAM_OK) {
        return rc;
    }

    vsw_paces_sent(&v->paces, flags, now_us);
    v->shown_us = now_us;
    v->sent = unit->serial > v->sent ? unit->serial : v->sent;

    return VSTREAM_OK;
}


/*
 * Looks at a JPEG of the camera's own before anybody decodes or sends it.
 * VSTREAM_DECLINED: it is broken, and counted so.
 */
static int
vsw_viewing_jpeg_check(vsw_viewing_t *v, const AVPacket *packet,
                       vstream_jpeg_t *jpeg, vsw_failure_t *failure)
{
    vstream_slice_t       data;
    vstream_jpeg_result_t result;

    data = (vstream_slice_t) { (const char *) packet->data,
                               (size_t) packet->size };
    result = vstream_jpeg_scan(data, v->config->max_pixels, jpeg);

    if (result == VSTREAM_JPEG_TOO_LARGE) {
        vsw_failure_set(failure, VSTREAM_REASON_TOO_LARGE,
                        "the camera sends JPEGs of more than the %llu pixels "
                        "allowed, or of too many scans: lower its resolution",
                        (unsigned long long) v->config->max_pixels);
        return VSTREAM_ERROR;
    }

    if (result != VSTREAM_JPEG_OK) {
        v->counts.frames_broken++;
        return VSTREAM_DECLINED;
    }

    return vsw_viewing_size_check(v, (vsw_size_t) { jpeg->width, jpeg->height },
                                  failure);
}


/* A JPEG as it came. */
static int
vsw_viewing_show_jpeg(vsw_viewing_t *v, const AVPacket *packet,
                      const vsw_unit_t *unit, const vstream_jpeg_t *jpeg)
{
    int        rc;
    vsw_size_t size = { jpeg->width, jpeg->height };
    uint32_t   flags = vsw_paces_flags(&v->paces, av_gettime_relative());

    if (flags == 0 || unit->serial < v->floor) {
        return VSTREAM_OK;
    }

    vsw_viewing_held_drop(v);
    rc = vsw_viewing_send(v, flags, unit, size, packet->data, jpeg->length);

    if (rc != VSTREAM_AGAIN) {
        return rc;
    }

    v->held_unit = *unit;
    v->held_jpeg = *jpeg;

    return av_packet_ref(v->held_packet, packet) < 0 ? VSTREAM_ERROR
                                                     : VSTREAM_OK;
}


/* Encodes a picture and sends it. */
static int
vsw_viewing_encode(vsw_viewing_t *v, uint32_t flags, const AVFrame *frame,
                   const vsw_unit_t *unit)
{
    size_t         length;
    vsw_size_t     size;
    const uint8_t *jpeg;

    if (v->encoder == NULL) {
        v->encoder = vsw_jpeg_encoder_create(
            v->config->width, v->config->quality, v->config->max_pixels);
    }

    if (v->encoder == NULL
        || vsw_jpeg_encoder_encode(v->encoder, frame, &jpeg, &length, &size)
               != VSTREAM_OK
        || length > v->config->max_frame_bytes)
    {
        v->counts.frames_broken++;
        return VSTREAM_OK;
    }

    return vsw_viewing_send(v, flags, unit, size, jpeg, length);
}


/* A picture that was decoded.  It is not encoded before the link is free. */
static int
vsw_viewing_show_frame(vsw_viewing_t *v, const AVFrame *frame,
                       const vsw_unit_t *unit, vsw_failure_t *failure)
{
    int        rc;
    uint32_t   flags = vsw_paces_flags(&v->paces, av_gettime_relative());
    vsw_size_t size = { (uint32_t) frame->width, (uint32_t) frame->height };

    if (vsw_viewing_size_check(v, size, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    if (flags == 0 || unit->serial < v->floor) {
        return VSTREAM_OK;
    }

    vsw_viewing_held_drop(v);

    rc = vsw_link_flush(v->link);
    if (rc == VSTREAM_OK) {
        rc = vsw_viewing_encode(v, flags, frame, unit);
    }

    if (rc != VSTREAM_AGAIN) {
        return rc;
    }

    v->held_unit = *unit;

    return av_frame_ref(v->held_frame, frame) < 0 ? VSTREAM_ERROR : VSTREAM_OK;
}


/* Shows what the link had no room for, once it has. */
static int
vsw_viewing_show_held(vsw_viewing_t *v, vsw_failure_t *failure)
{
    int rc = VSTREAM_OK;

    if (vsw_link_is_pending(v->link)) {
        return VSTREAM_OK;
    }

    if (v->held_frame->buf[0] != NULL) {
        av_frame_move_ref(v->frame, v->held_frame);
        rc = vsw_viewing_show_frame(v, v->frame, &v->held_unit, failure);
        av_frame_unref(v->frame);

    } else if (v->held_packet->data != NULL) {
        av_packet_move_ref(v->packet, v->held_packet);
        rc = vsw_viewing_show_jpeg(v, v->packet, &v->held_unit, &v->held_jpeg);
        av_packet_unref(v->packet);
    }

    return rc;
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

    return vsw_viewing_size_check(v, size, failure);
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
            v->counts.frames_broken++;
            continue;
        }

        av_frame_unref(v->kept);
        av_frame_move_ref(v->kept, v->frame);
        v->kept_unit = unit;

        if (is_behind) {
            continue;
        }

        rc = vsw_viewing_show_frame(v, v->kept, &v->kept_unit, failure);
        av_frame_unref(v->kept);

        if (rc != VSTREAM_OK) {
            return rc;
        }
    }

    if (is_behind || v->kept->buf[0] == NULL) {
        return VSTREAM_OK;
    }

    rc = vsw_viewing_show_frame(v, v->kept, &v->kept_unit, failure);
    av_frame_unref(v->kept);

    return rc;
}


static int
vsw_viewing_starved(vsw_viewing_t *v, vsw_failure_t *failure)
{
    vsw_failure_set(failure, VSTREAM_REASON_TOO_LARGE,
                    "there is no memory to decode %ux%u: lower the camera's "
                    "resolution, or allow its process more memory",
                    v->announced.width, v->announced.height);

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

    if (v->announced.width == 0 && unit->is_key
        && vsw_viewing_size_learn(v, packet, failure) != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    rc = vsw_decoder_send(v->decoder, packet, unit);
    if (rc == VSTREAM_DECLINED) {
        return vsw_viewing_starved(v, failure);
    }

    if (rc != VSTREAM_OK) {
        v->counts.frames_broken++;

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

    rc = vsw_viewing_jpeg_check(v, packet, &jpeg, failure);

    if (rc == VSTREAM_ERROR) {
        return VSTREAM_ERROR;
    }

    if (rc == VSTREAM_DECLINED || (v->is_passed_through && is_behind)) {
        return VSTREAM_OK;
    }

    return v->is_passed_through
               ? vsw_viewing_show_jpeg(v, packet, unit, &jpeg)
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
           && av_gettime_relative() - v->shown_us < VSW_BEHIND_US;
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

    v->counts.units_skipped += skipped;
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
    vsw_jpeg_encoder_destroy(v->encoder);
    v->decoder = NULL;
    v->encoder = NULL;
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

    if (v->announced.width > 0
        || vsw_unit_ring_keyframe(v->ring, v->shown_key, v->packet, &unit)
               != VSTREAM_OK)
    {
        return VSTREAM_OK;
    }

    v->shown_key = unit.serial;
    rc = vsw_viewing_stream_follow(v, &unit, failure);

    if (rc == VSTREAM_OK) {
        rc = v->stream->codec_id == AV_CODEC_ID_MJPEG
                 ? vsw_viewing_jpeg_check(v, v->packet, &jpeg, failure)
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
    vsw_viewing_held_drop(v);
    v->is_attached = true;
    v->is_catching_up = true;
    v->floor = v->sent;
    v->shown_us = av_gettime_relative();
    vsw_unit_ring_attach(v->ring);
}


static void
vsw_viewing_detach(vsw_viewing_t *v)
{
    vsw_unit_t key;

    vsw_viewing_held_drop(v);
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

    if (vsw_viewing_show_held(viewing, failure) != VSTREAM_OK) {
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
