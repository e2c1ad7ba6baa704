/*
 * CONFIGURE, see vsw_configuration.h.
 */

#include "vsw_configuration.h"

#include "vsw_dial_policy.h"
#include "vsw_link.h"
#include "vstream_kafka.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static const char *vsw_configuration_fill(const vsw_ingest_config_t *config,
                                          vstream_slice_t            text,
                                          const vstream_source_t    *source,
                                          vsw_filled_source_t       *filled,
                                          char                      *detail);
static int  vsw_configuration_text_create(vsw_configuration_t    *configuration,
                                          const char             *id,
                                          const vstream_camera_t *camera,
                                          const vsw_ingest_config_t *config,
                                          const vsw_filled_source_t *source,
                                          const vsw_filled_source_t *substream);
static void vsw_configuration_write(vstream_writer_t *w, const char *id,
                                    const vstream_camera_t    *camera,
                                    const vsw_ingest_config_t *config,
                                    const vsw_filled_source_t *source,
                                    const vsw_filled_source_t *substream);
static const char *vsw_configuration_check(const vsw_ingest_config_t *config,
                                           const vstream_source_t    *source,
                                           char                      *detail);
static bool        vsw_configuration_is_echo(const vsw_ingest_config_t *config,
                                             const char                *id,
                                             const vsw_desired_t       *desired);
static bool vsw_configuration_may_listen(const vsw_config_sources_t *sources,
                                         const vstream_source_t     *source);
static bool vsw_configuration_has_device(const vsw_config_sources_t *sources,
                                         vstream_slice_t             path);
static void vsw_configuration_text(vstream_writer_t *w, const char *name,
                                   const char *value);
static void vsw_configuration_number(vstream_writer_t *w, const char *name,
                                     uint64_t value);
static void vsw_configuration_bool(vstream_writer_t *w, const char *name,
                                   bool value);
static void vsw_configuration_list(vstream_writer_t *w, const char *name,
                                   char *const *list, size_t count);


const char *
vsw_configuration_create(vsw_configuration_t *configuration, const char *id,
                         const vsw_desired_t       *desired,
                         const vsw_ingest_config_t *config, char *detail)
{
    vsw_filled_source_t source, substream;
    const char         *reason;

    memset(configuration, 0, sizeof(*configuration));

    if (desired->reason != NULL) {
        snprintf(detail, VSW_CREDENTIAL_DETAIL, "%s", desired->detail);
        return desired->reason;
    }

    if (vsw_configuration_is_echo(config, id, desired)) {
        snprintf(detail, VSW_CREDENTIAL_DETAIL,
                 "its pictures are sent to the topic that they come from: "
                 "give it kafka_fps=0, or name another camera by ?camera=");
        return VSTREAM_REASON_BAD_SOURCE;
    }

    reason = vsw_configuration_fill(config, desired->camera.source,
                                    &desired->source, &source, detail);
    if (reason != NULL) {
        return reason;
    }

    memset(&substream, 0, sizeof(substream));

    if (desired->camera.substream.length > 0
        && desired->substream.kind == VSTREAM_SOURCE_KAFKA)
    {
        configuration->substream_reason = VSTREAM_REASON_BAD_SOURCE;
        snprintf(configuration->substream_detail, VSW_CREDENTIAL_DETAIL,
                 "a substream cannot come from Kafka");

    } else if (desired->camera.substream.length > 0) {
        configuration->substream_reason = vsw_configuration_fill(
            config, desired->camera.substream, &desired->substream, &substream,
            configuration->substream_detail);
    }

    if (vsw_configuration_text_create(configuration, id, &desired->camera,
                                      config, &source, &substream)
        != VSTREAM_OK)
    {
        snprintf(detail, VSW_CREDENTIAL_DETAIL,
                 "its configuration is longer than %d bytes",
                 VSW_LINK_JSON_MAX);
        reason = VSTREAM_REASON_BAD_SOURCE;
    }

    vsw_credentials_clear(&source);
    vsw_credentials_clear(&substream);

    if (reason != NULL) {
        vsw_configuration_clear(configuration);
    }

    return reason;
}


