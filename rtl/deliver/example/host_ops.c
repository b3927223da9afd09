/*
 * Operators of a .tflite that the host computes, in the integers of TFLite's reference kernels.
 *
 * A number "in qI" has I integer bits: it is raw / 2^(31 - I). Right shifts of negative numbers keep
 * their sign, as every compiler for these machines has it.
 */
#include "accelerator_host_ops.h"
#include <string.h>

#define ONE INT32_MAX               /* 1.0 in q0, as nearly as it can be */
#define DIFFERENCE_BITS 5           /* integer bits of the distance to a pixel's largest value */
#define SUM_BITS 12                 /* integer bits of the sum of a pixel's exponentials */
#define EIGHTH 268435456            /* 1/8 in q0 */
#define THIRD 715827883             /* 1/3 in q0 */
#define EXP_OF_MINUS_EIGHTH 1895147668 /* in q0 */
#define NEWTON_FIRST 1515870810     /* 48/17 in q2 */
#define NEWTON_SLOPE (-1010580540)  /* -32/17 in q2 */
#define ONE_IN_Q2 536870912
#define HEADROOM_BITS 20            /* of both operands of a sum, before they are scaled */
#define PLACES ((int64_t)1 << 10)   /* between one pixel and the next */

/* exp(-2^n) in q0, of n from -2 to 4 */
static const int32_t exponentials[] = {1672461947, 1302514674, 790015084, 290630308,
                                       39332535,   720401,     242};

static int8_t clamped(int64_t x)
{
    return (int8_t)(x < INT8_MIN ? INT8_MIN : x > INT8_MAX ? INT8_MAX : x);
}

/* Returns 2ab / 2^32 of numbers of 32 bits, to the nearest, halves away from 0. */
static int64_t high_product(int64_t a, int64_t b)
{
    int64_t product = a * b, half = (int64_t)1 << 30;
    int64_t nearest = (product >= 0 ? product + half : product + 1 - half) / ((int64_t)1 << 31);

    return nearest > INT32_MAX ? INT32_MAX : nearest;
}

/* Returns x / 2^bits to the nearest, halves away from 0. */
static int64_t shifted_right(int64_t x, int bits)
{
    int64_t mask = ((int64_t)1 << bits) - 1;

    return (x >> bits) + ((x & mask) > (mask >> 1) + (x < 0));
}

/* Returns x times 2^bits, held to 32 bits. */
static int64_t shifted_left(int64_t x, int bits)
{
    int64_t found = x * ((int64_t)1 << bits);

    return found < INT32_MIN ? INT32_MIN : found > INT32_MAX ? INT32_MAX : found;
}

/* Returns exp of a number from -1/4 to 0, in q0. */
static int64_t exp_of_rest(int64_t a)
{
    int64_t x = a + EIGHTH, x2 = high_product(x, x), x3 = high_product(x2, x);
    int64_t x4_over_4 = shifted_right(high_product(x2, x2), 2);
    int64_t tail = shifted_right(high_product(x4_over_4 + x3, THIRD) + x2, 1);

    return EXP_OF_MINUS_EIGHTH + high_product(EXP_OF_MINUS_EIGHTH, x + tail);
}

/* Returns exp of a number of 0 or less with DIFFERENCE_BITS integer bits, in q0. */
static int64_t exp_below_zero(int64_t x)
{
    int64_t quarter = (int64_t)1 << (31 - DIFFERENCE_BITS - 2);
    int64_t rest = (x & (quarter - 1)) - quarter;
    int64_t found = exp_of_rest(shifted_left(rest, DIFFERENCE_BITS)), remainder = rest - x;

    if (x == 0)
        return ONE;
    for (int n = 0; n < DIFFERENCE_BITS + 2; ++n)
        if (remainder & (quarter << n))
            found = high_product(found, exponentials[n]);
    return found;
}

/* Returns 1 / (1 + a) of a number from 0 to 1, both in q0. */
static int64_t over_one_plus(int64_t a)
{
    int64_t half = (a + ONE + 1) / 2, x = NEWTON_FIRST + high_product(half, NEWTON_SLOPE);

    for (int step = 0; step < 3; ++step)
        x += shifted_left(high_product(x, ONE_IN_Q2 - high_product(half, x)), 2);
    return shifted_left(x, 1);
}

void accelerator_quantize(const float *read, int8_t *left, uint32_t count, float scale,
                          int32_t zero_point)
{
    for (uint32_t i = 0; i < count; ++i) {
        float steps = read[i] / scale;
        float far = 1024; /* beyond every integer of 8 bits */
        float near = steps < -far ? -far : steps > far ? far : steps;
        int32_t whole = (int32_t)near;
        float fraction = near - (float)whole;

        whole += (fraction >= 0.5f) - (fraction <= -0.5f);
        left[i] = clamped((int64_t)whole + zero_point);
    }
}

