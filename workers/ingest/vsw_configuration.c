/*
 * CONFIGURE, see vsw_configuration.h.
 */

#include "vsw_configuration.h"

#include "vsw_credentials.h"
#include "vsw_link.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static void vsw_configuration_write(vstream_writer_t *w, const char *id,
                                    const vstream_camera_t    *camera,
                                    const vsw_ingest_config_t *config,
                                    const vsw_filled_source_t *filled);
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
    vsw_filled_source_t filled;
    vstream_writer_t    w;
    const char         *reason;

    configuration->json = NULL;
    configuration->length = 0;

    if (desired->reason != NULL) {
        snprintf(detail, VSW_CREDENTIAL_DETAIL, "%s", desired->detail);
        return desired->reason;
    }

    if (desired->source.kind == VSTREAM_SOURCE_TEST && !*config->sources.test) {
        snprintf(detail, VSW_CREDENTIAL_DETAIL,
                 "sources.test is off in the configuration of "
                 "vstream-ingest");
        return VSTREAM_REASON_SOURCE_DENIED;
    }

    reason = vsw_credentials_fill(&config->credentials, desired->camera.source,
                                  &desired->source, &filled, detail);

    if (reason == NULL) {
        configuration->json = malloc(VSW_LINK_JSON_MAX);
        vstream_writer_init(&w, configuration->json,
                            configuration->json == NULL ? 0
                                                        : VSW_LINK_JSON_MAX);
        vsw_configuration_write(&w, id, &desired->camera, config, &filled);
        configuration->length = w.length;

        if (vstream_writer_status(&w) != VSTREAM_OK) {
            configuration->length = 0;
            snprintf(detail, VSW_CREDENTIAL_DETAIL,
                     "its configuration is longer than %d bytes",
                     VSW_LINK_JSON_MAX);
            reason = VSTREAM_REASON_BAD_SOURCE;
        }
    }

    vsw_credentials_clear(&filled);

    if (reason != NULL) {
        vsw_configuration_clear(configuration);
    }

    return reason;
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
                        const vsw_filled_source_t *filled)
{
    char  *secrets[VSW_CREDENTIAL_SECRETS];
    size_t i;

    for (i = 0; i < filled->secrets_count; i++) {
        secrets[i] = (char *) filled->secrets[i];
    }

    vstream_writer_text(w, "{\"id\":");
    vstream_writer_json_string(w, (vstream_slice_t) { id, strlen(id) });
    vsw_configuration_text(w, "url", filled->url);
    vsw_configuration_list(w, "secrets", secrets, filled->secrets_count);
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
