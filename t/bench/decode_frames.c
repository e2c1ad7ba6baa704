/*
 * What pictures cost with nothing around them: a clip of H.264 is decoded by
 * one thread, scaled, and made JPEG, at its own pace.
 *
 *     decode_frames -f FILE [-w WIDTH] [-h HEIGHT] [-q QUALITY] [-r FPS]
 *                   [-d SECONDS]
 *
 * Colours are left alone, which is less than a viewer needs.  Of two scalers
 * of libswscale the faster one would do; there is hardly a difference.  One
 * line of JSON says what each step takes of a core.
 */

#include "load.h"

#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
#include <turbojpeg.h>

#define PACKETS_MAX 4096


static struct {
    const char *file;
    int         width, height, quality;
    double      fps, seconds;
} options = {
    .width = 1280, .height = 720, .quality = 80, .fps = 30, .seconds = 4
};

static AVPacket          *packets[PACKETS_MAX];
static int                count;
static AVCodecContext    *codec;
static struct SwsContext *scaler;
static AVFrame           *picture, *scaled;
static tjhandle           compressor;
static unsigned char     *jpeg;
static unsigned long      room;

static struct {
    long   frames;
    double decode, scale, encode, bytes;
} spent;


static void
check(int is_right, const char *what)
{
    if (!is_right) {
        fprintf(stderr, "decode_frames: %s\n", what);
        exit(1);
    }
}


/* All of the clip, so that no file is read while it is measured. */
static void
clip_read(void)
{
    AVFormatContext *format = NULL;
    const AVCodec   *decoder;

    check(avformat_open_input(&format, options.file, NULL, NULL) == 0
              && avformat_find_stream_info(format, NULL) >= 0
              && format->nb_streams > 0,
          options.file);

    for (count = 0; count < PACKETS_MAX; count++) {
        packets[count] = av_packet_alloc();
        if (av_read_frame(format, packets[count]) < 0) {
            break;
        }
    }

    decoder = avcodec_find_decoder(format->streams[0]->codecpar->codec_id);
    check(decoder != NULL && count > 0, "no video");

    codec = avcodec_alloc_context3(decoder);
    avcodec_parameters_to_context(codec, format->streams[0]->codecpar);
    codec->thread_count = 1;
    check(avcodec_open2(codec, decoder, NULL) == 0, "no decoder");
}


static void
steps_prepare(void)
{
    picture = av_frame_alloc();
    scaled = av_frame_alloc();
    scaled->format = AV_PIX_FMT_YUV420P;
    scaled->width = options.width;
    scaled->height = options.height;
    check(av_frame_get_buffer(scaled, 0) == 0, "no memory");

    scaler = sws_getContext(codec->width, codec->height, AV_PIX_FMT_YUV420P,
                            options.width, options.height, AV_PIX_FMT_YUV420P,
                            SWS_FAST_BILINEAR, NULL, NULL, NULL);
    compressor = tjInitCompress();
    room = tjBufSize(options.width, options.height, TJSAMP_420);
    jpeg = malloc(room);
    check(scaler != NULL && compressor != NULL && jpeg != NULL, "no memory");
}


static void
picture_show(void)
{
    double               began = load_cpu(), scaled_at;
    unsigned long        size = room;
    const unsigned char *planes[3];

    sws_scale(scaler, (const uint8_t *const *) picture->data, picture->linesize,
              0, picture->height, scaled->data, scaled->linesize);
    scaled_at = load_cpu();
    spent.scale += scaled_at - began;

    planes[0] = scaled->data[0];
    planes[1] = scaled->data[1];
    planes[2] = scaled->data[2];
    check(tjCompressFromYUVPlanes(compressor, planes, options.width,
                                  scaled->linesize, options.height, TJSAMP_420,
                                  &jpeg, &size, options.quality,
                                  TJFLAG_NOREALLOC)
              == 0,
          "no JPEG");
    spent.encode += load_cpu() - scaled_at;
    spent.bytes += (double) size;
    spent.frames++;
}


static void
packet_decode(AVPacket *packet)
{
    int    rc;
    double began = load_cpu();

    check(avcodec_send_packet(codec, packet) == 0, "it cannot be decoded");
    rc = avcodec_receive_frame(codec, picture);
    spent.decode += load_cpu() - began;

    if (rc == 0) {
        picture_show();
    }
}


static void
sleep_until(double when)
{
    double left = when - load_now();

    if (left > 0) {
        usleep((useconds_t) (left * 1e6));
    }
}


static void
options_read(int argc, char **argv)
{
    int letter;

    while ((letter = getopt(argc, argv, "f:w:h:q:r:d:")) > 0) {
        switch (letter) {
        case 'f':
            options.file = optarg;
            break;
        case 'w':
            options.width = (int) strtol(optarg, NULL, 10);
            break;
        case 'h':
            options.height = (int) strtol(optarg, NULL, 10);
            break;
        case 'q':
            options.quality = (int) strtol(optarg, NULL, 10);
            break;
        case 'r':
            options.fps = strtod(optarg, NULL);
            break;
        case 'd':
            options.seconds = strtod(optarg, NULL);
            break;
        default:
            exit(2);
        }
    }

    check(options.file != NULL && options.fps > 0, "see its head");
}


int
main(int argc, char **argv)
{
    double start, began = 0, cpu_began = 0;
    long   n;

    options_read(argc, argv);
    clip_read();
    steps_prepare();
    start = load_now();

    for (n = 0; began == 0 || load_now() - began < options.seconds; n++) {
        sleep_until(start + (double) n / options.fps);

        if (began == 0 && load_now() - start > LOAD_WARM_SECONDS) {
            began = load_now();
            cpu_began = load_cpu();
            memset(&spent, 0, sizeof(spent));
        }

        packet_decode(packets[n % count]);
    }

    printf("{\"frames\":%ld,\"us_per_frame\":%.1f,\"decode_us\":%.1f,"
           "\"scale_us\":%.1f,\"encode_us\":%.1f,\"bytes\":%.0f}\n",
           spent.frames, (load_cpu() - cpu_began) * 1e6 / (double) spent.frames,
           spent.decode * 1e6 / (double) spent.frames,
           spent.scale * 1e6 / (double) spent.frames,
           spent.encode * 1e6 / (double) spent.frames,
           spent.bytes / (double) spent.frames);
    return 0;
}
