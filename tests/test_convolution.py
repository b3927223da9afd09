"""The golden convolution equals loops over Python integers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.golden.convolution import convolution, refuse_overflow
from hwsim.graph import Quantization, Shape, Source, Tensor
from tests.drawn import sources_of
from tests.loops import convolution_by_loops


def source_of(zero_point: int, shape: Shape, kernel: int = 1, padding: int = 0) -> Source:
    tensor = Tensor("x", shape, quantization=Quantization(1.0, zero_point))
    return Source.whole(tensor, (kernel, kernel), padding)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_convolution_equals_loops(data: st.DataObject) -> None:
    side = st.integers(1, 6)
    shape = Shape(data.draw(st.integers(1, 5)), data.draw(side), data.draw(side))
    quantization = Quantization(1.0, data.draw(st.integers(-128, 127), "zero point"))
    groups = data.draw(st.integers(1, 4))
    source = data.draw(sources_of(Tensor("x", shape, quantization=quantization), groups))
    filters = source.groups * data.draw(st.integers(1, 3), "filters per group")
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), "seed"))
    x = rng.integers(-128, 128, (shape.channels, shape.height, shape.width), np.int8)
    weights = rng.integers(-128, 128, source.weights_shape(filters), np.int8)

    y = convolution(torch.from_numpy(x)[None], torch.from_numpy(weights), source)

    assert y.dtype == torch.int64
    np.testing.assert_array_equal(y[0].numpy(), convolution_by_loops(x, weights, source))


def test_convolution_is_exact_at_the_corner_of_its_range() -> None:
    x = torch.full((1, 1024, 3, 3), 127, dtype=torch.int8)
    weights = torch.full((2, 1024, 3, 3), -128, dtype=torch.int8)
    source = source_of(-128, Shape(1024, 3, 3), kernel=3)
    assert (convolution(x, weights, source) == -1024 * 9 * 128 * 255).all()


def test_border_is_the_zero_point() -> None:
    x = torch.full((1, 1, 2, 2), 7, dtype=torch.int8)
    weights = torch.ones((1, 1, 3, 3), dtype=torch.int8)
    assert not convolution(x, weights, source_of(7, Shape(1, 2, 2), kernel=3, padding=1)).any()


def full(channels: int, value: int = -128) -> NDArray[np.int8]:
    return np.full((2, channels, 1, 1), value, np.int8)


def refuse(zero_point: int, *weights: NDArray[np.int8]) -> None:
    sources = [source_of(zero_point, Shape(values.shape[1], 1, 1)) for values in weights]
    refuse_overflow([torch.from_numpy(values) for values in weights], sources)


def test_refuses_a_fan_in_that_could_overflow() -> None:
    weights = full(2**17)
    weights[0] = 1
    with pytest.raises(InputError, match="output channel 1 can reach 2147483648: an int32"):
        refuse(0, weights)
    refuse(0, weights[:, 1:])
    with pytest.raises(InputError, match="output channel 1 can reach 2147483648: an int32"):
        refuse(0, weights[:, 1:], weights[:, :1])
    refuse(0, weights[:, 2:], weights[:, :1])


@pytest.mark.parametrize("zero_point", [-128, 127])
def test_refuses_a_zero_point_that_could_overflow(zero_point: int) -> None:
    """The raw products fit int32; with the zero point folded in, those of equal sign do not."""
    taps = 100_000
    weights = full(taps)
    refuse(0, weights)
    reached = 128 * (128 + abs(zero_point)) * taps
    weights[0, ::2] = 127  # here the terms of the zero point almost cancel
    for sources in ((weights,), (weights[:, :7], weights[:, 7:])):
        with pytest.raises(InputError, match=f"output channel 1 can reach {reached}: an int32"):
            refuse(zero_point, *sources)
        refuse(zero_point, *(values[:1] for values in sources))
