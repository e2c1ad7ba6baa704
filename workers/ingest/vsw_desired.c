/*
 * A camera's desired state, see vsw_desired.h.
 */

#include "vsw_desired.h"

#include "vsw_log.h"
#include "vstream_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static void vsw_desired_read(vsw_desired_t *desired);
static int  vsw_desired_option(vsw_desired_t *desired, const char *name,
                               const json_t *value);
static void vsw_desired_refuse(vsw_desired_t *desired, const char *detail);
static vstream_slice_t vsw_desired_slice(const json_t *value);


vsw_desired_t *
vsw_desired_create(vstream_slice_t json)
{
    vsw_desired_t *desired = calloc(1, sizeof(*desired));

    if (desired == NULL) {
        return NULL;
    }

    desired->text = malloc(json.length + 1);
    if (desired->text == NULL) {
        free(desired);
        return NULL;
    }

    memcpy(desired->text, json.data, json.length);
    desired->text[json.length] = '\0';
    desired->length = json.length;
    vstream_camera_init(&desired->camera);
    vsw_desired_read(desired);

    return desired;
}


void
vsw_desired_destroy(vsw_desired_t *desired)
{
    if (desired == NULL) {
        return;
    }

    json_decref(desired->json);
    free(desired->text);
    free(desired);
}


static void
vsw_desired_read(vsw_desired_t *desired)
{
    vstream_source_result_t result;
    const char             *name;
    json_t                 *value;

    if (desired->length <= VSW_DESIRED_JSON_MAX) {
        desired->json = json_loadb(desired->text, desired->length,
                                   JSON_REJECT_DUPLICATES, NULL);
    }

    if (!json_is_object(desired->json)) {
        vsw_desired_refuse(desired, "its entry in Redis is no JSON object");
        return;
    }

    desired->camera.source =
        vsw_desired_slice(json_object_get(desired->json, "source"));
    desired->camera.origin =
        vsw_desired_slice(json_object_get(desired->json, "origin"));

    json_object_foreach(desired->json, name, value)
    {
        if (vsw_desired_option(desired, name, value) != VSTREAM_OK) {
            return;
        }
    }

    (void) vstream_source_read(desired->camera.substream, &desired->substream);

    result = vstream_source_read(desired->camera.source, &desired->source);
    if (result != VSTREAM_SOURCE_OK) {
        snprintf(desired->detail, sizeof(desired->detail), "its source %s",
                 vstream_source_result_text(result));
        desired->reason = VSTREAM_REASON_BAD_SOURCE;
    }
}


/* An option that we do not know may be of a newer version: it is passed by. */
static int
vsw_desired_option(vsw_desired_t *desired, const char *name,
                   const json_t *value)
{
    const vstream_camera_option_t *option = NULL;
    vstream_slice_t                key = { name, strlen(name) };
    const char                    *problem;
    char                           detail[VSW_DESIRED_DETAIL];
    int                            rc;

    if (strcmp(name, "source") == 0 || strcmp(name, "origin") == 0) {
        return VSTREAM_OK;
    }

    rc = vstream_camera_option_set(&desired->camera, key,
                                   vsw_desired_slice(value), &option);

    if (rc == VSTREAM_ERROR) {
        problem =
            vstream_camera_option_problem(option, vsw_desired_slice(value));
        snprintf(detail, sizeof(detail), "its option \"%s\" %s%s", option->name,
                 problem == NULL ? "must be " : problem,
                 problem == NULL ? option->value : "");
        vsw_desired_refuse(desired, detail);
        return VSTREAM_ERROR;
    }

    if (rc == VSTREAM_DECLINED) {
        vsw_log(VSW_LOG_WARN, "camera has an option that is not known here",
                VSW_LOG_TEXT("option", name));
    }

    return VSTREAM_OK;
}


static void
vsw_desired_refuse(vsw_desired_t *desired, const char *detail)
{
    desired->reason = VSTREAM_REASON_BAD_SOURCE;
    snprintf(desired->detail, sizeof(desired->detail), "%s", detail);
}


static vstream_slice_t
vsw_desired_slice(const json_t *value)
{
    if (!json_is_string(value)) {
        return (vstream_slice_t) { "", 0 };
    }

    return (vstream_slice_t) { json_string_value(value),
                               json_string_length(value) };
}