void accelerator_dequantize(const int8_t *read, float *left, uint32_t count, float scale,
                            int32_t zero_point)
{
    for (uint32_t i = 0; i < count; ++i)
        left[i] = (float)((double)(read[i] - zero_point) * (double)scale);
}

/* A real factor: multiplier * 2^(exponent - 31). */
struct factor {
    int64_t multiplier;
    int exponent;
};

static struct factor factor_of(double real)
{
    struct factor found = {0, 0};

    if (real <= 0)
        return found;
    for (; real >= 1; real /= 2)
        ++found.exponent;
    for (; real < 0.5; real *= 2)
        --found.exponent;
    found.multiplier = (int64_t)(real * 2147483648.0 + 0.5);
    if (found.multiplier == (int64_t)1 << 31) {
        found.multiplier >>= 1;
        ++found.exponent;
    }
    if (found.exponent < -31)
        found.multiplier = found.exponent = 0;
    return found;
}

/* Returns x times a factor, rounded twice. */
static int64_t rescaled(int64_t x, struct factor by)
{
    if (by.exponent >= 0)
        return high_product(x * ((int64_t)1 << by.exponent), by.multiplier);
    return shifted_right(high_product(x, by.multiplier), -by.exponent);
}

/* Returns the lowest difference to the largest value that has an exponential. */
static int64_t least_difference(struct factor by)
{
    int64_t largest = (int64_t)((1 << DIFFERENCE_BITS) - 1) << (31 - DIFFERENCE_BITS);

    if (by.exponent >= 0)
        return -(largest >> by.exponent);
    return -(largest << -by.exponent);
}

static int softmax_of_pixel(const int8_t *read, int8_t *left, uint32_t channels, struct factor by)
{
    int64_t least = least_difference(by), total = 0, most = INT8_MIN, fraction, over;
    int zeros = 32;

    for (uint32_t c = 0; c < channels; ++c)
        most = read[c] > most ? read[c] : most;
    for (uint32_t c = 0; c < channels; ++c)
        if (read[c] - most >= least)
            total += shifted_right(exp_below_zero(rescaled(read[c] - most, by)), SUM_BITS);
    if (total > INT32_MAX)
        return -1;
    for (int64_t bits = total; bits; bits >>= 1)
        --zeros;
    fraction = (total << zeros) - ((int64_t)1 << 31);
    over = over_one_plus(fraction);
    for (uint32_t c = 0; c < channels; ++c) {
        int64_t difference = read[c] - most, power;

        left[c] = INT8_MIN;
        if (difference < least)
            continue;
        power = exp_below_zero(rescaled(difference, by));
        left[c] = clamped(shifted_right(high_product(over, power), SUM_BITS - zeros + 23) - 128);
    }
    return 0;
}

int accelerator_softmax(const int8_t *read, int8_t *left, uint32_t pixels, uint32_t channels,
                        float scale, float beta)
{
    double real = (double)beta * (double)scale * (double)(1 << (31 - DIFFERENCE_BITS));
    struct factor by = factor_of(real > INT32_MAX ? INT32_MAX : real);

    for (uint32_t pixel = 0; pixel < pixels; ++pixel, read += channels, left += channels)
        if (softmax_of_pixel(read, left, channels, by) != 0)
            return -1;
    return 0;
}

void accelerator_depth_to_space(const int8_t *read, int8_t *left, struct accelerator_map of,
                                uint32_t block)
{
    uint32_t channels = of.channels / (block * block), width = of.columns * block;

    for (uint32_t y = 0; y < of.rows * block; ++y)
        for (uint32_t x = 0; x < width; ++x)
            for (uint32_t c = 0; c < channels; ++c) {
                uint32_t pixel = y / block * of.columns + x / block;
                uint32_t place = (y % block * block + x % block) * channels + c;

                left[(y * width + x) * channels + c] = read[pixel * of.channels + place];
            }
}

/* Two neighbours of a place between pixels, and the weight of the second in 1/PLACES. */
struct between {
    int64_t low, high, weight;
};

static struct between neighbours(uint32_t index, uint32_t size, uint32_t resized,
                                 int align_corners, int half_pixel_centers)
{
    int64_t step = (PLACES * size + resized / 2) / resized, place;
    struct between found;

    if (align_corners && resized > 1)
        step = (PLACES * (size - 1) + (resized - 1) / 2) / (resized - 1);
    place = index * step + (half_pixel_centers ? step / 2 - PLACES / 2 : 0);
    found.low = place > 0 ? place / PLACES : 0;
    found.high = (place + PLACES - 1) / PLACES;
    if (found.high > (int64_t)size - 1)
        found.high = (int64_t)size - 1;
    found.weight = place - found.low * PLACES;
    return found;
}

