/*
 * JSON of others: members are slices of it, their texts never grow, and what
 * is written as a string by ourselves is read back as it was.
 */

#include "fuzz.h"
#include "vstream_json.h"
#include "vstream_utf8.h"


static int  is_text(vstream_slice_t text);
static void check_members(vstream_slice_t text);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char            *string, *back;
    int64_t          length;
    vstream_slice_t  text = fuzz_slice(data, size), inner;
    vstream_writer_t w;

    check_members(text);

    string = malloc(6 * size + 2);
    back = malloc(6 * size + 2);
    fuzz_check(string != NULL && back != NULL);

    vstream_writer_init(&w, string, 6 * size + 2);
    vstream_writer_json_string(&w, text);
    inner = (vstream_slice_t) { string + 1, w.length - 2 };

    length = vstream_json_text_write(inner, back);
    fuzz_check(length <= (int64_t) inner.length);

    if (is_text(text)) {
        fuzz_check(length == (int64_t) size && memcmp(back, data, size) == 0);
    }

    free(string);
    free(back);

    return 0;
}


/* UTF-8 without a zero. */
static int
is_text(vstream_slice_t text)
{
    size_t   n;
    uint32_t code;

    for (; text.length > 0; text.data += n, text.length -= n) {
        n = vstream_utf8_read(text, &code);

        if (n == 0 || code == 0) {
            return 0;
        }
    }

    return 1;
}


static void
check_members(vstream_slice_t text)
{
    char                 *out;
    vstream_json_t        json;
    vstream_json_member_t member;

    vstream_json_init(&json, text);

    if (vstream_json_object_open(&json) != VSTREAM_OK) {
        return;
    }

    while (vstream_json_member_read(&json, &member) == VSTREAM_OK) {
        fuzz_check(member.name.data >= text.data
                   && member.value.data + member.value.length
                          <= text.data + text.length);

        out = malloc(member.value.length + 1);
        fuzz_check(out != NULL);
        fuzz_check(vstream_json_text_write(member.value, out)
                   <= (int64_t) member.value.length);
        free(out);
    }
}
