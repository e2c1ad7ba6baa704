/*
 * Masking, see vsw_mask.h.
 */

#include <stdlib.h>
#include <string.h>

#include <libavutil/base64.h>

#include "vstream_schema.h"
#include "vsw_mask.h"

#define VSW_MASK_TEXT "***"


int
vsw_mask_add(vsw_mask_t *mask, const char *secret)
{
    char *copy;

    if (secret[0] == '\0') {
        return VSTREAM_OK;
    }

    if (mask->count == VSW_MASK_SECRETS_MAX) {
        return VSTREAM_ERROR;
    }

    copy = strdup(secret);
    if (copy == NULL) {
        return VSTREAM_ERROR;
    }

    mask->secrets[mask->count++] = copy;

    return VSTREAM_OK;
}


static int
vsw_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


/* The byte that "%XX" stands for, or -1. */
static int
vsw_percent_decode(const char *text)
{
    int high, low;

    if (text[0] != '%' || (high = vsw_hex_digit(text[1])) == -1
        || (low = vsw_hex_digit(text[2])) == -1)
    {
        return -1;
    }

    return high * 16 + low;
}


/*
 * The length of `secret` as it stands at the start of `text`; 0: it does not.
 * Encoded, it is never shorter than as it is; but one that holds "%25" itself
 * may stand there as it is alone.
 */
static size_t
vsw_mask_match(const char *text, const char *secret)
{
    int         byte;
    size_t      length = strlen(secret);
    size_t      plain = strncmp(text, secret, length) == 0 ? length : 0;
    const char *p = text;

    for (; *secret != '\0'; secret++) {
        byte = vsw_percent_decode(p);

        if (byte == (unsigned char) *secret) {
            p += 3;

        } else if (*p == *secret) {
            p++;

        } else {
            return plain;
        }
    }

    return (size_t) (p - text);
}


/* Puts "***", or as much of it as fits, in place of `length` bytes. */
static char *
vsw_mask_replace(char *text, size_t length)
{
    size_t n =
        length < sizeof(VSW_MASK_TEXT) - 1 ? length : sizeof(VSW_MASK_TEXT) - 1;

    memcpy(text, VSW_MASK_TEXT, n);
    memmove(text + n, text + length, strlen(text + length) + 1);

    return text + n;
}


static void
vsw_mask_apply_secret(const char *secret, char *text)
{
    size_t length;

    while (*text != '\0') {
        length = vsw_mask_match(text, secret);
        text = length > 0 ? vsw_mask_replace(text, length) : text + 1;
    }
}


/* Puts stars in place of the user-info of every URL. */
static void
vsw_mask_apply_urls(char *text)
{
    size_t authority, user_info;

    while ((text = strstr(text, "://")) != NULL) {
        text += 3;
        authority = strcspn(text, "/?# \t\r\n'\"");

        for (user_info = authority; user_info > 0; user_info--) {
            if (text[user_info - 1] == '@') {
                (void) vsw_mask_replace(text, user_info - 1);
                break;
            }
        }
    }
}


void
vsw_mask_apply(const vsw_mask_t *mask, char *text)
{
    for (size_t i = 0; i < mask->count; i++) {
        vsw_mask_apply_secret(mask->secrets[i], text);
    }

    vsw_mask_apply_urls(text);
}


/* Decodes percent-encoding in place. */
static void
vsw_percent_decode_text(char *text)
{
    int   byte;
    char *to = text;

    while (*text != '\0') {
        byte = vsw_percent_decode(text);
        *to++ = byte > 0 ? (char) byte : *text;
        text += byte > 0 ? 3 : 1;
    }

    *to = '\0';
}


static int
vsw_mask_add_user_info(vsw_mask_t *mask, char *user_info)
{
    int    rc;
    char  *password, *basic;
    size_t size;

    vsw_percent_decode_text(user_info);

    password = strchr(user_info, ':');
    if (password == NULL) {
        return VSTREAM_OK;
    }

    size = AV_BASE64_SIZE(strlen(user_info));
    basic = malloc(size);
    if (basic == NULL) {
        return VSTREAM_ERROR;
    }

    av_base64_encode(basic, (int) size, (const uint8_t *) user_info,
                     (int) strlen(user_info));
    rc = vsw_mask_add(mask, basic);
    free(basic);

    return rc == VSTREAM_OK ? vsw_mask_add(mask, password + 1) : rc;
}


int
vsw_mask_add_url(vsw_mask_t *mask, const char *url)
{
    int         rc;
    char       *user_info;
    size_t      length;
    const char *authority, *at;

    authority = strstr(url, "://");
    if (authority == NULL) {
        return VSTREAM_OK;
    }

    authority += 3;
    length = strcspn(authority, "/?#");
    at = memrchr(authority, '@', length);
    if (at == NULL) {
        return VSTREAM_OK;
    }

    user_info = strndup(authority, (size_t) (at - authority));
    if (user_info == NULL) {
        return VSTREAM_ERROR;
    }

    rc = vsw_mask_add_user_info(mask, user_info);
    free(user_info);

    return rc;
}


void
vsw_mask_clear(vsw_mask_t *mask)
{
    for (size_t i = 0; i < mask->count; i++) {
        free(mask->secrets[i]);
    }

    mask->count = 0;
}
