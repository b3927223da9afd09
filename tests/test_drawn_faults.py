"""Any single fault of any drawn layer is refused by its value."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.errors import InputError
from hwsim.graph import (
    Graph,
    Padding,
    Quantization,
    Source,
    Stage,
)
from hwsim.graph.check import LARGEST_KERNEL, LARGEST_PADDING
from tests.drawn import branching_graphs, shapes_of_graphs, with_drawn_constants


def source_faults(source: Source) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield single changes that make a sound source wrong, each with the value to be named."""
    height, width = source.size
    for side in ("top", "left", "bottom", "right"):
        for value in (-1, LARGEST_PADDING + 1):
            yield {"padding": replace(source.padding, **{side: value})}, str(value)
    yield {"kernel": (256, source.kernel[1])}, "256"
    yield {"stride": (source.stride[0], 9)}, "9"
    yield {"dilation": (0, source.dilation[1])}, "0"
    yield {"upsample": 4}, "4"
    yield {"groups": source.channels + 1}, str(source.channels + 1)
    yield {"channels": source.tensor.shape.channels + 1}, str(source.tensor.shape.channels + 1)
    first = source.tensor.shape.channels - source.channels + 1
    yield {"first_channel": first}, str(first)
    yield {"tensor": replace(source.tensor, bits=4)}, "4"
    if max(height, width) < LARGEST_KERNEL:
        too_large = {"kernel": (LARGEST_KERNEL, LARGEST_KERNEL), "padding": Padding()}
        yield too_large, str(LARGEST_KERNEL)


def single_faults(stage: Stage) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield single changes that make a sound layer wrong, each with the value to be named."""
    output = stage.output
    for side in ("channels", "height", "width"):
        for change in (-1, 1):
            size = getattr(output.shape, side) + change
            shape = replace(output.shape, **{side: size})
            yield {"output": replace(output, shape=shape)}, str(size)
    for index, source in enumerate(stage.sources):
        before, after = stage.sources[:index], stage.sources[index + 1 :]
        for changes, value in source_faults(source):
            yield {"sources": (*before, replace(source, **changes), *after)}, value
    yield {"channel_pool": 16}, "16"
    yield {"weight_bits": 7}, "7"
    yield {"leaky_slope": -0.5}, "-0.5"
    yield {"output": replace(output, quantization=Quantization(0.0, 0))}, "0.0"
    yield {"output": replace(output, quantization=Quantization(1.0, 128))}, "128"
    yield {"name": "\x1b"}, "\\x1b"
    constants = stage.constants
    assert constants is not None
    constants = replace(constants, negative_shift=constants.shift)
    wrong_values: tuple[tuple[str, int], ...] = (
        ("shift", 63), ("shift", 1), ("multiplier", -2), ("negative_shift", 63),
        ("negative_multiplier", -(2**31)),
    )  # fmt: skip
    for name, wrong in wrong_values:
        values = getattr(constants, name).copy()
        values[-1] = wrong
        yield {"constants": replace(constants, **{name: values})}, str(wrong)
    yield {"constants": replace(constants, bias=constants.bias[:-1])}, str(stage.filters - 1)


@settings(deadline=None)
@given(shapes_of_graphs(max_layers=1) | branching_graphs(), st.integers(0, 2**31), st.data())
def test_a_drawn_fault_is_refused_by_its_value(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    stage = data.draw(st.sampled_from(with_drawn_constants(graph, seed).stages))
    changes, value = data.draw(st.sampled_from(list(single_faults(stage))))
    with pytest.raises(InputError) as caught:
        replace(stage, **changes)
    assert value in str(caught.value)
    assert "\n" not in str(caught.value)
