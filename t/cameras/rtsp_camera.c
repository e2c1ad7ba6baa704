/*
 * An RTSP camera for the demo and the tests: plays H.264 files for ever, each
 * under its own mount, over gst-rtsp-server, and sends the access units as
 * they stand in the file.  Like a camera it has one clock: who dials late (or
 * again) joins where the picture is now, in the middle of a group of
 * pictures, and the timestamps never go back.  It binds 127.0.0.1 alone.
 */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib-unix.h>
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>
#include <gst/rtsp-server/rtsp-server.h>
#include <libavformat/avformat.h>


#define MOUNTS_MAX 64

#define LAUNCH                                                                 \
    "( appsrc name=packets format=time max-buffers=4 max-bytes=0 "             \
    "! rtph264pay name=pay0 pt=96 config-interval=-1 )"


/* One mount, as the command line says. */
typedef struct {
    const char *path;
    const char *file;
    const char *user;
    const char *password_file;
    double      stall_after; /* seconds of media per client; 0: never */
    gboolean    is_tcp_only; /* media over UDP is refused */
    gint64      born_us;     /* monotonic: where this camera's clock starts */
} mount_t;

/* One pass of a file through a pipeline; owned by its media. */
typedef struct {
    const mount_t   *mount;
    AVFormatContext *in;
    AVPacket        *packet;
    int              stream;
    int64_t          skip_us;  /* what passed before the client came */
    int64_t          round_us; /* where in endless time this round begins */
    int64_t          first_us; /* dts of the file's first packet */
    int64_t          end_us;   /* end of the last packet, in endless time */
} player_t;

typedef struct {
    mount_t           mounts[MOUNTS_MAX];
    int               n;
    const char       *port;
    GstRTSPAuthMethod methods;
} options_t;


static void player_destroy(gpointer data);


static const char usage[] =
    "Usage: rtsp_camera --port PORT --mount /PATH --file FILE [OPTION]...\n"
    "                   [--mount /PATH --file FILE [OPTION]...]...\n"
    "\n"
    "Serves H.264 files as endless RTSP cameras on 127.0.0.1.\n"
    "\n"
    "  --port PORT           0 takes a free one; it is printed when ready\n"
    "  --auth digest|basic   how passwords are asked for (digest)\n"
    "  --mount /PATH         begins a camera; what follows is about it\n"
    "  --file FILE           what it shows: H.264 in mp4 or mkv\n"
    "  --user NAME           who may look; without it, everybody\n"
    "  --password-file FILE  whose first line is the password\n"
    "  --stall-after SECONDS the connection stays, the pictures stop\n"
    "  --tcp-only            media over UDP is refused\n"
    "  --help\n";


static int64_t
player_us(const player_t *player, int64_t ticks)
{
    return av_rescale_q(ticks, player->in->streams[player->stream]->time_base,
                        AV_TIME_BASE_Q);
}


/* Reads the next packet of the video; at the end of the file a new round. */
static int
player_read(player_t *player)
{
    int rounds;

    for (rounds = 0; rounds < 2;) {
        av_packet_unref(player->packet);

        if (av_read_frame(player->in, player->packet) == 0) {
            if (player->packet->stream_index == player->stream) {
                return 0;
            }
            continue;
        }

        if (av_seek_frame(player->in, player->stream, 0, AVSEEK_FLAG_BACKWARD)
            < 0) {
            return -1;
        }
        player->round_us = player->end_us;
        rounds++;
    }

    return -1;
}


/* Goes to where the camera's clock is, by way of the keyframe before. */
static int
player_join(player_t *player)
{
    int64_t   length, now, ts;
    AVStream *st;

    st = player->in->streams[player->stream];
    length = player_us(player, st->duration);
    now = g_get_monotonic_time() - player->mount->born_us;

    if (length <= 0) {
        return 0;
    }

    player->round_us = now / length * length;
    player->skip_us = now;
    ts = av_rescale_q(now % length + player->first_us, AV_TIME_BASE_Q,
                      st->time_base);

    return av_seek_frame(player->in, player->stream, ts, AVSEEK_FLAG_BACKWARD);
}


