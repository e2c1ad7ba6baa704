/*
 * Frame output, see vsw_frame_output.h.
 */

#include <stdio.h>
#include <stdlib.h>

#include <libavutil/time.h>

#include "vsw_frame_output.h"
#include "vsw_jpeg_encoder.h"


struct vsw_frame_output_s {
    const vsw_camera_config_t *config;
    vstream_rendition_t        rendition;
    vsw_paces_t               *paces;
    vsw_link_t                *link;
    vsw_jpeg_encoder_t        *encoder; /* made when first needed */
    AVFrame                   *frame;
    AVPacket                  *packet;
    AVFrame                   *held_frame;  /* what the link had no room */
    AVPacket                  *held_packet; /* for: one of them, or none */
    vsw_unit_t                 held_unit;
    vstream_jpeg_t             held_jpeg; /* of held_packet */
    const char                *codec;
    vsw_size_t                 announced;
    uint64_t                   sent;  /* newest serial ever sent */
    uint64_t                   floor; /* older units are not sent */
    int64_t                    shown_us;
    uint64_t                   late;
    uint64_t                   broken;
};


vsw_frame_output_t *
vsw_frame_output_create(const vsw_camera_config_t *config,
                        vstream_rendition_t rendition, vsw_paces_t *paces,
                        vsw_link_t *link)
{
    vsw_frame_output_t *o;

    o = calloc(1, sizeof(*o));
    if (o == NULL) {
        return NULL;
    }

    o->config = config;
    o->rendition = rendition;
    o->paces = paces;
    o->link = link;
    o->frame = av_frame_alloc();
    o->packet = av_packet_alloc();
    o->held_frame = av_frame_alloc();
    o->held_packet = av_packet_alloc();

    if (o->frame == NULL || o->packet == NULL || o->held_frame == NULL
        || o->held_packet == NULL)
    {
        vsw_frame_output_destroy(o);
        return NULL;
    }

    return o;
}


void
vsw_frame_output_destroy(vsw_frame_output_t *output)
{
    if (output == NULL) {
        return;
    }

    vsw_jpeg_encoder_destroy(output->encoder);
    av_frame_free(&output->frame);
    av_packet_free(&output->packet);
    av_frame_free(&output->held_frame);
    av_packet_free(&output->held_packet);
    free(output);
}


