/*
 * JSON: see vstream_json.h.  Nesting is kept in one bit a level.
 */

#include "vstream_json.h"

#include <string.h>


static int   vstream_json_value_skip(vstream_json_t *json);
static int   vstream_json_nest_skip(vstream_json_t *json);
static int   vstream_json_word_skip(vstream_json_t *json);
static int   vstream_json_is_number(vstream_slice_t word);
static int   vstream_json_is(vstream_slice_t word, const char *text);
static int   vstream_json_character_skip(vstream_json_t *json, char c);
static int   vstream_json_colon_skip(vstream_json_t *json);
static int   vstream_json_hex_read(const char **p, const char *end);
static long  vstream_json_character_read(const char **p, const char *end);
static char *vstream_json_utf8_write(char *out, long code);


void
vstream_json_init(vstream_json_t *json, vstream_slice_t text)
{
    json->p = text.data;
    json->end = text.data + text.length;
    json->begun = 0;
}


void
vstream_json_space_skip(vstream_json_t *json)
{
    while (json->p < json->end
           && (*json->p == ' ' || *json->p == '\n' || *json->p == '\r'
               || *json->p == '\t'))
    {
        json->p++;
    }
}


int
vstream_json_object_open(vstream_json_t *json)
{
    vstream_json_space_skip(json);
    json->begun = 0;

    return vstream_json_character_skip(json, '{');
}


