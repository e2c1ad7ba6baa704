/*
 * Keys and channels.  The scripts have a test of their own, scripts.t, which
 * runs them in a real Redis.
 */

#include "unit.h"

#include "vstream_camera_id.h"
#include "vstream_schema.h"


static void
keys(void **state)
{
    static const struct {
        vstream_key_kind_t kind;
        const char        *argument;
        const char        *want;
    } cases[] = {
        { VSTREAM_KEY_SCHEMA, "", "vs:schema" },
        { VSTREAM_KEY_CAMERAS, "", "vs:{_}:cameras" },
        { VSTREAM_KEY_SET, "nginx", "vs:{_}:set:nginx" },
        { VSTREAM_KEY_NEWS, "", "vs:{_}:news" },
        { VSTREAM_KEY_REPLICAS, "", "vs:replicas" },
        { VSTREAM_KEY_REPLICA, "r1", "vs:replica:r1" },
        { VSTREAM_KEY_LEASE, "street", "vs:{street}:lease" },
        { VSTREAM_KEY_EPOCH, "street", "vs:{street}:epoch" },
        { VSTREAM_KEY_FRAME, "street", "vs:{street}:frame" },
        { VSTREAM_KEY_FRAME_SMALL, "street", "vs:{street}:frame:small" },
        { VSTREAM_KEY_STILL, "street", "vs:{street}:still" },
        { VSTREAM_KEY_STATUS, "street", "vs:{street}:status" },
        { VSTREAM_KEY_CAMERA_NEWS, "street", "vs:{street}:news" },
    };

    char             buffer[VSTREAM_KEY_MAX];
    vstream_writer_t w;
    size_t           i;

    (void) state;

    for (i = 0; i < UNIT_COUNT(cases); i++) {
        vstream_writer_init(&w, buffer, sizeof(buffer));
        vstream_schema_key_write(&w, VSTREAM_SLICE(VSTREAM_PREFIX_DEFAULT),
                                 cases[i].kind, unit_slice(cases[i].argument));
        unit_assert_slice(vstream_writer_slice(&w), cases[i].want);
    }
}


static void
longest_key(void **state)
{
    char             text[VSTREAM_KEY_MAX];
    vstream_writer_t w;
    int              kind;

    (void) state;

    memset(text, 'x', sizeof(text));

    for (kind = VSTREAM_KEY_SCHEMA; kind <= VSTREAM_KEY_CAMERA_NEWS; kind++) {
        vstream_writer_init(&w, NULL, 0);
        vstream_schema_key_write(
            &w, (vstream_slice_t) { text, VSTREAM_PREFIX_MAX },
            (vstream_key_kind_t) kind,
            (vstream_slice_t) { text, VSTREAM_CAMERA_ID_MAX });
        assert_true(w.length <= VSTREAM_KEY_MAX);
    }
}


static void
frame_channel(void **state)
{
    static const char        channel[] = "vs:{street}:frame:small";
    static const char *const bad[] = {
        "",
        "vs",
        "vs:{}:frame",
        "vs:{}:frame:small",
        "vs:{street}:still",
        "vs:{street}:frame:",
        "vs:{street}:frame:main",
        "vs:{street}:frame:small:small",
        "vs:{street}:frame:smaller",
        "vs:{street}:small",
        "vs:{street}:fram",
        "vs:{street:frame",
        "vs:street}:frame",
        "vt:{street}:frame",
        "vsx:{street}:frame",
        "vs:{stre et}:frame",
        "vs:{a}:frame}:frame",
        "vs:{a}:frame}:frame:small",
        "vs:{{a}:frame",
        "vs:{a\n}:frame",
    };

    vstream_rendition_t rendition;
    vstream_slice_t     copy, id;
    size_t              i, n;
    int                 is_main, is_small;

    (void) state;

    /* A prefix of it, and only one, is the channel of main. */
    for (n = 0; n <= strlen(channel); n++) {
        copy = unit_copy(channel, n);
        is_main = n == strlen("vs:{street}:frame");
        is_small = n == strlen(channel);
        assert_int_equal(vstream_schema_frame_channel_read(
                             VSTREAM_SLICE("vs"), copy, &id, &rendition),
                         is_main || is_small ? VSTREAM_OK : VSTREAM_ERROR);

        if (is_main || is_small) {
            unit_assert_slice(id, "street");
            assert_ptr_equal(id.data, copy.data + 4);
            assert_int_equal(rendition, is_small ? VSTREAM_RENDITION_SMALL
                                                 : VSTREAM_RENDITION_MAIN);
        }

        unit_free(copy);
    }

    for (i = 0; i < UNIT_COUNT(bad); i++) {
        copy = unit_copy(bad[i], strlen(bad[i]));
        assert_int_equal(vstream_schema_frame_channel_read(
                             VSTREAM_SLICE("vs"), copy, &id, &rendition),
                         VSTREAM_ERROR);
        unit_free(copy);
    }

    assert_int_equal(vstream_schema_frame_channel_read(
                         VSTREAM_SLICE("a:b"), VSTREAM_SLICE("a:b:{c}:frame"),
                         &id, &rendition),
                     VSTREAM_OK);
    unit_assert_slice(id, "c");
}


/* What is written is read back: the two cannot drift. */
static void
frame_channel_limit(void **state)
{
    char                text[VSTREAM_CAMERA_ID_MAX + 1];
    char                buffer[VSTREAM_KEY_MAX];
    vstream_rendition_t rendition;
    vstream_writer_t    w;
    vstream_slice_t     prefix, argument, id;
    int                 i;

    (void) state;

    memset(text, 'x', sizeof(text));
    prefix = (vstream_slice_t) { text, VSTREAM_PREFIX_MAX };

    for (i = 0; i < VSTREAM_RENDITIONS; i++) {
        argument = (vstream_slice_t) { text, VSTREAM_CAMERA_ID_MAX };

        vstream_writer_init(&w, buffer, sizeof(buffer));
        vstream_schema_key_write(
            &w, prefix, vstream_schema_frame_key((vstream_rendition_t) i),
            argument);
        assert_int_equal(vstream_schema_frame_channel_read(
                             prefix, vstream_writer_slice(&w), &id, &rendition),
                         VSTREAM_OK);
        assert_int_equal(id.length, VSTREAM_CAMERA_ID_MAX);
        assert_int_equal(rendition, i);

        argument.length++;
        vstream_writer_init(&w, buffer, sizeof(buffer));
        vstream_schema_key_write(
            &w, prefix, vstream_schema_frame_key((vstream_rendition_t) i),
            argument);
        assert_int_equal(vstream_schema_frame_channel_read(
                             prefix, vstream_writer_slice(&w), &id, &rendition),
                         VSTREAM_ERROR);
    }
}


static void
renditions(void **state)
{
    static const char *const bad[] = { "", "mai", "mains", "Small", "large" };

    vstream_rendition_t rendition;
    size_t              i;

    (void) state;

    for (i = 0; i < VSTREAM_RENDITIONS; i++) {
        assert_int_equal(vstream_schema_rendition_read(
                             unit_slice(vstream_schema_rendition_text(
                                 (vstream_rendition_t) i)),
                             &rendition),
                         VSTREAM_OK);
        assert_int_equal(rendition, i);
    }

    for (i = 0; i < UNIT_COUNT(bad); i++) {
        assert_int_equal(
            vstream_schema_rendition_read(unit_slice(bad[i]), &rendition),
            VSTREAM_ERROR);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),          cmocka_unit_test(longest_key),
        cmocka_unit_test(frame_channel), cmocka_unit_test(frame_channel_limit),
        cmocka_unit_test(renditions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
