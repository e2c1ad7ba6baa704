/*
 * CONFIGURE, see vsw_configuration.h.
 */

#include "vsw_configuration.h"

#include "vsw_link.h"

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

    reason = vsw_configuration_fill(config, desired->camera.source,
                                    &desired->source, &source, detail);
    if (reason != NULL) {
        return reason;
    }

    memset(&substream, 0, sizeof(substream));

    if (desired->camera.substream.length > 0) {
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


/* A source with its credential.  Returns as vsw_configuration_create(). */
static const char *
vsw_configuration_fill(const vsw_ingest_config_t *config, vstream_slice_t text,
                       const vstream_source_t *source,
                       vsw_filled_source_t *filled, char *detail)
{
    const char *reason;

    if (source->kind == VSTREAM_SOURCE_TEST && !*config->sources.test) {
        snprintf(detail, VSW_CREDENTIAL_DETAIL,
                 "sources.test is off in the configuration of "
                 "vstream-ingest");
        reason = VSTREAM_REASON_SOURCE_DENIED;

    } else {
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
    vsw_configuration_bool(w, "still_is_set", camera->still_is_set);
    vsw_configuration_bool(w, "quality_is_set", camera->quality_is_set);
    vsw_configuration_number(w, "connect_timeout_ms",
                             config->limits.connect_timeout_ms);
    vsw_configuration_list(w, "allow", config->sources.allow,
                           config->sources.allow_count);
    vsw_configuration_list(w, "file_roots", config->sources.files,
                           config->sources.files_count);
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
