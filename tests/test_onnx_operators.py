"""Small `.onnx` networks: operators and stages beside ONNX Runtime, on the runtime's own input."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the extra onnx is not installed")

import hwsim
from hwsim.graph.steps import FileNetwork
from tests.onnx_judges import (
    Differences,
    judge_operators,
    judge_stages,
    maps_of,
    runtime_tensors,
)
from tests.onnx_small import Small, reals

SIZE = (1, 8, 9, 10)


def judged(small: Small, folder: Path, operator_set: int = 17) -> FileNetwork:
    """Return the network of a file whose operators and stages are next to the runtime's."""
    path = small.save(folder, operator_set)
    network = hwsim.load(path)
    assert isinstance(network, FileNetwork)
    inputs = {tensor.name: reals(tensor.dims) for tensor in network.inputs.values()}
    maps = maps_of(network.operators, runtime_tensors(path, inputs))
    source, stages = Differences(), Differences()
    judge_operators(network.operators, maps, source)
    judge_stages(network, maps, stages)
    source.show("operators")
    stages.show("stages")
    assert source.values
    assert stages.values
    assert max(source.largest.values()) <= 1
    assert max(stages.largest.values()) <= 1
    for found in (source, stages):
        assert found.different.total() <= 0.005 * found.values.total()
    named = {own: inputs[tensor.name] for own, tensor in network.inputs.items()}
    hwsim.run(network, "edge", inputs=named, check=True)
    return network


def split_and_maximum(small: Small, x: str) -> str:
    return str(small.node("Max", *small.node("Split", x, outputs=2, axis=1)))


def slices_and_maximum(small: Small, x: str) -> str:
    ends = [(0, 4), (4, 8)]
    axes = small.constant(np.array([1]))
    parts = [
        small.node("Slice", x, *(small.constant(np.array([end])) for end in pair), axes)
        for pair in ends
    ]
    return str(small.node("Max", *parts))


def reshape_and_maximum(small: Small, x: str) -> str:
    halves = small.node("Reshape", x, small.constant(np.array([1, 2, 4, 9, 10])))
    return str(small.node("ReduceMax", halves, axes=[1], keepdims=0))


@pytest.mark.parametrize(
    "form", [split_and_maximum, slices_and_maximum, reshape_and_maximum], ids=lambda f: f.__name__
)
def test_a_max_feature_map_is_a_channel_pool(
    form: Callable[[Small, str], str], tmp_path: Path
) -> None:
    small = Small()
    x = small.quantized(small.input(*SIZE))
    left = small.quantized(small.convolution(x, 8, 8), 0.08)
    condensed = small.quantized(form(small, left), 0.06, -20)
    small.leave(small.quantized(small.convolution(condensed, 8, 4), 0.1))
    network = judged(small, tmp_path)
    first, second = network.graph.stages
    assert (first.channel_pool, second.channel_pool) == (2, 1)
    assert first.table is not None
    assert first.output.shape.channels == 4


def test_a_half_that_somebody_else_reads_keeps_its_map(tmp_path: Path) -> None:
    small = Small()
    x = small.quantized(small.input(*SIZE))
    left = small.quantized(small.convolution(x, 8, 8), 0.08)
    halves = small.node("Split", left, outputs=2, axis=1)
    condensed = small.node("Max", *halves)
    both = small.node("Concat", condensed, halves[0], axis=1)
    small.leave(small.quantized(small.convolution(both, 8, 8), 0.1))
    network = judged(small, tmp_path)
    assert not network.graph.is_condensed
    assert "maximum" in {step.operator.KIND for step in network.host_steps}