static int
vsw_frame_output_too_large(vsw_size_t size, uint64_t max_pixels,
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
vsw_frame_output_tell(vsw_frame_output_t *o, vsw_size_t size)
{
    int  n;
    char json[160];

    o->announced = size;

    if (o->rendition != VSTREAM_RENDITION_MAIN) {
        return VSTREAM_OK;
    }

    n = snprintf(json, sizeof(json),
                 "{\"codec\":\"%s\",\"width\":%u,\"height\":%u}", o->codec,
                 size.width, size.height);

    return vsw_link_write(o->link, VSW_LINK_STREAM, json, (size_t) n, NULL, 0)
                   == VSTREAM_ERROR
               ? VSTREAM_ERROR
               : VSTREAM_OK;
}


int
vsw_frame_output_stream_set(vsw_frame_output_t *output, const char *codec,
                            vsw_size_t size, vsw_failure_t *failure)
{
    output->codec = codec;
    output->announced = (vsw_size_t) { 0, 0 };

    return vsw_frame_output_size_check(output, size, failure);
}


int
vsw_frame_output_announce(vsw_frame_output_t *output)
{
    return output->announced.width > 0
               ? VSTREAM_OK
               : vsw_frame_output_tell(output, output->announced);
}


vsw_size_t
vsw_frame_output_size(const vsw_frame_output_t *output)
{
    return output->announced;
}


int
vsw_frame_output_size_check(vsw_frame_output_t *o, vsw_size_t size,
                            vsw_failure_t *failure)
{
    if (size.width == o->announced.width && size.height == o->announced.height)
    {
        return VSTREAM_OK;
    }

    if ((uint64_t) size.width * size.height > o->config->max_pixels) {
        return vsw_frame_output_too_large(size, o->config->max_pixels, failure);
    }

    return vsw_frame_output_tell(o, size);
}


void
vsw_frame_output_drop(vsw_frame_output_t *o)
{
    if (o->held_frame->buf[0] == NULL && o->held_packet->data == NULL) {
        return;
    }

    o->late++;
    av_frame_unref(o->held_frame);
    av_packet_unref(o->held_packet);
}


/* VSTREAM_AGAIN: the link was still busy with the last one. */
static int
vsw_frame_output_send(vsw_frame_output_t *o, uint32_t flags,
                      const vsw_unit_t *unit, vsw_size_t size,
                      const uint8_t *jpeg, size_t length)
{
    int              rc;
    int64_t          now_us = av_gettime_relative();
    vsw_link_frame_t head = { .t_unix_us = unit->t_unix_us,
                              .width = size.width,
                              .height = size.height,
                              .flags = flags };

    if (o->rendition == VSTREAM_RENDITION_SMALL) {
        head.flags |= VSW_FRAME_SMALL;
    }

    rc = vsw_link_write(o->link, VSW_LINK_FRAME, &head, sizeof(head), jpeg,
                        length);

    if (rc == VSTREAM_AGAIN && !vsw_link_is_pending(o->link)) {
        o->broken++; /* of a length that no frame has */
        return VSTREAM_OK;
    }

    if (rc != VSTREAM_OK) {
        return rc;
    }

    vsw_paces_sent(o->paces, flags, now_us);
    o->shown_us = now_us;
    o->sent = unit->serial > o->sent ? unit->serial : o->sent;

    return VSTREAM_OK;
}


int
vsw_frame_output_jpeg_scan(vsw_frame_output_t *o, const AVPacket *packet,
                           vstream_jpeg_t *jpeg, vsw_failure_t *failure)
{
    vstream_slice_t       data;
    vstream_jpeg_result_t result;

    data = (vstream_slice_t) { (const char *) packet->data,
                               (size_t) packet->size };
    result = vstream_jpeg_scan(data, o->config->max_pixels, jpeg);

    if (result == VSTREAM_JPEG_TOO_LARGE) {
        vsw_failure_set(failure, VSTREAM_REASON_TOO_LARGE,
                        "the camera sends JPEGs of more than the %llu pixels "
                        "allowed, or of too many scans: lower its resolution",
                        (unsigned long long) o->config->max_pixels);
        return VSTREAM_ERROR;
    }

    if (result != VSTREAM_JPEG_OK) {
        o->broken++;
        return VSTREAM_DECLINED;
    }

    return vsw_frame_output_size_check(
        o, (vsw_size_t) { jpeg->width, jpeg->height }, failure);
}


int
vsw_frame_output_jpeg(vsw_frame_output_t *o, const AVPacket *packet,
                      const vsw_unit_t *unit, const vstream_jpeg_t *jpeg)
{
    int        rc;
    vsw_size_t size = { jpeg->width, jpeg->height };
    uint32_t   flags = vsw_paces_flags(o->paces, av_gettime_relative());

    if (flags == 0 || unit->serial < o->floor) {
        return VSTREAM_OK;
    }

    vsw_frame_output_drop(o);
    rc =
        vsw_frame_output_send(o, flags, unit, size, packet->data, jpeg->length);

    if (rc != VSTREAM_AGAIN) {
        return rc;
    }

    o->held_unit = *unit;
    o->held_jpeg = *jpeg;

    return av_packet_ref(o->held_packet, packet) < 0 ? VSTREAM_ERROR
                                                     : VSTREAM_OK;
}


/* Encodes a picture and sends it. */
static int
vsw_frame_output_encode(vsw_frame_output_t *o, uint32_t flags,
                        const AVFrame *frame, const vsw_unit_t *unit)
{
    size_t         length;
    vsw_size_t     size;
    const uint8_t *jpeg;

    if (o->encoder == NULL) {
        o->encoder = vsw_jpeg_encoder_create(
            o->config->width, o->config->quality, o->config->max_pixels);
    }

    if (o->encoder == NULL
        || vsw_jpeg_encoder_encode(o->encoder, frame, &jpeg, &length, &size)
               != VSTREAM_OK
        || length > o->config->max_frame_bytes)
    {
        o->broken++;
        return VSTREAM_OK;
    }

    return vsw_frame_output_send(o, flags, unit, size, jpeg, length);
}


int
vsw_frame_output_frame(vsw_frame_output_t *o, const AVFrame *frame,
                       const vsw_unit_t *unit, vsw_failure_t *failure)
{
    int        rc;
    uint32_t   flags = vsw_paces_flags(o->paces, av_gettime_relative());
    vsw_size_t size = { (uint32_t) frame->width, (uint32_t) frame->height };

    if (vsw_frame_output_size_check(o, size, failure) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    if (flags == 0 || unit->serial < o->floor) {
        return VSTREAM_OK;
    }

    vsw_frame_output_drop(o);

    rc = vsw_link_flush(o->link);
    if (rc == VSTREAM_OK) {
        rc = vsw_frame_output_encode(o, flags, frame, unit);
    }

    if (rc != VSTREAM_AGAIN) {
        return rc;
    }

    o->held_unit = *unit;

    return av_frame_ref(o->held_frame, frame) < 0 ? VSTREAM_ERROR : VSTREAM_OK;
}


int
vsw_frame_output_held_show(vsw_frame_output_t *o, vsw_failure_t *failure)
{
    int rc = VSTREAM_OK;

    if (vsw_link_is_pending(o->link)) {
        return VSTREAM_OK;
    }

    if (o->held_frame->buf[0] != NULL) {
        av_frame_move_ref(o->frame, o->held_frame);
        rc = vsw_frame_output_frame(o, o->frame, &o->held_unit, failure);
        av_frame_unref(o->frame);

    } else if (o->held_packet->data != NULL) {
        av_packet_move_ref(o->packet, o->held_packet);
        rc = vsw_frame_output_jpeg(o, o->packet, &o->held_unit, &o->held_jpeg);
        av_packet_unref(o->packet);
    }

    return rc;
}


void
vsw_frame_output_begin(vsw_frame_output_t *output)
{
    vsw_frame_output_drop(output);
    output->floor = output->sent;
    output->shown_us = av_gettime_relative();
}


int64_t
vsw_frame_output_shown_us(const vsw_frame_output_t *output)
{
    return output->shown_us;
}


void
vsw_frame_output_rest(vsw_frame_output_t *output)
{
    vsw_jpeg_encoder_destroy(output->encoder);
    output->encoder = NULL;
}


void
vsw_frame_output_counts(const vsw_frame_output_t *output, uint64_t *late,
                        uint64_t *broken)
{
    *late = output->late;
    *broken = output->broken;
}
