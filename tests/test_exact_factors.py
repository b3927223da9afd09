"""Proved factors do what the runtime's own arithmetic does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.errors import InputError
from hwsim.fixed_point import Rounding, rescaled
from hwsim.golden.tflite.fixed_point import rounded
from hwsim.graph import Quantization
from hwsim.passes.exact_product import exact_product

FILE_SCALES = st.floats(2.0**-8, 1.0, width=32)
REACH = 1 << 24  # of sums: 500 inputs of 8 bits with weights of 8 bits
ZERO_POINTS = st.integers(-128, 127)


@settings(deadline=None, max_examples=400)
@given(FILE_SCALES, FILE_SCALES, FILE_SCALES, ZERO_POINTS, st.integers(0, 2**31))
def test_products_are_those_of_real_numbers(
    read: float, weight: float, stored: float, zero_point: int, seed: int
) -> None:
    """Every factor between scales as files have them, of 32 bits, has a proof."""
    real, left = read * weight / stored, Quantization(stored, zero_point)
    found = exact_product(real, left, REACH)
    reach = min(int(300 / real) + 2, REACH)
    sums = np.random.default_rng(seed).integers(-reach, reach + 1, 4000)
    ours = rescaled(sums, np.int64(found.multiplier), np.int64(found.shift), Rounding.ONCE)
    theirs = rounded(np.float64(real) * sums.astype(np.float64))
    low, high = -128 - left.zero_point, 127 - left.zero_point
    np.testing.assert_array_equal(ours.clip(low, high), theirs.clip(low, high))


@pytest.mark.parametrize("real", [0.5, 0.25, 2.0**-10])
def test_halves_below_zero_go_away_from_zero(real: float) -> None:
    """A real factor with ties needs one beside the nearest integer factor."""
    found = exact_product(real, Quantization(1.0, 0))
    sums = np.arange(-int(2 / real), int(2 / real) + 1)
    ours = rescaled(sums, np.int64(found.multiplier), np.int64(found.shift), Rounding.ONCE)
    np.testing.assert_array_equal(ours, rounded(np.float64(real) * sums.astype(np.float64)))


def test_a_real_number_that_no_integer_stands_for_is_refused() -> None:
    """In 64 bits -5 times this number is -4.5, which goes to -5, but -135 times it is no half."""
    real = 0.8999999999999999
    assert -5 * real == -4.5
    assert -135 * real > -121.5
    with pytest.raises(InputError, match=r"no factor of 31 bits multiplies every sum as 0\.8999"):
        exact_product(real, Quantization(1.0, 0))


def test_a_factor_that_no_stage_has_is_refused() -> None:
    with pytest.raises(InputError, match="must be below"):
        exact_product(2.0**30, Quantization(1.0, 0))
