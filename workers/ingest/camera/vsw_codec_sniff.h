/*
 * Which of H.264 and H.265 a stream really is.  MPEG-TS tells that in its
 * program map, but libavformat does not hear of it when it changes; what comes
 * then contradicts the codec that it is taken for.
 */

#ifndef VSW_CODEC_SNIFF_H
#define VSW_CODEC_SNIFF_H

#include <stddef.h>
#include <stdint.h>

#include <libavcodec/codec_id.h>


/*
 * The codec whose parameter sets stand among these NAL units (with start
 * codes); AV_CODEC_ID_NONE: those of neither do.
 */
enum AVCodecID vsw_codec_sniff(const uint8_t *data, size_t size);


#endif /* VSW_CODEC_SNIFF_H */
