"""Integer arithmetic of TFLite: real factors as 31-bit integers, and how products are rounded.

Arrays are int64 and hold numbers of 32 bits, so that every product is exact.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError

Integers = NDArray[np.int64]
FRACTION_BITS = 31
SMALLEST_EXPONENT = -31  # a smaller factor is 0
LARGEST_FACTOR = 2.0**31
FAR = 2.0**30  # beyond every int8
INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
INT8_MIN, INT8_MAX = -128, 127


class Factor(NamedTuple):
    """A real factor, or one for each channel: multiplier x 2**(exponent - 31)."""

    multiplier: Integers
    exponent: Integers

    def of_channels(self) -> "Factor":
        """Return the factors so that they apply to the first axis of a map."""
        return Factor(self.multiplier.reshape(-1, 1, 1), self.exponent.reshape(-1, 1, 1))


def factor(real: float | Iterable[float]) -> Factor:
    """Return real factors, of either sign, as the nearest integers."""
    values = [real] if isinstance(real, int | float) else list(real)
    pairs = [_factor(value) for value in values]
    return Factor(*(np.array(column, np.int64) for column in zip(*pairs, strict=True)))


def _factor(real: float) -> tuple[int, int]:
    if not abs(real) <= LARGEST_FACTOR:
        raise InputError(f"a factor of {real:g} between scales: must be at most 2**31")
    if real == 0:
        return 0, 0
    fraction, exponent = math.frexp(real)
    magnitude = math.floor(abs(fraction) * (1 << FRACTION_BITS) + 0.5)
    if magnitude == 1 << FRACTION_BITS:
        magnitude, exponent = magnitude >> 1, exponent + 1
    if exponent < SMALLEST_EXPONENT:
        return 0, 0
    return int(math.copysign(magnitude, fraction)), exponent


def high_product(a: Integers, b: Integers, bits: int = 32) -> Integers:
    """Return 2 a b / 2**bits of numbers of `bits` bits, to the nearest, halves away from 0.

    The one product that does not fit, of the two smallest numbers, is the largest number.
    """
    product = a * b
    half = np.int64(1) << (bits - 2)
    nearest = _divided(np.where(product >= 0, product + half, product + 1 - half), bits - 1)
    return np.minimum(nearest, (np.int64(1) << (bits - 1)) - 1)


def _divided(x: Integers, bits: int) -> Integers:
    """Return x / 2**bits without its fraction, as C divides."""
    divisor = np.int64(1) << bits
    return np.where(x >= 0, x // divisor, -(-x // divisor))


def shifted_right(x: Integers, bits: Integers | int) -> Integers:
    """Return x / 2**bits to the nearest, halves away from 0."""
    bits = np.asarray(bits, np.int64)
    mask = (np.int64(1) << bits) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> bits) + ((x & mask) > threshold)


def rescaled(x: Integers, by: Factor) -> Integers:
    """Return x times a real factor, rounded twice: the upper half of a product, then its shift.

    Raises `InputError` where a runtime's 32 bits do not hold x, before or after a shift to the left
    that comes first: its result is not defined.
    """
    left, right = np.maximum(by.exponent, 0), np.maximum(-by.exponent, 0)
    return shifted_right(high_product(fitting(x << left), by.multiplier), right)


def fitting(x: Integers) -> Integers:
    """Return x. Raises `InputError` for what 32 bits do not hold."""
    least, most = int(x.min()), int(x.max())
    if least < INT32_MIN or most > INT32_MAX:
        value = least if least < INT32_MIN else most
        raise InputError(f"a sum of {value} on the way to the output does not fit 32 bits")
    return x


def rounded(x: NDArray[np.float64]) -> Integers:
    """Return real values as integers, halves away from 0; those far from any int8 as far ones."""
    near = np.clip(x, -FAR, FAR)
    whole = np.trunc(near)
    return (whole + np.where(np.abs(near - whole) >= 0.5, np.sign(near), 0)).astype(np.int64)


def truncated_quotient(a: Integers, b: Integers | int) -> Integers:
    """Return a / b without its fraction, as C divides, for b above 0."""
    return np.where(a >= 0, a // b, -(-a // b))


def float32(value: float) -> float:
    """Return the float32 next to a value, as a Python float; infinity where there is none."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def clamped(x: Integers, low: int = INT8_MIN, high: int = INT8_MAX) -> NDArray[np.int8]:
    """Return values as int8, those outside low and high as the nearer of the two."""
    return np.clip(x, low, high).astype(np.int8)
