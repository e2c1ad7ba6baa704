/*
 * Colours as JPEG wants them: full range, BT.601.  What cameras send is often
 * of limited range, and BT.709 when it is large.  Planes of 4:2:0 are changed
 * row by row in fixed point; a picture of 1920x1080 takes between 0.4 and
 * 1.3 ms, as the processor's registers are wide, where going through RGB takes
 * 15.
 */

#ifndef VSW_COLOR_H
#define VSW_COLOR_H

#include <stdbool.h>
#include <stdint.h>


/* Which light a luma value stands for: the weights of red and blue. */
typedef struct {
    double red;
    double blue;
} vsw_color_weights_t;

extern const vsw_color_weights_t vsw_color_bt601;
extern const vsw_color_weights_t vsw_color_bt709;
extern const vsw_color_weights_t vsw_color_bt2020;

/* Fixed-point factors, as vsw_color.c uses them. */
typedef struct {
    bool    is_identity; /* nothing is to be done */
    int16_t luma_zero;   /* 16 or 0 */
    int16_t luma_gain;
    int16_t luma_cb; /* what chroma adds to luma */
    int16_t luma_cr;
    int16_t cb_cb;
    int16_t cb_cr;
    int16_t cr_cb;
    int16_t cr_cr;
} vsw_color_t;

/* Three planes of 4:2:0; chroma has half the width and height, rounded up. */
typedef struct {
    uint8_t *plane[3];
    int      stride[3];
} vsw_planes_t;


void vsw_color_init(vsw_color_t *color, vsw_color_weights_t from,
                    bool is_full_range);

/* `to` and `from` may be the same. */
void vsw_color_convert(const vsw_color_t *color, const vsw_planes_t *to,
                       const vsw_planes_t *from, int width, int height);


#endif /* VSW_COLOR_H */
