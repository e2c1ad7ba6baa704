/*
 * Sources, taken apart.  The order of the checks decides what an operator is
 * told when several things are wrong: a password that stands in the open
 * comes before everything that it may have upset.
 */

#include "vstream_source.h"
#include "vstream_kafka.h"
#include "vstream_number.h"
#include "vstream_source_option.h"

#include <string.h>


typedef struct {
    vstream_slice_t       scheme;
    vstream_slice_t       opening; /* what follows the scheme's colon */
    vstream_source_kind_t kind;
} vstream_source_scheme_t;


static vstream_source_result_t vstream_source_scheme_read(
    vstream_slice_t text, vstream_source_t *source, vstream_slice_t *rest);
static vstream_source_result_t vstream_source_url_read(
    vstream_slice_t rest, vstream_source_t *source);
static vstream_source_result_t vstream_source_user_info_read(
    vstream_source_t *source);
static vstream_source_result_t vstream_source_host_read(
    vstream_slice_t text, vstream_source_t *source);
static vstream_source_result_t vstream_source_port_read(
    vstream_slice_t text, vstream_source_t *source);
static vstream_source_result_t vstream_source_peer_read(
    vstream_slice_t rest, vstream_source_t *source);
static vstream_source_result_t vstream_source_device_read(
    vstream_slice_t rest, vstream_source_t *source);
static vstream_source_result_t vstream_source_topic_read(
    vstream_slice_t rest, vstream_source_t *source);
static vstream_source_result_t vstream_source_file_read(
    vstream_slice_t rest, vstream_source_t *source);
static vstream_slice_t vstream_source_query_split(vstream_slice_t   rest,
                                                  vstream_source_t *source);
static int             vstream_source_is_printable(vstream_slice_t text);
static int    vstream_source_is_host(vstream_slice_t host, const char *extra);
static int    vstream_source_is_address(vstream_slice_t host);
static int    vstream_source_has_parent(vstream_slice_t path);
static size_t vstream_source_find(vstream_slice_t text, const char *stops);
static size_t vstream_source_find_last(vstream_slice_t text, char c);
static vstream_slice_t vstream_source_head(vstream_slice_t text, size_t n);
static vstream_slice_t vstream_source_tail(vstream_slice_t text, size_t n);


vstream_source_result_t
vstream_source_read(vstream_slice_t text, vstream_source_t *source)
{
    vstream_source_result_t result;
    vstream_slice_t         rest;

    memset(source, 0, sizeof(vstream_source_t));

    if (text.length == 0) {
        return VSTREAM_SOURCE_EMPTY;
    }

    if (text.length > VSTREAM_SOURCE_MAX) {
        return VSTREAM_SOURCE_TOO_LONG;
    }

    if (!vstream_source_is_printable(text)) {
        return VSTREAM_SOURCE_BAD_CHARACTER;
    }

    result = vstream_source_scheme_read(text, source, &rest);

    if (result != VSTREAM_SOURCE_OK) {
        return result;
    }

    switch (source->kind) {
    case VSTREAM_SOURCE_RTSP:
    case VSTREAM_SOURCE_RTMP:
    case VSTREAM_SOURCE_HTTP:
        return vstream_source_url_read(rest, source);
    case VSTREAM_SOURCE_SRT:
    case VSTREAM_SOURCE_UDP:
        return vstream_source_peer_read(rest, source);
    case VSTREAM_SOURCE_V4L2:
        return vstream_source_device_read(rest, source);
    case VSTREAM_SOURCE_FILE:
        return vstream_source_file_read(rest, source);
    case VSTREAM_SOURCE_KAFKA:
        return vstream_source_topic_read(rest, source);
    case VSTREAM_SOURCE_TEST:
        break;
    }

    source->path = rest;

    return vstream_source_has_placeholder(rest)
               ? VSTREAM_SOURCE_PLACED_CREDENTIAL
               : VSTREAM_SOURCE_OK;
}