/* What of a source the operator of ingest must have allowed. */
static const char *
vsw_configuration_check(const vsw_ingest_config_t *config,
                        const vstream_source_t *source, char *detail)
{
    const vsw_config_sources_t *sources = &config->sources;

    if (source->kind == VSTREAM_SOURCE_TEST && !*sources->test) {
        snprintf(detail, VSW_CREDENTIAL_DETAIL,
                 "sources.test is off in the configuration of "
                 "vstream-ingest");
        return VSTREAM_REASON_SOURCE_DENIED;
    }

    if (source->is_listening && !vsw_configuration_may_listen(sources, source))
    {
        snprintf(detail, VSW_CREDENTIAL_DETAIL,
                 "%.*s port %u is not among sources.listen of vstream-ingest, "
                 "which says where sources may wait for their cameras",
                 (int) source->host.length, source->host.data,
                 (unsigned) source->port);
        return VSTREAM_REASON_SOURCE_DENIED;
    }

    if (source->kind == VSTREAM_SOURCE_V4L2
        && !vsw_configuration_has_device(sources, source->path))
    {
        snprintf(detail, VSW_CREDENTIAL_DETAIL,
                 "%.*s is not among sources.devices of vstream-ingest",
                 source->path.length < 200 ? (int) source->path.length : 200,
                 source->path.data);
        return VSTREAM_REASON_SOURCE_DENIED;
    }

    if (source->kind == VSTREAM_SOURCE_KAFKA
        && config->kafka.client.brokers_count == 0)
    {
        snprintf(detail, VSW_CREDENTIAL_DETAIL,
                 "kafka.brokers is not set in the configuration of "
                 "vstream-ingest");
        return VSTREAM_REASON_SOURCE_DENIED;
    }

    return NULL;
}


/* It would be fed with its own pictures, for ever. */
static bool
vsw_configuration_is_echo(const vsw_ingest_config_t *config, const char *id,
                          const vsw_desired_t *desired)
{
    const vsw_config_kafka_frames_t *frames = &config->kafka.frames;
    const vstream_source_t          *source = &desired->source;
    vstream_writer_t                 w;
    char                             topic[VSTREAM_KAFKA_TOPIC_MAX];

    if (source->kind != VSTREAM_SOURCE_KAFKA
        || !vsw_kafka_section_sends(&config->kafka)
        || (desired->camera.kafka_fps_milli == 0
            && !desired->camera.kafka_keyframe)
        || (source->camera.length > 0
            && (source->camera.length != strlen(id)
                || memcmp(source->camera.data, id, source->camera.length)
                       != 0)))
    {
        return false;
    }

    vstream_writer_init(&w, topic, sizeof(topic));

    if (*frames->topic_per_camera) {
        vstream_kafka_topic_write(&w, (vstream_slice_t) { id, strlen(id) });
    } else {
        vstream_writer_text(&w, frames->topic);
    }

    return w.length == source->path.length
           && memcmp(topic, source->path.data, w.length) == 0;
}


static bool
vsw_configuration_may_listen(const vsw_config_sources_t *sources,
                             const vstream_source_t     *source)
{
    char         address[64];
    uint32_t     i;
    vsw_listen_t listen;

    if (source->host.length >= sizeof(address)) {
        return false;
    }

    memcpy(address, source->host.data, source->host.length);
    address[source->host.length] = '\0';

    for (i = 0; i < sources->listen_count; i++) {
        if (vsw_listen_read(&listen, sources->listen[i]) == VSTREAM_OK
            && vsw_listen_covers(&listen, address, source->port))
        {
            return true;
        }
    }

    return false;
}


static bool
vsw_configuration_has_device(const vsw_config_sources_t *sources,
                             vstream_slice_t             path)
{
    uint32_t i;

    for (i = 0; i < sources->devices_count; i++) {
        if (strlen(sources->devices[i]) == path.length
            && memcmp(sources->devices[i], path.data, path.length) == 0)
        {
            return true;
        }
    }

    return false;
}


/* A source with its credential.  Returns as vsw_configuration_create(). */
static const char *
vsw_configuration_fill(const vsw_ingest_config_t *config, vstream_slice_t text,
                       const vstream_source_t *source,
                       vsw_filled_source_t *filled, char *detail)
{
    const char *reason;

    reason = vsw_configuration_check(config, source, detail);

    if (reason == NULL) {
        reason = vsw_credentials_fill(&config->credentials, text, source,
                                      filled, detail);
    }

    if (reason != NULL) {
        vsw_credentials_clear(filled);
    }

    return reason;
}


