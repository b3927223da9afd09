"""The golden rescale equals Python integers, and its multipliers and shifts are well chosen."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.errors import InputError
from hwsim.fixed_point import fixed_point
from hwsim.golden.rescale import rescale

INT32 = st.one_of(
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-300, 300),
    st.sampled_from([-(2**31), 2**31 - 1]),
)
MULTIPLIER = st.one_of(st.integers(0, 2**31 - 1), st.integers(0, 4), st.just(2**31 - 1))
FACTORS = st.lists(
    st.one_of(st.floats(0, 8191), st.floats(2.0**-30, 1), st.just(0.0)), min_size=1, max_size=8
)


def golden_rescale(
    acc: int,
    multiplier: int,
    negative_multiplier: int,
    shift: int,
    zero_point: int,
    negative_shift: int | None = None,
) -> int:
    x = torch.tensor([[[[acc]]]], dtype=torch.int32)
    positive, negative, shifts = torch.tensor([[multiplier], [negative_multiplier], [shift]])
    own = None if negative_shift is None else torch.tensor([negative_shift])
    return int(rescale(x, positive, negative, shifts, zero_point, negative_shift=own))


@settings(deadline=None, max_examples=300)
@given(INT32, MULTIPLIER, MULTIPLIER, st.integers(2, 62), st.integers(-128, 127))
def test_rescale_equals_unbounded_integers(
    acc: int, multiplier: int, negative_multiplier: int, shift: int, zero_point: int
) -> None:
    factor = negative_multiplier if acc < 0 else multiplier
    rounded = (acc * factor * 2 + 2**shift) // (2 * 2**shift)  # floor(x + 1/2)
    expected = min(max(rounded + zero_point, -128), 127)
    assert golden_rescale(acc, multiplier, negative_multiplier, shift, zero_point) == expected


@pytest.mark.parametrize(
    ("acc", "expected"),
    [(-6, -1), (-5, -1), (-2, 0), (-1, 0), (0, 0), (1, 0), (2, 1), (5, 1), (6, 2)],
)
def test_halves_go_up(acc: int, expected: int) -> None:
    assert golden_rescale(acc, 1, 1, 2, 0) == expected


@settings(deadline=None, max_examples=300)
@given(INT32, MULTIPLIER, MULTIPLIER, st.integers(2, 62), st.integers(2, 62), st.booleans())
def test_negative_sums_have_a_factor_of_either_sign_and_their_own_shift(
    acc: int, multiplier: int, slope: int, shift: int, own_shift: int, is_below_0: bool
) -> None:
    factor, places = (multiplier, shift) if acc >= 0 else (slope, own_shift)
    rounded = (acc * factor * 2 + 2**places) // (2 * 2**places)
    steps = -rounded if acc < 0 and is_below_0 else rounded
    signed = -slope if is_below_0 else slope
    expected = min(max(steps + 3, -128), 127)
    assert golden_rescale(acc, multiplier, signed, shift, 3, own_shift) == expected


def test_halves_of_a_negated_value_go_down() -> None:
    found = [golden_rescale(acc, 1, -1, 2, 0) for acc in (-7, -6, -5, -3, -2, -1)]
    assert found == [2, 1, 1, 1, 0, 0]


def test_a_clamp_cuts_both_ends_behind_the_zero_point() -> None:
    acc = torch.tensor([-400, 0, 400]).int().view(1, 1, 1, 3)
    one = torch.tensor([1])
    y = rescale(acc, one, one, torch.tensor([2]), zero_point=1, limits=(-8, 7))
    assert y.flatten().tolist() == [-8, 1, 7]


def test_channels_have_their_own_factors() -> None:
    acc = torch.tensor([100, -100]).int().view(1, 1, 1, 2).expand(1, 2, 1, 2)
    y = rescale(acc, torch.tensor([4, 8]), torch.tensor([2, 1]), torch.tensor([2, 3]), 1)
    assert y.tolist() == [[[[101, -49]], [[101, -11]]]]


@settings(deadline=None)
@given(FACTORS, st.sampled_from([16, 32]), st.sampled_from([0.0, 0.1, 1.0]))
def test_fixed_point_keeps_its_stated_bound(
    factors: list[float], multiplier_bits: int, slope: float
) -> None:
    result = fixed_point(np.array(factors), multiplier_bits, slope)
    for factor, multiplier, negative, shift in zip(
        factors, *(column.tolist() for column in result), strict=True
    ):
        assert 0 <= negative <= multiplier < 2 ** (multiplier_bits - 1)
        assert 2 <= shift <= 62
        error = abs(Fraction(multiplier, 2**shift) - Fraction(factor))
        assert error <= Fraction(1, 2 ** (shift + 1))
        if shift < 62:
            assert error <= Fraction(factor) / 2 ** (multiplier_bits - 1)
        scaled = Fraction(factor * slope)
        assert abs(Fraction(negative, 2**shift) - scaled) <= Fraction(1, 2 ** (shift + 1))


def test_fixed_point_of_known_factors() -> None:
    result = fixed_point(np.array([1.0, 0.75, 1 - 2.0**-20, 0.0, 2.0**-60, 8191.75]), 16)
    assert result.multiplier.tolist() == [2**14, 3 * 2**13, 2**14, 0, 4, 32767]
    assert result.shift.tolist() == [14, 15, 14, 15, 62, 2]


def test_fixed_point_rounds_halves_up_and_each_factor_once() -> None:
    result = fixed_point(np.array([16384.5, 16385.5, 16384.6]) / 2**14, 16, 0.5)
    assert result.shift.tolist() == [14, 14, 14]
    assert result.multiplier.tolist() == [16385, 16386, 16385]
    assert result.negative_multiplier.tolist() == [8192, 8193, 8192]  # not 8193 from 16385 / 2


@pytest.mark.parametrize("factor", [8191.875, 1e9, -0.5, np.nan, np.inf])
def test_fixed_point_refuses(factor: float) -> None:
    with pytest.raises(InputError, match="of channel 1: must be 0 to 8192 to fit 16 bits"):
        fixed_point(np.array([1.0, factor]), 16)


@pytest.mark.parametrize("slope", [-0.1, 1.5, np.nan])
def test_fixed_point_refuses_a_slope_outside_0_to_1(slope: float) -> None:
    with pytest.raises(InputError, match=f"slope {slope:g} of the negative side: must be 0 to 1"):
        fixed_point(np.array([1.0]), 16, slope)