static player_t *
player_create(const mount_t *mount)
{
    player_t *player;
    AVStream *st;

    player = g_new0(player_t, 1);
    player->mount = mount;
    player->packet = av_packet_alloc();

    if (avformat_open_input(&player->in, mount->file, NULL, NULL) < 0
        || avformat_find_stream_info(player->in, NULL) < 0)
    {
        goto failed;
    }

    player->stream =
        av_find_best_stream(player->in, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (player->stream < 0) {
        goto failed;
    }

    st = player->in->streams[player->stream];
    if (st->codecpar->codec_id != AV_CODEC_ID_H264) {
        goto failed;
    }

    if (st->start_time != AV_NOPTS_VALUE) {
        player->first_us = player_us(player, st->start_time);
    }

    if (player_join(player) < 0) {
        goto failed;
    }

    return player;

failed:

    player_destroy(player);
    return NULL;
}


static void
player_destroy(gpointer data)
{
    player_t *player;

    player = data;
    if (player == NULL) {
        return;
    }

    av_packet_free(&player->packet);
    avformat_close_input(&player->in);
    g_free(player);
}


static GstCaps *
player_caps(const player_t *player)
{
    GstCaps                 *caps;
    GstBuffer               *config;
    const AVCodecParameters *par;

    par = player->in->streams[player->stream]->codecpar;
    config = gst_buffer_new_memdup(par->extradata, par->extradata_size);
    caps = gst_caps_new_simple(
        "video/x-h264", "stream-format", G_TYPE_STRING, "avc", "alignment",
        G_TYPE_STRING, "au", "width", G_TYPE_INT, par->width, "height",
        G_TYPE_INT, par->height, "codec_data", GST_TYPE_BUFFER, config, NULL);
    gst_buffer_unref(config);

    return caps;
}


/* The pipeline wants an access unit; its sink keeps the pace. */
static void
player_need_data(GstAppSrc *src, guint length, gpointer data)
{
    int64_t    base_us, dts_us, pts_us, duration_us;
    player_t  *player;
    AVPacket  *packet;
    GstBuffer *buffer;

    (void) length;
    player = data;
    packet = player->packet;

    do {
        if (player_read(player) != 0) {
            gst_app_src_end_of_stream(src);
            return;
        }

        base_us = player->round_us - player->first_us;
        dts_us = base_us + player_us(player, packet->dts);
        pts_us = base_us + player_us(player, packet->pts);
        duration_us = player_us(player, packet->duration);
        player->end_us = dts_us + duration_us;

    } while (dts_us < player->skip_us);

    dts_us -= player->skip_us;
    pts_us -= player->skip_us;

    if (player->mount->stall_after > 0
        && (double) dts_us > player->mount->stall_after * 1e6)
    {
        return;
    }

    buffer = gst_buffer_new_memdup(packet->data, (gsize) packet->size);
    GST_BUFFER_DTS(buffer) = (GstClockTime) dts_us * 1000;
    GST_BUFFER_PTS(buffer) = (GstClockTime) pts_us * 1000;
    GST_BUFFER_DURATION(buffer) = (GstClockTime) duration_us * 1000;

    if (!(packet->flags & AV_PKT_FLAG_KEY)) {
        GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
    }

    gst_app_src_push_buffer(src, buffer);
}


/* A media is made for the first client, and unmade after the last. */
static void
media_configure(GstRTSPMediaFactory *factory, GstRTSPMedia *media,
                gpointer data)
{
    GstCaps           *caps;
    player_t          *player;
    GstElement        *bin, *src;
    GstAppSrcCallbacks callbacks = { .need_data = player_need_data };

    (void) factory;

    bin = gst_rtsp_media_get_element(media);
    src = gst_bin_get_by_name(GST_BIN(bin), "packets");
    player = player_create(data);

    if (player == NULL) {
        fprintf(stderr, "rtsp_camera: cannot play \"%s\"\n",
                ((const mount_t *) data)->file);
        gst_app_src_end_of_stream(GST_APP_SRC(src));

    } else {
        caps = player_caps(player);
        gst_app_src_set_caps(GST_APP_SRC(src), caps);
        gst_caps_unref(caps);
        gst_app_src_set_callbacks(GST_APP_SRC(src), &callbacks, player,
                                  player_destroy);
    }

    gst_object_unref(src);
    gst_object_unref(bin);
}


/* The first line of a small file; NULL where there is none. */
static char *
password_read(const char *path)
{
    char *text;

    if (path == NULL || !g_file_get_contents(path, &text, NULL, NULL)) {
        return NULL;
    }

    text[strcspn(text, "\r\n")] = '\0';
    return text;
}


/* GStreamer wants a role's name to begin with a letter. */
static char *
role_name(const mount_t *mount)
{
    return g_strconcat("user:", mount->user, NULL);
}


static void
auth_add_user(GstRTSPAuth *auth, const mount_t *mount, const char *password)
{
    char         *basic, *role;
    GstRTSPToken *token;

    role = role_name(mount);
    token = gst_rtsp_token_new(GST_RTSP_TOKEN_MEDIA_FACTORY_ROLE, G_TYPE_STRING,
                               role, NULL);
    basic = gst_rtsp_auth_make_basic(mount->user, password);

    gst_rtsp_auth_add_digest(auth, mount->user, password, token);
    gst_rtsp_auth_add_basic(auth, basic, token);

    g_free(basic);
    g_free(role);
    gst_rtsp_token_unref(token);
}


/* So that a test can count who dialled how often. */
static void
client_describes(GstRTSPClient *client, GstRTSPContext *context, gpointer data)
{
    (void) client, (void) data;

    printf("rtsp_camera: dial for %s\n", context->uri->abspath);
    fflush(stdout);
}


static void
client_connected(GstRTSPServer *server, GstRTSPClient *client, gpointer data)
{
    (void) server, (void) data;

    g_signal_connect(client, "describe-request", G_CALLBACK(client_describes),
                     NULL);
}


/*
 * Everybody may ask for a camera; only its user may have it.  So a stranger
 * hears 401 rather than 404, as from a real one.
 */
static void
factory_allow(GstRTSPMediaFactory *factory, const char *role, gboolean have)
{
    gst_rtsp_media_factory_add_role(
        factory, role, GST_RTSP_PERM_MEDIA_FACTORY_ACCESS, G_TYPE_BOOLEAN, TRUE,
        GST_RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, G_TYPE_BOOLEAN, have, NULL);
}


static GstRTSPMediaFactory *
factory_create(mount_t *mount)
{
    char                *role;
    GstRTSPMediaFactory *factory;

    factory = gst_rtsp_media_factory_new();
    gst_rtsp_media_factory_set_launch(factory, LAUNCH);
    gst_rtsp_media_factory_set_shared(factory, TRUE);
    gst_rtsp_media_factory_set_protocols(
        factory, mount->is_tcp_only
                     ? GST_RTSP_LOWER_TRANS_TCP
                     : GST_RTSP_LOWER_TRANS_TCP | GST_RTSP_LOWER_TRANS_UDP);
    factory_allow(factory, "anonymous", mount->user == NULL);

    if (mount->user != NULL) {
        role = role_name(mount);
        factory_allow(factory, role, TRUE);
        g_free(role);
    }

    g_signal_connect(factory, "media-configure", G_CALLBACK(media_configure),
                     mount);

    return factory;
}


static GstRTSPAuth *
auth_create(GstRTSPAuthMethod methods)
{
    GstRTSPAuth  *auth;
    GstRTSPToken *anybody;

    auth = gst_rtsp_auth_new();
    gst_rtsp_auth_set_supported_methods(auth, methods);
    anybody = gst_rtsp_token_new(GST_RTSP_TOKEN_MEDIA_FACTORY_ROLE,
                                 G_TYPE_STRING, "anonymous", NULL);
    gst_rtsp_auth_set_default_token(auth, anybody);
    gst_rtsp_token_unref(anybody);

    return auth;
}


static GstRTSPServer *
server_create(options_t *options)
{
    int                 i;
    char               *password;
    GstRTSPAuth        *auth;
    GstRTSPServer      *server;
    GstRTSPMountPoints *points;

    server = gst_rtsp_server_new();
    gst_rtsp_server_set_address(server, "127.0.0.1");
    gst_rtsp_server_set_service(server, options->port);

    g_signal_connect(server, "client-connected", G_CALLBACK(client_connected),
                     NULL);

    auth = auth_create(options->methods);
    points = gst_rtsp_server_get_mount_points(server);

    for (i = 0; i < options->n; i++) {
        options->mounts[i].born_us = g_get_monotonic_time();
        gst_rtsp_mount_points_add_factory(points, options->mounts[i].path,
                                          factory_create(&options->mounts[i]));

        if (options->mounts[i].user == NULL) {
            continue;
        }

        password = password_read(options->mounts[i].password_file);
        if (password == NULL) {
            fprintf(stderr, "rtsp_camera: no password for \"%s\"\n",
                    options->mounts[i].user);
            exit(2);
        }
        auth_add_user(auth, &options->mounts[i], password);
        g_free(password);
    }

    gst_rtsp_server_set_auth(server, auth);
    g_object_unref(auth);
    g_object_unref(points);

    return server;
}


static void
usage_refuse(const char *why)
{
    fprintf(stderr, "rtsp_camera: %s; see --help\n", why);
    exit(2);
}


/* `mount` is the camera that the options at hand are about, or NULL. */
static void
option_set(options_t *options, mount_t *mount, int option, char *value)
{
    if (option == 'p') {
        options->port = value;

    } else if (option == 'a') {
        options->methods = strcmp(value, "basic") == 0 ? GST_RTSP_AUTH_BASIC
                                                       : GST_RTSP_AUTH_DIGEST;

    } else if (mount == NULL) {
        usage_refuse("--mount comes before what is said about it");

    } else if (option == 'f') {
        mount->file = value;

    } else if (option == 'u') {
        mount->user = value;

    } else if (option == 'w') {
        mount->password_file = value;

    } else if (option == 's') {
        mount->stall_after = strtod(value, NULL);

    } else if (option == 't') {
        mount->is_tcp_only = TRUE;
    }
}


static void
options_read(options_t *options, int argc, char **argv)
{
    int      option;
    mount_t *mount;

    static const struct option names[] = {
        { "port", required_argument, NULL, 'p' },
        { "auth", required_argument, NULL, 'a' },
        { "mount", required_argument, NULL, 'm' },
        { "file", required_argument, NULL, 'f' },
        { "user", required_argument, NULL, 'u' },
        { "password-file", required_argument, NULL, 'w' },
        { "stall-after", required_argument, NULL, 's' },
        { "tcp-only", no_argument, NULL, 't' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };

    mount = NULL;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            exit(0);
        }
        if (option == '?') {
            exit(2);
        }
        if (option != 'm') {
            option_set(options, mount, option, optarg);
            continue;
        }
        if (options->n == MOUNTS_MAX) {
            usage_refuse("too many mounts");
        }
        mount = &options->mounts[options->n++];
        mount->path = optarg;
    }
}