/* VSTREAM_ERROR: there is no room for it. */
static int
vsw_configuration_text_create(vsw_configuration_t *configuration,
                              const char *id, const vstream_camera_t *camera,
                              const vsw_ingest_config_t *config,
                              const vsw_filled_source_t *source,
                              const vsw_filled_source_t *substream)
{
    vstream_writer_t w;

    configuration->json = malloc(VSW_LINK_JSON_MAX);
    vstream_writer_init(&w, configuration->json,
                        configuration->json == NULL ? 0 : VSW_LINK_JSON_MAX);
    vsw_configuration_write(&w, id, camera, config, source, substream);

    if (vstream_writer_status(&w) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    configuration->length = w.length;

    return VSTREAM_OK;
}


void
vsw_configuration_clear(vsw_configuration_t *configuration)
{
    if (configuration->json != NULL) {
        explicit_bzero(configuration->json, VSW_LINK_JSON_MAX);
        free(configuration->json);
    }

    configuration->json = NULL;
    configuration->length = 0;
}


static void
vsw_configuration_write(vstream_writer_t *w, const char *id,
                        const vstream_camera_t    *camera,
                        const vsw_ingest_config_t *config,
                        const vsw_filled_source_t *source,
                        const vsw_filled_source_t *substream)
{
    char  *secrets[2 * VSW_CREDENTIAL_SECRETS];
    size_t i, n = 0;

    for (i = 0; i < source->secrets_count; i++) {
        secrets[n++] = (char *) source->secrets[i];
    }

    for (i = 0; i < substream->secrets_count; i++) {
        secrets[n++] = (char *) substream->secrets[i];
    }

    vstream_writer_text(w, "{\"id\":");
    vstream_writer_json_string(w, (vstream_slice_t) { id, strlen(id) });
    vsw_configuration_text(w, "url", source->url);

    if (substream->url[0] != '\0') {
        vsw_configuration_text(w, "substream", substream->url);
    }

    vsw_configuration_list(w, "secrets", secrets, n);
    vsw_configuration_text(w, "transport",
                           camera->transport == VSTREAM_TRANSPORT_UDP ? "udp"
                                                                      : "tcp");
    vsw_configuration_number(w, "fps_milli", camera->fps_milli);
    vsw_configuration_number(w, "width", camera->width);
    vsw_configuration_number(w, "quality", camera->quality);
    vsw_configuration_number(w, "still_ms", camera->still_ms);
    vsw_configuration_number(w, "interval_ms", camera->interval_ms);
    vsw_configuration_bool(w, "still_is_set", camera->still_is_set);
    vsw_configuration_bool(w, "quality_is_set", camera->quality_is_set);

    if (vsw_kafka_section_sends(&config->kafka)) {
        vsw_configuration_number(w, "kafka_fps_milli", camera->kafka_fps_milli);
        vsw_configuration_bool(w, "kafka_keyframe", camera->kafka_keyframe);
    }

    vsw_configuration_number(w, "connect_timeout_ms",
                             config->limits.connect_timeout_ms);
    vsw_configuration_list(w, "allow", config->sources.allow,
                           config->sources.allow_count);
    vsw_configuration_list(w, "file_roots", config->sources.files,
                           config->sources.files_count);
    vsw_configuration_list(w, "listen", config->sources.listen,
                           config->sources.listen_count);
    vsw_configuration_list(w, "devices", config->sources.devices,
                           config->sources.devices_count);

    if (config->sources.ca_file != NULL) {
        vsw_configuration_text(w, "ca_file", config->sources.ca_file);
    }

    vsw_configuration_number(w, "max_frame_bytes", VSTREAM_FRAME_BYTES_MAX);
    vsw_configuration_number(w, "max_pixels", VSTREAM_FRAME_PIXELS_MAX);
    vstream_writer_text(w, "}");
}


static void
vsw_configuration_text(vstream_writer_t *w, const char *name, const char *value)
{
    vstream_writer_text(w, ",\"");
    vstream_writer_text(w, name);
    vstream_writer_text(w, "\":");
    vstream_writer_json_string(w, (vstream_slice_t) { value, strlen(value) });
}


static void
vsw_configuration_number(vstream_writer_t *w, const char *name, uint64_t value)
{
    vstream_writer_text(w, ",\"");
    vstream_writer_text(w, name);
    vstream_writer_text(w, "\":");
    vstream_writer_uint(w, value);
}


static void
vsw_configuration_bool(vstream_writer_t *w, const char *name, bool value)
{
    vstream_writer_text(w, ",\"");
    vstream_writer_text(w, name);
    vstream_writer_text(w, value ? "\":true" : "\":false");
}


static void
vsw_configuration_list(vstream_writer_t *w, const char *name, char *const *list,
                       size_t count)
{
    size_t i;

    vstream_writer_text(w, ",\"");
    vstream_writer_text(w, name);
    vstream_writer_text(w, "\":[");

    for (i = 0; i < count; i++) {
        vstream_writer_text(w, i == 0 ? "" : ",");
        vstream_writer_json_string(
            w, (vstream_slice_t) { list[i], strlen(list[i]) });
    }

    vstream_writer_text(w, "]");
}