void accelerator_resize_bilinear(const int8_t *read, int8_t *left, struct accelerator_map of,
                                 uint32_t height, uint32_t width, int align_corners,
                                 int half_pixel_centers)
{
    int64_t half = PLACES * PLACES / 2;

    for (uint32_t i = 0; i < height * width; ++i) {
        struct between y = neighbours(i / width, of.rows, height, align_corners,
                                      half_pixel_centers);
        struct between x = neighbours(i % width, of.columns, width, align_corners,
                                      half_pixel_centers);
        const int8_t *top = read + y.low * of.columns * of.channels;
        const int8_t *below = read + y.high * of.columns * of.channels;

        for (uint32_t c = 0; c < of.channels; ++c) {
            int64_t first = x.low * of.channels + c, second = x.high * of.channels + c;
            int64_t above = top[first] * (PLACES - x.weight) + top[second] * x.weight;
            int64_t under = below[first] * (PLACES - x.weight) + below[second] * x.weight;
            int64_t total = above * (PLACES - y.weight) + under * y.weight;

            left[i * of.channels + c] =
                clamped((total + (total > 0 ? half : -half)) / (PLACES * PLACES));
        }
    }
}

/* Stores a value in steps of a map; clamps it. */
static void store(const struct accelerator_left *left, uint32_t i, int64_t steps)
{
    int64_t x = steps + left->zero_point;

    left->values[i] = (int8_t)(x < left->least ? left->least : x > left->most ? left->most : x);
}

/* Returns 1 if 32 bits hold x and what `rescaled` makes of it first. */
static int fits(int64_t x, struct factor by)
{
    int64_t shifted = by.exponent > 0 ? x * ((int64_t)1 << by.exponent) : x;

    return shifted >= INT32_MIN && shifted <= INT32_MAX;
}

/* Returns an element of a map less its zero point; an axis of length 1 is repeated. */
static int64_t element(const struct accelerator_read *read, uint32_t y, uint32_t x, uint32_t c)
{
    struct accelerator_map of = read->of;
    uint32_t row = of.rows == 1 ? 0 : y, column = of.columns == 1 ? 0 : x;
    uint32_t channel = of.channels == 1 ? 0 : c;

    return read->values[(row * of.columns + column) * of.channels + channel] - read->zero_point;
}

/* Two operands in a common step, and the factor from there to the output. */
struct sum {
    struct factor first, second, to_left;
};

static int64_t sum_of(int64_t first, int64_t second, const struct sum *by)
{
    int64_t one = rescaled(first * ((int64_t)1 << HEADROOM_BITS), by->first);
    int64_t two = rescaled(second * ((int64_t)1 << HEADROOM_BITS), by->second);

    return one + two;
}

static int add(const struct accelerator_read *first, const struct accelerator_read *second,
               const struct accelerator_left *left, int sign)
{
    struct accelerator_map of = left->of;
    double larger = first->scale > second->scale ? first->scale : second->scale, step = 2 * larger;
    double real = step / ((1 << HEADROOM_BITS) * (double)left->scale);
    struct sum by;

    if (!(real <= 2147483648.0))
        return -1;
    by.first = factor_of(first->scale / step);
    by.second = factor_of(second->scale / step);
    by.to_left = factor_of(real);
    for (uint32_t i = 0; i < of.rows * of.columns * of.channels; ++i) {
        uint32_t pixel = i / of.channels, y = pixel / of.columns, x = pixel % of.columns;
        int64_t one = element(first, y, x, i % of.channels);
        int64_t two = element(second, y, x, i % of.channels);
        int64_t found = sum_of(one, sign * two, &by);

        if (!fits(found, by.to_left))
            return -1;
        store(left, i, rescaled(found, by.to_left));
    }
    return 0;
}

int accelerator_add(const struct accelerator_read *first, const struct accelerator_read *second,
                    const struct accelerator_left *left)
{
    return add(first, second, left, 1);
}

int accelerator_subtract(const struct accelerator_read *first,
                         const struct accelerator_read *second,
                         const struct accelerator_left *left)
{
    return add(first, second, left, -1);
}

