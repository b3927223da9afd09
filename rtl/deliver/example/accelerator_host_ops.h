/*
 * The functions in host_ops.c: operators of a .tflite that the host computes, value by value as
 * TFLite's reference kernels do. Steps of the host in memory.h may call them.
 *
 * Arrays are dense, channels innermost. Integers of a file of uint8 are taken less 128, and so are
 * their zero points. Scales and all else are macros in memory.h.
 */
#ifndef ACCELERATOR_HOST_OPS_H
#define ACCELERATOR_HOST_OPS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Real values, which must be finite, become integers. */
void accelerator_quantize(const float *read, int8_t *left, uint32_t count, float scale,
                          int32_t zero_point);

/* Integers become real values. */
void accelerator_dequantize(const int8_t *read, float *left, uint32_t count, float scale,
                            int32_t zero_point);

/*
 * Softmax over the channels of each pixel; it leaves steps of 1/256 from -128 on. Returns 0, or -1
 * if the sum of a pixel's exponentials does not fit: it has thousands of large channels.
 */
int accelerator_softmax(const int8_t *read, int8_t *left, uint32_t pixels, uint32_t channels,
                        float scale, float beta);

/* A map: `rows` of `columns` pixels of `channels`. */
struct accelerator_map {
    uint32_t rows, columns, channels;
};

/* Channels become blocks of block x block pixels; `of` is what is read. */
void accelerator_depth_to_space(const int8_t *read, int8_t *left, struct accelerator_map of,
                                uint32_t block);

/*
 * Pixels between the four around them, of a file of int8: those of uint8 are computed in real
 * numbers, which this does not do. `of` is what is read; memory.h has both flags.
 */
void accelerator_resize_bilinear(const int8_t *read, int8_t *left, struct accelerator_map of,
                                 uint32_t height, uint32_t width, int align_corners,
                                 int half_pixel_centers);

/* A map that is read, such as INPUT_0 of a step of the host, and one that is left. */
struct accelerator_read {
    const int8_t *values;
    struct accelerator_map of;
    float scale;
    int32_t zero_point;
};
struct accelerator_left {
    int8_t *values;
    struct accelerator_map of;
    float scale;
    int32_t zero_point;
    int32_t least, most; /* LEAST and MOST: what its activation clamps to */
};

/*
 * The sum, the difference and the product of two maps, one of them perhaps an OPERAND; an axis of
 * length 1 is repeated. `is_tflm` is MEMORY_IS_TFLM. They return 0, or -1 if a number does not fit
 * 32 bits, as it does not in TFLite.
 */
int accelerator_add(const struct accelerator_read *first, const struct accelerator_read *second,
                    const struct accelerator_left *left);
int accelerator_subtract(const struct accelerator_read *first,
                         const struct accelerator_read *second,
                         const struct accelerator_left *left);
int accelerator_multiply(const struct accelerator_read *first,
                         const struct accelerator_read *second,
                         const struct accelerator_left *left, int is_tflm);

/*
 * Maps one after the other along an axis, 0: rows, 1: columns, 2: channels. They have one scale and
 * one zero point. A reshape needs no function: a dense array stays as it is.
 */
void accelerator_concatenate(const int8_t *const *read, const struct accelerator_map *of,
                             uint32_t count, int8_t *left, int axis);

/* Windows over a map, or kernels: rows and columns, their strides, what lies before the map. */
struct accelerator_window {
    uint32_t rows, columns, stride_rows, stride_columns, padding_top, padding_left;
};

/*
 * The mean of what lies inside the map of every window, which must be something. `offset` is that of
 * the input, 128 in a file of uint8.
 */
void accelerator_average_pool(const struct accelerator_read *read,
                              const struct accelerator_left *left,
                              const struct accelerator_window *window, int32_t offset);

/* WEIGHTS of a step of the host, with WEIGHT_SCALES, one or one for each filter, and BIAS. */
struct accelerator_weights {
    const int8_t *values; /* [filter][row][column][channel] */
    const float *scales;
    uint32_t scales_count;
    const int32_t *bias;
    int32_t zero_point;
};

/*
 * A transposed convolution: every pixel adds its multiple of the kernel, `window`, to the output,
 * whose first rows and columns are the padding and are cut off. `offset` is that of the input.
 * Returns 0, or -1 if a sum does not fit 32 bits.
 */
int accelerator_transpose_convolution(const struct accelerator_read *read,
                                      const struct accelerator_left *left,
                                      const struct accelerator_weights *weights,
                                      const struct accelerator_window *window, int32_t offset);

#ifdef __cplusplus
}
#endif

#endif
