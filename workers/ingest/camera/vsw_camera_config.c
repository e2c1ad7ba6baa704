/*
 * CONFIGURE, see vsw_camera_config.h.
 */

#include <stdio.h>
#include <string.h>

#include "vsw_camera_config.h"


static int
vsw_secrets_read(vsw_mask_t *mask, const json_t *secrets)
{
    size_t        i;
    const json_t *secret;

    json_array_foreach(secrets, i, secret)
    {
        if (!json_is_string(secret)
            || vsw_mask_add(mask, json_string_value(secret)) != VSTREAM_OK)
        {
            return VSTREAM_ERROR;
        }
    }

    return VSTREAM_OK;
}


static int
vsw_networks_read(vsw_dial_policy_t *policy, const json_t *networks)
{
    size_t        i;
    const json_t *network;

    json_array_foreach(networks, i, network)
    {
        if (policy->count == VSW_NETWORKS_MAX || !json_is_string(network)
            || vsw_network_read(&policy->allowed[policy->count],
                                json_string_value(network))
                   != VSTREAM_OK)
        {
            return VSTREAM_ERROR;
        }

        policy->count++;
    }

    return VSTREAM_OK;
}


static int
vsw_listens_read(vsw_dial_policy_t *policy, const json_t *listens)
{
    size_t        i;
    const json_t *listen;

    json_array_foreach(listens, i, listen)
    {
        if (policy->listens_count == VSW_LISTENS_MAX || !json_is_string(listen)
            || vsw_listen_read(&policy->listens[policy->listens_count],
                               json_string_value(listen))
                   != VSTREAM_OK)
        {
            return VSTREAM_ERROR;
        }

        policy->listens_count++;
    }

    return VSTREAM_OK;
}


/* Paths, `most` at most; they belong to the JSON. */
static int
vsw_paths_read(const char **paths, size_t *count, size_t most,
               const json_t *list)
{
    size_t        i;
    const json_t *path;

    json_array_foreach(list, i, path)
    {
        if (*count == most || !json_is_string(path)) {
            return VSTREAM_ERROR;
        }

        paths[(*count)++] = json_string_value(path);
    }

    return VSTREAM_OK;
}


static int
vsw_camera_lists_read(vsw_camera_config_t *config, const json_t *json)
{
    if (vsw_secrets_read(&config->mask, json_object_get(json, "secrets"))
            != VSTREAM_OK
        || vsw_networks_read(&config->dial, json_object_get(json, "allow"))
               != VSTREAM_OK
        || vsw_listens_read(&config->dial, json_object_get(json, "listen"))
               != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    if (vsw_paths_read(config->file_roots, &config->file_roots_count,
                       VSW_FILE_ROOTS_MAX, json_object_get(json, "file_roots"))
        != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    return vsw_paths_read(config->devices, &config->devices_count,
                          VSW_DEVICES_MAX, json_object_get(json, "devices"));
}


/* Numbers as JSON has them; the members that are narrower follow. */
static int
vsw_camera_config_unpack(vsw_camera_config_t *config, json_error_t *error)
{
    int        still_is_set = 0, quality_is_set = 0, kafka_keyframe = 0;
    json_int_t fps_milli = 0, width = 0, quality = 80, still_ms = 0;
    json_int_t timeout_ms = 5000, max_frame_bytes = VSTREAM_FRAME_BYTES_MAX;
    json_int_t max_pixels = VSTREAM_FRAME_PIXELS_MAX, kafka_fps_milli = 0;
    json_int_t interval_ms = 1000;

    config->transport = "tcp";

    if (json_unpack_ex(config->json, error, 0,
                       "{s:s, s:s, s?s, s?s, s?s, s?I, s?I, s?I, s?I, s?b, s?b,"
                       " s?I, s?I, s?I, s?I, s?b, s?I}",
                       "id", &config->id, "url", &config->url, "substream",
                       &config->substream, "transport", &config->transport,
                       "ca_file", &config->ca_file, "fps_milli", &fps_milli,
                       "width", &width, "quality", &quality, "still_ms",
                       &still_ms, "still_is_set", &still_is_set,
                       "quality_is_set", &quality_is_set, "connect_timeout_ms",
                       &timeout_ms, "max_frame_bytes", &max_frame_bytes,
                       "max_pixels", &max_pixels, "kafka_fps_milli",
                       &kafka_fps_milli, "kafka_keyframe", &kafka_keyframe,
                       "interval_ms", &interval_ms)
        != 0)
    {
        return VSTREAM_ERROR;
    }

    config->fps_milli = (uint32_t) fps_milli;
    config->width = (uint32_t) width;
    config->quality = quality < 1     ? 1
                      : quality > 100 ? 100
                                      : (uint32_t) quality;
    config->still_ms = (uint32_t) still_ms;
    config->still_is_set = still_is_set != 0;
    config->kafka_fps_milli = (uint32_t) kafka_fps_milli;
    config->kafka_keyframe = kafka_keyframe != 0;
    config->quality_is_set = quality_is_set != 0;
    config->interval_us = (int64_t) interval_ms * 1000;
    config->connect_timeout_us = (int64_t) timeout_ms * 1000;
    config->max_frame_bytes = (size_t) max_frame_bytes;
    config->max_pixels = (uint64_t) max_pixels;

    if (config->max_frame_bytes > VSTREAM_FRAME_BYTES_MAX) {
        config->max_frame_bytes = VSTREAM_FRAME_BYTES_MAX;
    }

    if (vsw_camera_lists_read(config, config->json) != VSTREAM_OK) {
        snprintf(error->text, sizeof(error->text),
                 "a list is too long or holds what it may not");
        return VSTREAM_ERROR;
    }

    if (config->substream != NULL
        && vsw_mask_add_url(&config->mask, config->substream) != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    return vsw_mask_add_url(&config->mask, config->url);
}


int
vsw_camera_config_read(vsw_camera_config_t *config, const void *text,
                       size_t length, vsw_failure_t *failure)
{
    json_error_t error;

    memset(config, 0, sizeof(*config));
    error.text[0] = '\0';

    config->json = json_loadb(text, length, 0, &error);

    if (config->json == NULL
        || vsw_camera_config_unpack(config, &error) != VSTREAM_OK)
    {
        vsw_failure_set(failure, VSTREAM_REASON_BAD_SOURCE,
                        "the camera process cannot read its configuration: %s",
                        error.text);
        return VSTREAM_ERROR;
    }

    return VSTREAM_OK;
}


void
vsw_camera_config_clear(vsw_camera_config_t *config)
{
    vsw_mask_clear(&config->mask);
    json_decref(config->json);
    config->json = NULL;
}


void
vsw_camera_config_substream(const vsw_camera_config_t *config,
                            vsw_camera_config_t       *substream)
{
    *substream = *config;
    substream->url = config->substream;
    substream->substream = NULL;
    substream->width = 0;
    substream->kafka_fps_milli = 0;
}
