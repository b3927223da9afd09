"""The golden convolution equals loops over Python integers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.golden.convolution import convolution


def convolution_by_loops(
    x: NDArray[np.int8], weights: NDArray[np.int8], zero_point: int, padding: int, groups: int
) -> list[list[list[int]]]:
    """Return the sums for one image `x[C, H, W]`, product by product, zero point folded after."""
    channels, height, width = x.shape
    filters, fan_in, rows, columns = weights.shape

    def tap(c: int, h: int, w: int) -> int:
        inside = 0 <= h < height and 0 <= w < width
        return int(x[c, h, w]) if inside else zero_point

    def pixel(k: int, p: int, q: int) -> int:
        first = k // (filters // groups) * fan_in
        raw = sum(
            int(weights[k, c, r, s]) * tap(first + c, p + r - padding, q + s - padding)
            for c in range(fan_in)
            for r in range(rows)
            for s in range(columns)
        )
        return raw - zero_point * int(weights[k].astype(int).sum())

    assert channels == fan_in * groups
    return [
        [
            [pixel(k, p, q) for q in range(width + 2 * padding - columns + 1)]
            for p in range(height + 2 * padding - rows + 1)
        ]
        for k in range(filters)
    ]


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_convolution_equals_loops(data: st.DataObject) -> None:
    channels = data.draw(st.integers(1, 4), "channels")
    groups = data.draw(st.sampled_from([1, channels]), "groups")
    filters = groups * data.draw(st.integers(1, 3), "filters per group")
    size = data.draw(st.integers(1, 3), "kernel")
    padding = data.draw(st.integers(0, size - 1), "padding")
    height, width = (data.draw(st.integers(size, 6), axis) for axis in ("height", "width"))
    zero_point = data.draw(st.integers(-128, 127), "zero point")
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), "seed"))
    x = rng.integers(-128, 128, (channels, height, width), np.int8)
    weights = rng.integers(-128, 128, (filters, channels // groups, size, size), np.int8)

    y = convolution(
        torch.from_numpy(x)[None], torch.from_numpy(weights), zero_point, padding, groups
    )

    assert y.dtype == torch.int32
    assert y[0].tolist() == convolution_by_loops(x, weights, zero_point, padding, groups)


def test_convolution_is_exact_at_the_corner_of_its_range() -> None:
    x = torch.full((1, 1024, 3, 3), 127, dtype=torch.int8)
    weights = torch.full((2, 1024, 3, 3), -128, dtype=torch.int8)
    assert (convolution(x, weights, zero_point=-128) == -1024 * 9 * 128 * 255).all()


def test_border_is_the_zero_point() -> None:
    x = torch.full((1, 1, 2, 2), 7, dtype=torch.int8)
    weights = torch.ones((1, 1, 3, 3), dtype=torch.int8)
    assert not convolution(x, weights, zero_point=7, padding=1).any()


def test_refuses_a_fan_in_that_could_overflow() -> None:
    x = torch.zeros((1, 2**17, 1, 1), dtype=torch.int8)
    weights = torch.full((2, 2**17, 1, 1), -128, dtype=torch.int8)
    weights[0] = 1
    with pytest.raises(InputError, match="output channel 1 can reach 2147483648: an int32"):
        convolution(x, weights)
    assert convolution(x[:, 1:], weights[:, 1:]).tolist() == [[[[0]], [[0]]]]


@pytest.mark.parametrize("zero_point", [-128, 127])
def test_refuses_a_zero_point_that_could_overflow(zero_point: int) -> None:
    """The raw products fit int32; with the zero point folded in, those of equal sign do not."""
    taps = 100_000
    x = torch.zeros((1, taps, 1, 1), dtype=torch.int8)
    weights = torch.full((2, taps, 1, 1), -128, dtype=torch.int8)
    convolution(x, weights, zero_point=0)
    reached = 128 * (128 + abs(zero_point)) * taps
    weights[0, ::2] = 127  # here the terms of the zero point almost cancel
    with pytest.raises(InputError, match=f"output channel 1 can reach {reached}: an int32"):
        convolution(x, weights, zero_point)
    convolution(x, weights[:1], zero_point)
