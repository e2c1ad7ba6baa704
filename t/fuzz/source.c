/*
 * Sources: what passes holds no literal password, and a placeholder nowhere
 * but in its user-info.
 */

#include "fuzz.h"

#include "vstream_source_option.h"


static int    has_host(vstream_source_kind_t kind);
static void   check_user_info(const vstream_source_t *source);
static void   check_options(const vstream_source_t *source);
static size_t count_placeholders(vstream_slice_t text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vstream_slice_t         text = fuzz_slice(data, size);
    vstream_source_t        source;
    vstream_source_result_t result;

    result = vstream_source_read(text, &source);
    fuzz_check(strlen(vstream_source_result_text(result)) > 0);

    if (result != VSTREAM_SOURCE_OK) {
        return 0;
    }

    fuzz_check(size <= VSTREAM_SOURCE_MAX);
    fuzz_check(fuzz_within(source.scheme, text));
    fuzz_check(fuzz_within(source.user_info, text));
    fuzz_check(fuzz_within(source.host, text));
    fuzz_check(fuzz_within(source.path, text));
    fuzz_check(fuzz_within(source.query, text));
    fuzz_check(fuzz_within(source.camera, source.query));
    fuzz_check(fuzz_within(source.credential, source.kind == VSTREAM_SOURCE_SRT
                                                  ? source.query
                                                  : source.user_info));
    fuzz_check((source.host.length > 0) == has_host(source.kind));
    fuzz_check((source.kind != VSTREAM_SOURCE_FILE
                && source.kind != VSTREAM_SOURCE_V4L2)
               || source.path.data[0] == '/');
    fuzz_check(count_placeholders(text) == (source.credential.length > 0));

    check_user_info(&source);
    check_options(&source);

    return 0;
}


static int
has_host(vstream_source_kind_t kind)
{
    return kind != VSTREAM_SOURCE_FILE && kind != VSTREAM_SOURCE_V4L2
           && kind != VSTREAM_SOURCE_KAFKA && kind != VSTREAM_SOURCE_TEST;
}


static void
check_user_info(const vstream_source_t *source)
{
    vstream_slice_t info = source->user_info;
    const char     *colon;
    size_t          password;

    colon = info.length ? memchr(info.data, ':', info.length) : NULL;

    if (colon == NULL) {
        return;
    }

    password = (size_t) (info.data + info.length - colon - 1);
    fuzz_check(
        password
        == (source->credential.length > 0 ? source->credential.length + 3 : 0));
}


/* A passphrase is a placeholder or refused. */
static void
check_options(const vstream_source_t *source)
{
    vstream_slice_t query = source->query, name, value;

    while (vstream_source_option_next(&query, &name, &value) == VSTREAM_OK) {
        fuzz_check(fuzz_within(name, source->query));
        fuzz_check(fuzz_within(value, source->query));
        fuzz_check(name.length != strlen("passphrase")
                   || memcmp(name.data, "passphrase", name.length) != 0
                   || value.length == source->credential.length + 3);
    }
}


static size_t
count_placeholders(vstream_slice_t text)
{
    size_t i, count = 0;

    for (i = 0; i + 1 < text.length; i++) {
        count += text.data[i] == '$' && text.data[i + 1] == '{';
    }

    return count;
}
