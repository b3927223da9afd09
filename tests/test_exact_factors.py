"""Proved factors do what the runtime's own arithmetic does."""

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from hwsim.errors import InputError
from hwsim.fixed_point import Rounding, rescaled
from hwsim.golden.tflite.fixed_point import rounded
from hwsim.graph import Quantization
from hwsim.passes.exact_product import exact_product

SCALES = st.floats(0.004, 0.4)
ZERO_POINTS = st.integers(-128, 127)
QUANTIZATIONS = st.builds(Quantization, SCALES, ZERO_POINTS)


@settings(deadline=None, max_examples=200)
@given(st.floats(2.0**-14, 0.9), QUANTIZATIONS, st.integers(0, 2**31))
def test_products_are_those_of_real_numbers(real: float, left: Quantization, seed: int) -> None:
    """Where a factor is found, it is proved: it does what the real one does on any sum."""
    try:
        found = exact_product(real, left)
    except InputError:
        reject()
    reach = min(int(300 / real) + 2, 2**31 - 1)
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


def test_a_factor_that_no_stage_has_is_refused() -> None:
    with pytest.raises(InputError, match="must be below"):
        exact_product(2.0**30, Quantization(1.0, 0))