static void
options_check(const options_t *options)
{
    int i;

    if (options->port == NULL || options->n == 0) {
        usage_refuse("--port and --mount are needed");
    }

    for (i = 0; i < options->n; i++) {
        if (options->mounts[i].path[0] != '/') {
            usage_refuse("a mount begins with a slash");
        }
        if (options->mounts[i].file == NULL
            || access(options->mounts[i].file, R_OK) != 0)
        {
            usage_refuse("a mount needs a --file that can be read");
        }
    }
}


/* GStreamer's list of plugins is kept beside the program, not at home. */
static void
registry_place(void)
{
    char *program, *path;

    program = g_file_read_link("/proc/self/exe", NULL);
    path = g_strconcat(program, ".plugins", NULL);
    g_setenv("GST_REGISTRY", path, FALSE);
    g_free(path);
    g_free(program);
}


static gboolean
sessions_expire(gpointer server)
{
    GstRTSPSessionPool *pool;

    pool = gst_rtsp_server_get_session_pool(server);
    gst_rtsp_session_pool_cleanup(pool);
    g_object_unref(pool);

    return G_SOURCE_CONTINUE;
}


static gboolean
loop_quit(gpointer loop)
{
    g_main_loop_quit(loop);

    return G_SOURCE_CONTINUE;
}


int
main(int argc, char **argv)
{
    GMainLoop     *loop;
    GstRTSPServer *server;

    static options_t options = { .methods = GST_RTSP_AUTH_DIGEST };

    options_read(&options, argc, argv);
    options_check(&options);

    registry_place();
    gst_init(NULL, NULL);

    loop = g_main_loop_new(NULL, FALSE);
    server = server_create(&options);

    if (gst_rtsp_server_attach(server, NULL) == 0) {
        fprintf(stderr, "rtsp_camera: cannot listen on 127.0.0.1:%s\n",
                options.port);
        return 1;
    }

    g_unix_signal_add(SIGTERM, loop_quit, loop);
    g_unix_signal_add(SIGINT, loop_quit, loop);
    g_timeout_add_seconds(2, sessions_expire, server);

    printf("rtsp_camera: ready at rtsp://127.0.0.1:%d\n",
           gst_rtsp_server_get_bound_port(server));
    fflush(stdout);

    g_main_loop_run(loop);

    g_object_unref(server);
    g_main_loop_unref(loop);

    return 0;
}