int
vstream_json_member_read(vstream_json_t *json, vstream_json_member_t *member)
{
    const char *start;

    vstream_json_space_skip(json);

    if (vstream_json_character_skip(json, '}') == VSTREAM_OK) {
        vstream_json_space_skip(json);
        return json->p == json->end ? VSTREAM_DECLINED : VSTREAM_ERROR;
    }

    if (json->begun && vstream_json_character_skip(json, ',') != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    json->begun = 1;
    vstream_json_space_skip(json);

    if (vstream_json_string_read(json, &member->name) != VSTREAM_OK
        || vstream_json_colon_skip(json) != VSTREAM_OK)
    {
        return VSTREAM_ERROR;
    }

    start = json->p;

    if (vstream_json_value_skip(json) != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    member->value = (vstream_slice_t) { start, (size_t) (json->p - start) };
    member->type = VSTREAM_JSON_OTHER;

    if (*start == '"') {
        member->type = VSTREAM_JSON_TEXT;
        member->value.data++;
        member->value.length -= 2;

    } else if (vstream_json_is_number(member->value)) {
        member->type = VSTREAM_JSON_NUMBER;
    }

    return VSTREAM_OK;
}


/*
 * A quote counts where an even number of backslashes precedes it; none is
 * looked at twice.
 */
int
vstream_json_string_read(vstream_json_t *json, vstream_slice_t *text)
{
    const char *start, *p, *q;

    if (json->p == json->end || *json->p != '"') {
        return VSTREAM_ERROR;
    }

    start = p = json->p + 1;

    for (;;) {
        p = memchr(p, '"', (size_t) (json->end - p));
        if (p == NULL) {
            return VSTREAM_ERROR;
        }

        for (q = p; q > start && q[-1] == '\\'; q--) { /* void */
        }

        if ((p - q) % 2 == 0) {
            break;
        }

        p++;
    }

    *text = (vstream_slice_t) { start, (size_t) (p - start) };
    json->p = p + 1;

    return VSTREAM_OK;
}


/* Steps over one value of any kind. */
static int
vstream_json_value_skip(vstream_json_t *json)
{
    vstream_slice_t text;

    if (json->p == json->end) {
        return VSTREAM_ERROR;
    }

    switch (*json->p) {
    case '"':
        return vstream_json_string_read(json, &text);
    case '{':
    case '[':
        return vstream_json_nest_skip(json);
    }

    return vstream_json_word_skip(json);
}


/*
 * An object or array to its end; of what stands within, only brackets and
 * strings are looked at.  `kinds` has a bit for each that is open, the
 * innermost lowest: 1 is an object.
 */
static int
vstream_json_nest_skip(vstream_json_t *json)
{
    uint64_t        kinds = 0;
    unsigned        depth = 0;
    vstream_slice_t text;

    while (json->p < json->end) {
        switch (*json->p) {
        case '"':
            if (vstream_json_string_read(json, &text) != VSTREAM_OK) {
                return VSTREAM_ERROR;
            }
            continue;

        case '{':
        case '[':
            if (depth == VSTREAM_JSON_DEPTH_MAX) {
                return VSTREAM_ERROR;
            }
            kinds = kinds << 1 | (*json->p == '{');
            depth++;
            break;

        case '}':
        case ']':
            if ((*json->p == '}') != (kinds & 1)) {
                return VSTREAM_ERROR;
            }
            kinds >>= 1;
            depth--;
            break;
        }

        json->p++;

        if (depth == 0) {
            return VSTREAM_OK;
        }
    }

    return VSTREAM_ERROR;
}


/* A number, true, false or null. */
static int
vstream_json_word_skip(vstream_json_t *json)
{
    const char     *start = json->p;
    vstream_slice_t word;
    char            c;

    for (; json->p < json->end; json->p++) {
        c = *json->p;

        if ((c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '-' && c != '+'
            && c != '.' && c != 'E')
        {
            break;
        }
    }

    word = (vstream_slice_t) { start, (size_t) (json->p - start) };

    return vstream_json_is_number(word) || vstream_json_is(word, "null")
                   || vstream_json_is(word, "true")
                   || vstream_json_is(word, "false")
               ? VSTREAM_OK
               : VSTREAM_ERROR;
}


/* As far as its first character tells: no more is made of it. */
static int
vstream_json_is_number(vstream_slice_t word)
{
    return word.length > 0
           && (word.data[0] == '-'
               || (word.data[0] >= '0' && word.data[0] <= '9'));
}


static int
vstream_json_is(vstream_slice_t word, const char *text)
{
    size_t n = strlen(text);

    return word.length == n && memcmp(word.data, text, n) == 0;
}


static int
vstream_json_character_skip(vstream_json_t *json, char c)
{
    if (json->p == json->end || *json->p != c) {
        return VSTREAM_ERROR;
    }

    json->p++;

    return VSTREAM_OK;
}


/* The colon between a name and its value, with the space around. */
static int
vstream_json_colon_skip(vstream_json_t *json)
{
    vstream_json_space_skip(json);

    if (vstream_json_character_skip(json, ':') != VSTREAM_OK) {
        return VSTREAM_ERROR;
    }

    vstream_json_space_skip(json);

    return VSTREAM_OK;
}


int
vstream_json_escape_read(const char **p, const char *end)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char       *found;
    char              c;

    if (*p == end) {
        return -1;
    }

    c = *(*p)++;

    if (c == 'u') {
        return vstream_json_hex_read(p, end);
    }

    found = memchr(from, c, sizeof(from) - 1);

    return found != NULL ? to[found - from] : -1;
}


/* Four digits of either case. */
static int
vstream_json_hex_read(const char **p, const char *end)
{
    int      value = 0;
    unsigned i;
    char     c;

    if (end - *p < 4) {
        return -1;
    }

    for (i = 0; i < 4; i++) {
        c = *(*p)++;

        if (c >= '0' && c <= '9') {
            value = value * 16 + (c - '0');
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            value = value * 16 + ((c | 0x20) - 'a' + 10);
        } else {
            return -1;
        }
    }

    return value;
}


int64_t
vstream_json_text_write(vstream_slice_t text, char *out)
{
    const char *p = text.data, *end = text.data + text.length;
    char       *q = out;
    long        code;

    while (p < end) {
        if ((unsigned char) *p < 0x20) {
            return VSTREAM_ERROR;
        }

        if (*p != '\\') {
            *q++ = *p++;
            continue;
        }

        p++;
        code = vstream_json_character_read(&p, end);

        if (code <= 0) {
            return VSTREAM_ERROR;
        }

        q = vstream_json_utf8_write(q, code);
    }

    return q - out;
}


/* The character of an escape, or of the two of a surrogate pair; -1: none. */
static long
vstream_json_character_read(const char **p, const char *end)
{
    int high, low;

    high = vstream_json_escape_read(p, end);

    if (high < 0xd800 || high > 0xdfff) {
        return high;
    }

    if (high > 0xdbff || end - *p < 2 || (*p)[0] != '\\' || (*p)[1] != 'u') {
        return -1;
    }

    (*p)++;
    low = vstream_json_escape_read(p, end);

    if (low < 0xdc00 || low > 0xdfff) {
        return -1;
    }

    return 0x10000 + ((long) (high - 0xd800) << 10) + (low - 0xdc00);
}


/* At most as many bytes as the escape had. */
static char *
vstream_json_utf8_write(char *out, long code)
{
    if (code < 0x80) {
        *out++ = (char) code;
        return out;
    }

    if (code < 0x800) {
        *out++ = (char) (0xc0 | code >> 6);

    } else {
        if (code < 0x10000) {
            *out++ = (char) (0xe0 | code >> 12);

        } else {
            *out++ = (char) (0xf0 | code >> 18);
            *out++ = (char) (0x80 | (code >> 12 & 0x3f));
        }

        *out++ = (char) (0x80 | (code >> 6 & 0x3f));
    }

    *out++ = (char) (0x80 | (code & 0x3f));

    return out;
}