int accelerator_multiply(const struct accelerator_read *first,
                         const struct accelerator_read *second,
                         const struct accelerator_left *left, int is_tflm)
{
    struct accelerator_map of = left->of;
    float product = first->scale * second->scale, ratio = product / left->scale;
    double exact = (double)first->scale * (double)second->scale / (double)left->scale;
    double real = is_tflm ? exact : (double)ratio;
    struct factor by;

    if (!(real <= 2147483648.0))
        return -1;
    by = factor_of(real);
    for (uint32_t i = 0; i < of.rows * of.columns * of.channels; ++i) {
        uint32_t pixel = i / of.channels, y = pixel / of.columns, x = pixel % of.columns;
        int64_t one = element(first, y, x, i % of.channels);
        int64_t two = element(second, y, x, i % of.channels);

        if (!fits(one * two, by))
            return -1;
        store(left, i, rescaled(one * two, by));
    }
    return 0;
}

void accelerator_concatenate(const int8_t *const *read, const struct accelerator_map *of,
                             uint32_t count, int8_t *left, int axis)
{
    uint32_t runs = axis == 0 ? 1 : axis == 1 ? of->rows : of->rows * of->columns;

    for (uint32_t run = 0; run < runs; ++run)
        for (uint32_t i = 0; i < count; ++i) {
            uint32_t bytes = of[i].rows * of[i].columns * of[i].channels / runs;

            memcpy(left, read[i] + run * bytes, bytes);
            left += bytes;
        }
}

/* Returns the mean of a window of one channel, in the file's own integers. */
static int64_t mean_of(const struct accelerator_read *read, const struct accelerator_window *window,
                       int64_t top, int64_t first, uint32_t c, int32_t offset)
{
    int64_t total = 0, count = 0;

    for (int64_t y = top; y < top + window->rows; ++y)
        for (int64_t x = first; x < first + window->columns; ++x)
            if (y >= 0 && y < read->of.rows && x >= 0 && x < read->of.columns) {
                total += read->values[(y * read->of.columns + x) * read->of.channels + c] + offset;
                ++count;
            }
    return (total + (total > 0 ? count / 2 : -(count / 2))) / count;
}

void accelerator_average_pool(const struct accelerator_read *read,
                              const struct accelerator_left *left,
                              const struct accelerator_window *window, int32_t offset)
{
    struct accelerator_map of = left->of;

    for (uint32_t i = 0; i < of.rows * of.columns * of.channels; ++i) {
        uint32_t pixel = i / of.channels, y = pixel / of.columns, x = pixel % of.columns;
        int64_t top = (int64_t)y * window->stride_rows - window->padding_top;
        int64_t first = (int64_t)x * window->stride_columns - window->padding_left;
        int64_t mean = mean_of(read, window, top, first, i % of.channels, offset) - offset;

        store(left, i, mean - left->zero_point);
    }
}

/* Returns the sum of one filter at row y and column x, counted with the padding. */
static int64_t transposed_sum(const struct accelerator_read *read,
                              const struct accelerator_weights *weights,
                              const struct accelerator_window *window, uint32_t filter, uint32_t y,
                              uint32_t x)
{
    const int8_t *kernel = weights->values;
    int64_t total = weights->bias[filter];

    kernel += filter * window->rows * window->columns * read->of.channels;
    for (uint32_t r = 0; r < window->rows; ++r)
        for (uint32_t s = 0; s < window->columns; ++s, kernel += read->of.channels) {
            uint32_t row = (y - r) / window->stride_rows;
            uint32_t column = (x - s) / window->stride_columns;

            if (r > y || (y - r) % window->stride_rows || row >= read->of.rows || s > x ||
                (x - s) % window->stride_columns || column >= read->of.columns)
                continue;
            for (uint32_t c = 0; c < read->of.channels; ++c)
                total += (kernel[c] - weights->zero_point) * element(read, row, column, c);
        }
    return total;
}

int accelerator_transpose_convolution(const struct accelerator_read *read,
                                      const struct accelerator_left *left,
                                      const struct accelerator_weights *weights,
                                      const struct accelerator_window *window, int32_t offset)
{
    struct accelerator_map of = left->of;

    for (uint32_t i = 0; i < of.rows * of.columns * of.channels; ++i) {
        uint32_t pixel = i / of.channels, filter = i % of.channels;
        uint32_t y = pixel / of.columns + window->padding_top;
        uint32_t x = pixel % of.columns + window->padding_left;
        float scale = weights->scales[weights->scales_count > 1 ? filter : 0];
        float rounded = read->scale * scale; /* files of uint8 multiply so */
        double product = offset ? (double)rounded : (double)read->scale * (double)scale;
        double real = product / (double)left->scale;
        int64_t total = transposed_sum(read, weights, window, filter, y, x);

        if (!(real <= 2147483648.0) || !fits(total, factor_of(real)))
            return -1;
        store(left, i, rescaled(total, factor_of(real)));
    }
    return 0;
}
