"""Exponentials in 32-bit fixed point, as TFLite's softmax, logistic function and tanh take them.

A number in qI has I integer bits: it is raw / 2**(31 - I). Every product is the upper half of the
64-bit one, rounded to the nearest, halves away from 0.
"""

import math

import numpy as np

from hwsim.golden.tflite.fixed_point import (
    FRACTION_BITS,
    INT32_MAX,
    INT32_MIN,
    Integers,
    high_product,
    shifted_right,
)

ONE = INT32_MAX  # 1.0 in q0, as nearly as it can be
QUARTER_BITS = 2
NEWTON_STEPS = 3


def _q(real: float, integer_bits: int) -> Integers:
    """Return a constant in fixed point."""
    scaled = real * 2.0 ** (FRACTION_BITS - integer_bits)
    return np.array(min(max(math.floor(scaled + 0.5), INT32_MIN), INT32_MAX), np.int64)


def _shifted_left(x: Integers, bits: int) -> Integers:
    """Return x times 2**bits, held to 32 bits."""
    found: Integers = np.minimum(np.maximum(x << bits, INT32_MIN), INT32_MAX)
    return found


def _half_above_one(a: Integers) -> Integers:
    """Return (1 + a) / 2 of a from 0 to 1, halves up."""
    return (a + ONE + 1) // 2


def exp_below_zero(x: Integers, integer_bits: int) -> Integers:
    """Return exp of numbers of 0 or less with `integer_bits`, in q0.

    A number is the sum of a multiple of 1/4 and a rest from -1/4 to 0. The exponential of the rest
    is a polynomial of degree 4 around -1/8; a factor follows for each bit of the multiple.
    """
    quarter = np.int64(1) << (FRACTION_BITS - integer_bits - QUARTER_BITS)
    rest = (x & (quarter - 1)) - quarter
    found = _exp_of_rest(_shifted_left(rest, integer_bits))
    remainder = rest - x
    for exponent in range(-QUARTER_BITS, integer_bits):
        bit = np.int64(1) << (FRACTION_BITS - integer_bits + exponent)
        by = _q(math.exp(-(2.0**exponent)), 0)
        found = np.where(remainder & bit, high_product(found, by), found)
    return np.where(x == 0, ONE, found)


def _exp_of_rest(a: Integers) -> Integers:
    """Return exp of numbers from -1/4 to 0, in q0."""
    x = a + _q(1 / 8, 0)
    x2 = high_product(x, x)
    x3 = high_product(x2, x)
    x4 = high_product(x2, x2)
    x4_over_4 = shifted_right(x4, 2)
    tail = shifted_right(high_product(x4_over_4 + x3, _q(1 / 3, 0)) + x2, 1)
    at = _q(math.exp(-1 / 8), 0)
    return at + high_product(at, x + tail)


def _newton_reciprocal(half_denominator: Integers) -> Integers:
    """Return 1 / d in q2 of a number d from 1/2 to 1, by Newton's steps from a straight line."""
    x = _q(48 / 17, 2) + high_product(half_denominator, _q(-32 / 17, 2))
    for _ in range(NEWTON_STEPS):
        rest = _q(1.0, 2) - high_product(half_denominator, x)
        x = x + _shifted_left(high_product(x, rest), 2)
    return x


def over_one_plus(a: Integers) -> Integers:
    """Return 1 / (1 + a) of a from 0 to 1, both in q0."""
    x = _newton_reciprocal(_half_above_one(a))
    return _shifted_left(x, 1)


def _one_minus_over_one_plus(a: Integers) -> Integers:
    """Return (1 - a) / (1 + a) of a from 0 to 1, both in q0."""
    x = _newton_reciprocal(_half_above_one(a))
    return _shifted_left(x - _q(1.0, 2), 2)


def logistic_q4(x: Integers) -> Integers:
    """Return 1 / (1 + exp(-x)) in q0 of a number in q4."""
    positive = over_one_plus(exp_below_zero(-np.abs(x), 4))
    found = np.where(x > 0, positive, ONE - positive)
    return np.where(x == 0, _q(0.5, 0), found)


def tanh_q4(x: Integers) -> Integers:
    """Return the hyperbolic tangent in q0 of a number in q4."""
    twice = exp_below_zero(-np.abs(x), 5)  # the same bits, read as twice the number
    positive = _one_minus_over_one_plus(twice)
    return np.where(x == 0, 0, np.where(x > 0, positive, -positive))