static vstream_source_result_t
vstream_source_scheme_read(vstream_slice_t text, vstream_source_t *source,
                           vstream_slice_t *rest)
{
    static const vstream_source_scheme_t schemes[] = {
        { { "rtsp", 4 }, { "://", 3 }, VSTREAM_SOURCE_RTSP },
        { { "rtsps", 5 }, { "://", 3 }, VSTREAM_SOURCE_RTSP },
        { { "rtmp", 4 }, { "://", 3 }, VSTREAM_SOURCE_RTMP },
        { { "rtmps", 5 }, { "://", 3 }, VSTREAM_SOURCE_RTMP },
        { { "srt", 3 }, { "://", 3 }, VSTREAM_SOURCE_SRT },
        { { "http", 4 }, { "://", 3 }, VSTREAM_SOURCE_HTTP },
        { { "https", 5 }, { "://", 3 }, VSTREAM_SOURCE_HTTP },
        { { "udp", 3 }, { "://", 3 }, VSTREAM_SOURCE_UDP },
        { { "v4l2", 4 }, { ":", 1 }, VSTREAM_SOURCE_V4L2 },
        { { "file", 4 }, { ":", 1 }, VSTREAM_SOURCE_FILE },
        { { "kafka", 5 }, { ":", 1 }, VSTREAM_SOURCE_KAFKA },
        { { "test", 4 }, { ":", 1 }, VSTREAM_SOURCE_TEST },
    };

    const vstream_source_scheme_t *s;
    size_t                         i, n;

    for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        s = &schemes[i];
        n = s->scheme.length + s->opening.length;

        if (text.length < n
            || memcmp(text.data, s->scheme.data, s->scheme.length) != 0
            || memcmp(text.data + s->scheme.length, s->opening.data,
                      s->opening.length)
                   != 0)
        {
            continue;
        }

        source->kind = s->kind;
        source->scheme = vstream_source_head(text, s->scheme.length);
        *rest = vstream_source_tail(text, n);

        return VSTREAM_SOURCE_OK;
    }

    return VSTREAM_SOURCE_BAD_SCHEME;
}


/* [user-info@]host[:port][path] */
static vstream_source_result_t
vstream_source_url_read(vstream_slice_t rest, vstream_source_t *source)
{
    vstream_source_result_t result;
    vstream_slice_t         authority;
    size_t                  at;

    authority = vstream_source_head(rest, vstream_source_find(rest, "/?#"));
    source->path = vstream_source_tail(rest, authority.length);

    at = vstream_source_find_last(authority, '@');

    if (at < authority.length) {
        source->user_info = vstream_source_head(authority, at);
        authority = vstream_source_tail(authority, at + 1);

        result = vstream_source_user_info_read(source);

        if (result != VSTREAM_SOURCE_OK) {
            return result;
        }
    }

    if (vstream_source_has_placeholder(authority)
        || vstream_source_has_placeholder(source->path))
    {
        return VSTREAM_SOURCE_PLACED_CREDENTIAL;
    }

    result = vstream_source_host_read(authority, source);

    /* "user:pa/ss@host": a password has been taken for a port. */
    if (result == VSTREAM_SOURCE_BAD_PORT && source->user_info.length == 0
        && vstream_source_find(source->path, "@") < source->path.length)
    {
        return VSTREAM_SOURCE_LITERAL_PASSWORD;
    }

    return result;
}


/* user, user:, ${NAME} or user:${NAME} */
static vstream_source_result_t
vstream_source_user_info_read(vstream_source_t *source)
{
    vstream_slice_t user, password;
    size_t          colon;

    colon = vstream_source_find(source->user_info, ":");
    user = vstream_source_head(source->user_info, colon);

    if (colon == source->user_info.length) {
        return vstream_source_has_placeholder(user)
                   ? vstream_source_placeholder_read(user, &source->credential)
                   : VSTREAM_SOURCE_OK;
    }

    password = vstream_source_tail(source->user_info, colon + 1);

    if (password.length > 0 && !vstream_source_has_placeholder(password)) {
        return VSTREAM_SOURCE_LITERAL_PASSWORD;
    }

    if (vstream_source_has_placeholder(user)) {
        return VSTREAM_SOURCE_BAD_PLACEHOLDER;
    }

    if (password.length == 0) {
        return VSTREAM_SOURCE_OK;
    }

    return vstream_source_placeholder_read(password, &source->credential);
}


