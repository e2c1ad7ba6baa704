/*
 * The grammar of camera ids.  Written by hand: isalnum() asks the locale.
 */

#include "vstream_camera_id.h"


static int vstream_camera_id_is_alnum(char c);


int
vstream_camera_id_check(vstream_slice_t id)
{
    size_t i;
    char   c;

    if (id.length == 0 || id.length > VSTREAM_CAMERA_ID_MAX) {
        return VSTREAM_ERROR;
    }

    if (!vstream_camera_id_is_alnum(id.data[0])) {
        return VSTREAM_ERROR;
    }

    for (i = 1; i < id.length; i++) {
        c = id.data[i];

        if (!vstream_camera_id_is_alnum(c) && c != '.' && c != '_' && c != '-')
        {
            return VSTREAM_ERROR;
        }
    }

    return VSTREAM_OK;
}


static int
vstream_camera_id_is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z');
}
