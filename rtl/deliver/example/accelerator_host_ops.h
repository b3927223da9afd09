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

#ifdef __cplusplus
}
#endif

#endif