vstream_source_result_t
vstream_source_placeholder_read(vstream_slice_t text, vstream_slice_t *name)
{
    vstream_slice_t inner;
    size_t          i;
    char            c;

    if (text.length < 4 || text.data[0] != '$' || text.data[1] != '{'
        || text.data[text.length - 1] != '}')
    {
        return VSTREAM_SOURCE_BAD_PLACEHOLDER;
    }

    inner = vstream_source_tail(text, 2);
    inner.length--;

    if (inner.length > VSTREAM_CREDENTIAL_NAME_MAX || inner.data[0] < 'A'
        || inner.data[0] > 'Z')
    {
        return VSTREAM_SOURCE_BAD_PLACEHOLDER;
    }

    for (i = 1; i < inner.length; i++) {
        c = inner.data[i];

        if ((c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_') {
            return VSTREAM_SOURCE_BAD_PLACEHOLDER;
        }
    }

    *name = inner;

    return VSTREAM_SOURCE_OK;
}


/* host, host:port, [address] or [address]:port */
static vstream_source_result_t
vstream_source_host_read(vstream_slice_t text, vstream_source_t *source)
{
    vstream_slice_t rest;
    size_t          end;

    if (text.length > 0 && text.data[0] == '[') {
        end = vstream_source_find(text, "]");

        if (end == text.length) {
            return VSTREAM_SOURCE_NO_HOST;
        }

        source->host = vstream_source_tail(vstream_source_head(text, end), 1);
        rest = vstream_source_tail(text, end + 1);

        if (vstream_source_find(source->host, ":") == source->host.length
            || !vstream_source_is_host(source->host, ":.%"))
        {
            return VSTREAM_SOURCE_NO_HOST;
        }

    } else {
        end = vstream_source_find(text, ":");
        source->host = vstream_source_head(text, end);
        rest = vstream_source_tail(text, end);

        if (!vstream_source_is_host(source->host, ".-_")) {
            return VSTREAM_SOURCE_NO_HOST;
        }
    }

    return rest.length ? vstream_source_port_read(rest, source)
                       : VSTREAM_SOURCE_OK;
}


static vstream_source_result_t
vstream_source_port_read(vstream_slice_t text, vstream_source_t *source)
{
    uint64_t port;

    if (text.data[0] != ':'
        || vstream_number_read(vstream_source_tail(text, 1), UINT16_MAX, &port)
               != VSTREAM_OK
        || port == 0)
    {
        return VSTREAM_SOURCE_BAD_PORT;
    }

    source->port = (uint16_t) port;

    return VSTREAM_SOURCE_OK;
}


/*
 * host:port[?options] of srt: and udp:.  What is listened on must be an
 * address: a name may come to mean another one.  VLC and FFmpeg write
 * udp://@address:port, with an empty user-info.
 */
static vstream_source_result_t
vstream_source_peer_read(vstream_slice_t rest, vstream_source_t *source)
{
    vstream_source_result_t result, options;

    rest = vstream_source_query_split(rest, source);
    source->is_listening = source->kind == VSTREAM_SOURCE_UDP;

    result = vstream_source_url_read(rest, source);

    if (result == VSTREAM_SOURCE_OK && source->user_info.length > 0) {
        result = VSTREAM_SOURCE_NEEDLESS_PART;
    }

    options = vstream_source_options_read(source);

    if (options == VSTREAM_SOURCE_LITERAL_PASSWORD
        || result == VSTREAM_SOURCE_OK) {
        result = options;
    }

    if (result != VSTREAM_SOURCE_OK) {
        return result;
    }

    if (source->path.length == 1 && source->path.data[0] == '/') {
        source->path = vstream_source_tail(source->path, 1);
    }

    if (source->path.length > 0) {
        return VSTREAM_SOURCE_NEEDLESS_PART;
    }

    if (source->port == 0) {
        return VSTREAM_SOURCE_BAD_PORT;
    }

    return source->is_listening && !vstream_source_is_address(source->host)
               ? VSTREAM_SOURCE_NO_ADDRESS
               : VSTREAM_SOURCE_OK;
}


/* v4l2:/dev/video0[?options] */
static vstream_source_result_t
vstream_source_device_read(vstream_slice_t rest, vstream_source_t *source)
{
    source->path = vstream_source_query_split(rest, source);

    if (vstream_source_has_placeholder(source->path)) {
        return VSTREAM_SOURCE_PLACED_CREDENTIAL;
    }

    if (source->path.length < 6 || memcmp(source->path.data, "/dev/", 5) != 0
        || vstream_source_has_parent(source->path))
    {
        return VSTREAM_SOURCE_BAD_DEVICE;
    }

    return vstream_source_options_read(source);
}


/* kafka:topic[?camera=id] */
static vstream_source_result_t
vstream_source_topic_read(vstream_slice_t rest, vstream_source_t *source)
{
    source->path = vstream_source_query_split(rest, source);

    if (vstream_source_has_placeholder(source->path)) {
        return VSTREAM_SOURCE_PLACED_CREDENTIAL;
    }

    if (vstream_kafka_topic_check(source->path) != VSTREAM_OK) {
        return VSTREAM_SOURCE_BAD_TOPIC;
    }

    return vstream_source_options_read(source);
}


/* file:/path; file:///path (RFC 8089) too, but no host between the slashes. */
static vstream_source_result_t
vstream_source_file_read(vstream_slice_t rest, vstream_source_t *source)
{
    if (vstream_source_has_placeholder(rest)) {
        return VSTREAM_SOURCE_PLACED_CREDENTIAL;
    }

    if (rest.length >= 3 && memcmp(rest.data, "///", 3) == 0) {
        rest = vstream_source_tail(rest, 2);
    }

    if (rest.length < 2 || rest.data[0] != '/' || rest.data[1] == '/'
        || vstream_source_has_parent(rest))
    {
        return VSTREAM_SOURCE_BAD_PATH;
    }

    source->path = rest;

    return VSTREAM_SOURCE_OK;
}


static int
vstream_source_is_printable(vstream_slice_t text)
{
    size_t i;

    for (i = 0; i < text.length; i++) {
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f) {
            return 0;
        }
    }

    return 1;
}


