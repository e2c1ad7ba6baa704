/*
 * The text between the pictures of an MJPEG stream.
 */

#include "unit.h"

#include "vstream_camera_id.h"
#include "vstream_multipart.h"


static const vstream_frame_t frame = { 1764000000123, 42, 1764000000456789,
                                       1280, 720 };


static void
header(void **state)
{
    char             buffer[VSTREAM_MULTIPART_HEADER_MAX];
    vstream_writer_t w;

    (void) state;

    vstream_writer_init(&w, buffer, sizeof(buffer));
    vstream_multipart_header_write(&w, VSTREAM_SLICE("b0"),
                                   VSTREAM_SLICE("street"), &frame, 65432, 17);

    unit_assert_slice(vstream_writer_slice(&w),
                      "--b0\r\n"
                      "Content-Type: image/jpeg\r\n"
                      "Content-Length: 65432\r\n"
                      "X-Camera: street\r\n"
                      "X-Timestamp: 1764000000.456789\r\n"
                      "X-Frame-Seq: 42\r\n"
                      "X-Frame-Id: 1764000000123-42\r\n"
                      "X-Frame-Age-Ms: 17\r\n"
                      "\r\n");
}


/* Epoch 0: no picture of the camera's, so nothing is claimed about it. */
static void
header_of_placeholder(void **state)
{
    static const vstream_frame_t placeholder = { 0, 0, 0, 16, 16 };

    char             buffer[VSTREAM_MULTIPART_HEADER_MAX];
    vstream_writer_t w;

    (void) state;

    vstream_writer_init(&w, buffer, sizeof(buffer));
    vstream_multipart_header_write(
        &w, VSTREAM_SLICE("b0"), VSTREAM_SLICE("street"), &placeholder, 7, 99);

    unit_assert_slice(vstream_writer_slice(&w), "--b0\r\n"
                                                "Content-Type: image/jpeg\r\n"
                                                "Content-Length: 7\r\n"
                                                "X-Camera: street\r\n"
                                                "\r\n");
}


static void
header_limit(void **state)
{
    static const vstream_frame_t largest = { UINT64_MAX, UINT64_MAX, INT64_MIN,
                                             UINT32_MAX, UINT32_MAX };

    char             boundary[VSTREAM_MULTIPART_BOUNDARY_MAX];
    char             camera[VSTREAM_CAMERA_ID_MAX];
    vstream_writer_t w;

    (void) state;

    memset(boundary, 'b', sizeof(boundary));
    memset(camera, 'c', sizeof(camera));

    vstream_writer_init(&w, NULL, 0);
    vstream_multipart_header_write(
        &w, (vstream_slice_t) { boundary, sizeof(boundary) },
        (vstream_slice_t) { camera, sizeof(camera) }, &largest, SIZE_MAX,
        UINT64_MAX);

    assert_true(w.length <= VSTREAM_MULTIPART_HEADER_MAX);
}


static void
advance_and_end(void **state)
{
    char             buffer[128];
    vstream_writer_t w;

    (void) state;

    vstream_writer_init(&w, buffer, sizeof(buffer));
    vstream_multipart_advance_write(&w, VSTREAM_SLICE("b0"));
    unit_assert_slice(vstream_writer_slice(&w),
                      "--b0\r\nContent-Type: image/jpeg\r\n\r\n");

    vstream_writer_init(&w, buffer, sizeof(buffer));
    vstream_multipart_end_write(&w, VSTREAM_SLICE("b0"));
    unit_assert_slice(vstream_writer_slice(&w), "--b0--\r\n");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header),
        cmocka_unit_test(header_of_placeholder),
        cmocka_unit_test(header_limit),
        cmocka_unit_test(advance_and_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
