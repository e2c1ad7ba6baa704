/*
 * Masking: the secrets, one a line until an empty one, stand in the text no
 * more, neither as they are nor percent-encoded; and the text gets no longer.
 */

#include "fuzz.h"

#include "vsw_mask.h"

#define SECRET_MAX 64


/* Stars would stand where it stood. */
static int
is_secret(vstream_slice_t text)
{
    return text.length > 0 && text.length <= SECRET_MAX
           && memchr(text.data, '*', text.length) == NULL
           && memchr(text.data, '\0', text.length) == NULL;
}


/* %XX for each byte. */
static void
encode(char out[3 * SECRET_MAX + 1], const char *secret)
{
    static const char hex[] = "0123456789ABCDEF";

    for (/* void */; *secret != '\0'; secret++) {
        *out++ = '%';
        *out++ = hex[(uint8_t) *secret >> 4];
        *out++ = hex[(uint8_t) *secret & 15];
    }

    *out = '\0';
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char            copy[SECRET_MAX + 1], encoded[3 * SECRET_MAX + 1], *text;
    size_t          i, length;
    vsw_mask_t      mask = { .count = 0 };
    vstream_slice_t line;

    while (mask.count < VSW_MASK_SECRETS_MAX
           && (line = fuzz_line(&data, &size)).length > 0)
    {
        if (is_secret(line)) {
            memcpy(copy, line.data, line.length);
            copy[line.length] = '\0';
            fuzz_check(vsw_mask_add(&mask, copy) == VSTREAM_OK);
        }
    }

    text = fuzz_text(data, size);
    length = strlen(text);
    vsw_mask_apply(&mask, text);
    fuzz_check(strlen(text) <= length);

    for (i = 0; i < mask.count; i++) {
        encode(encoded, mask.secrets[i]);
        fuzz_check(strstr(text, mask.secrets[i]) == NULL);
        fuzz_check(strstr(text, encoded) == NULL);
    }

    free(text);
    vsw_mask_clear(&mask);

    return 0;
}