/* Letters, digits and the characters of `extra`, at least one. */
static int
vstream_source_is_host(vstream_slice_t host, const char *extra)
{
    size_t i;
    char   c;

    for (i = 0; i < host.length; i++) {
        c = host.data[i];

        if ((c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
            && memchr(extra, c, strlen(extra)) == NULL)
        {
            return 0;
        }
    }

    return host.length > 0;
}


/* An address, not a name: IPv6 has colons, IPv4 nothing but digits and dots. */
static int
vstream_source_is_address(vstream_slice_t host)
{
    size_t i;

    if (vstream_source_find(host, ":") < host.length) {
        return 1;
    }

    for (i = 0; i < host.length; i++) {
        if ((host.data[i] < '0' || host.data[i] > '9') && host.data[i] != '.') {
            return 0;
        }
    }

    return 1;
}


int
vstream_source_has_placeholder(vstream_slice_t text)
{
    size_t i;

    for (i = 0; i + 1 < text.length; i++) {
        if (text.data[i] == '$' && text.data[i + 1] == '{') {
            return 1;
        }
    }

    return 0;
}


/* A path segment that is "..". */
static int
vstream_source_has_parent(vstream_slice_t path)
{
    size_t i;

    for (i = 0; i + 2 < path.length; i++) {
        if (memcmp(path.data + i, "/..", 3) == 0
            && (i + 3 == path.length || path.data[i + 3] == '/'))
        {
            return 1;
        }
    }

    return 0;
}


/* What stands before the "?"; what follows it becomes the query. */
static vstream_slice_t
vstream_source_query_split(vstream_slice_t rest, vstream_source_t *source)
{
    size_t mark = vstream_source_find(rest, "?");

    source->query =
        vstream_source_tail(rest, mark < rest.length ? mark + 1 : rest.length);

    return vstream_source_head(rest, mark);
}


/* Where the first of the characters `stops` is; the length if none is. */
static size_t
vstream_source_find(vstream_slice_t text, const char *stops)
{
    size_t i;

    for (i = 0; i < text.length; i++) {
        if (memchr(stops, text.data[i], strlen(stops)) != NULL) {
            return i;
        }
    }

    return text.length;
}


static size_t
vstream_source_find_last(vstream_slice_t text, char c)
{
    size_t i;

    for (i = text.length; i > 0; i--) {
        if (text.data[i - 1] == c) {
            return i - 1;
        }
    }

    return text.length;
}


static vstream_slice_t
vstream_source_head(vstream_slice_t text, size_t n)
{
    return (vstream_slice_t) { text.data, n };
}


static vstream_slice_t
vstream_source_tail(vstream_slice_t text, size_t n)
{
    return (vstream_slice_t) { text.data + n, text.length - n };
}


const char *
vstream_source_result_text(vstream_source_result_t result)
{
    switch (result) {
    case VSTREAM_SOURCE_OK:
        return "is right";
    case VSTREAM_SOURCE_EMPTY:
        return "is empty; write rtsp://, http://, file:/path, test: or "
               "another kind of source";
    case VSTREAM_SOURCE_TOO_LONG:
        return "is longer than 2048 bytes";
    case VSTREAM_SOURCE_BAD_CHARACTER:
        return "holds a space, a control character or one that is not ASCII; "
               "write it as %XX";
    case VSTREAM_SOURCE_BAD_SCHEME:
        return "must begin with rtsp://, rtsps://, rtmp://, rtmps://, srt://, "
               "http://, https://, udp://, v4l2:/, file:/, kafka: or test:";
    case VSTREAM_SOURCE_NO_HOST:
        return "names no host; write a name, an IPv4 address or an IPv6 "
               "address in brackets";
    case VSTREAM_SOURCE_BAD_PORT:
        return "has a bad port; write a number from 1 to 65535, which srt:// "
               "and udp:// cannot do without";
    case VSTREAM_SOURCE_BAD_PATH:
        return "needs an absolute path without \"..\", as in "
               "file:/var/lib/vstream/loop.mp4";
    case VSTREAM_SOURCE_BAD_DEVICE:
        return "needs a device, as in v4l2:/dev/video0";
    case VSTREAM_SOURCE_BAD_TOPIC:
        return "needs a topic of Kafka: 1 to 249 letters, digits, dots, "
               "underscores and dashes, as in kafka:cameras?camera=gate";
    case VSTREAM_SOURCE_NO_ADDRESS:
        return "names a host to listen on; write an address, as in "
               "udp://192.0.2.1:5000 or srt://0.0.0.0:9000?mode=listener";
    case VSTREAM_SOURCE_NEEDLESS_PART:
        return "has a user or a path, which srt:// and udp:// do not know; a "
               "password of SRT is written passphrase=${NAME}, a name for the "
               "stream streamid=";
    case VSTREAM_SOURCE_UNKNOWN_OPTION:
        return "has an option that its kind does not know, or one twice; "
               "srt:// takes mode, latency, streamid, passphrase and "
               "pbkeylen, udp:// interface, v4l2: size, fps and format, "
               "kafka: camera";
    case VSTREAM_SOURCE_BAD_OPTION:
        return "has a bad option; write mode=caller|listener, latency=0..10000, "
               "streamid= of 512 bytes at most, passphrase=${NAME}, "
               "pbkeylen=16|24|32, interface= an address, size=1280x720, "
               "fps=0.1..240, format=mjpeg, camera= an id";
    case VSTREAM_SOURCE_LITERAL_PASSWORD:
        return "holds a literal password; write ${NAME} in its place and give "
               "the value to vstream-ingest as VSTREAM_CAMERA_NAME";
    case VSTREAM_SOURCE_BAD_PLACEHOLDER:
        return "has a bad placeholder; write ${NAME}@ for user:password, "
               "user:${NAME}@ for the password or passphrase=${NAME} for that "
               "of SRT, NAME in capital letters, digits and underscores";
    case VSTREAM_SOURCE_PLACED_CREDENTIAL:
        return "has a placeholder where none may be; credentials may only "
               "stand before the @ of a URL, or as the passphrase= of srt://";
    }

    return "is wrong";
}
