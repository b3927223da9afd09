"""Small `.onnx` networks: operators and stages beside ONNX Runtime, on the runtime's own input."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the extra onnx is not installed")

import hwsim
from hwsim.frontends.onnx_operators import DOMAINS
from hwsim.graph.steps import FileNetwork
from tests.onnx_judges import (
    Differences,
    judge_operators,
    judge_stages,
    maps_of,
    runtime_tensors,
)
from tests.onnx_small import Small, reals
from tools.networks_document import ONNX_WORDS

SIZE = (1, 8, 9, 10)


def test_the_document_has_every_node_that_is_taken() -> None:
    assert set(ONNX_WORDS) == {word for makers in DOMAINS.values() for word in makers}


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


@pytest.mark.parametrize("kind", ["AveragePool", "Add", "GlobalAveragePool"])
def test_baselines_have_the_sums_and_means_behind_a_max_feature_map(
    kind: str, tmp_path: Path
) -> None:
    small = Small()
    x = small.quantized(small.input(*SIZE))
    left = small.quantized(small.convolution(x, 8, 8), 0.08)
    condensed = small.quantized(split_and_maximum(small, left), 0.06, -20)
    if kind == "AveragePool":
        behind = small.node("AveragePool", condensed, kernel_shape=[3, 3])
    elif kind == "Add":
        behind = small.node("Add", condensed, small.quantized(small.convolution(x, 4, 8), 0.05))
    else:
        behind = small.node("GlobalAveragePool", condensed)
    small.leave(small.quantized(small.convolution(small.quantized(behind, 0.05), 4, 4), 0.1))
    variants = hwsim.estimate(judged(small, tmp_path)).variants
    by_key = {variant.key: variant for variant in variants}
    assert by_key["A"].macs < by_key["C"].macs == by_key["B"].macs
    assert by_key["C"].features_bytes < by_key["B"].features_bytes


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


@pytest.mark.parametrize("scale", [0.0, 1.5, -2.3])
@pytest.mark.parametrize("zero_point", [-128, 3])
def test_a_batch_normalization_of_one_channel_has_both_its_numbers(
    scale: float, zero_point: int, tmp_path: Path
) -> None:
    """It is neither a product with one number nor a sum with one."""
    small = Small()
    x = small.quantized(small.input(1, 1, 30, 40), 0.05, zero_point)
    numbers = (scale, 0.7771, -0.4913, 1.1307)  # scale, shift, mean and variance
    constants = [small.constant(np.array([each], np.float32)) for each in numbers]
    small.leave(small.quantized(small.node("BatchNormalization", x, *constants), 0.1, 3))
    judged(small, tmp_path)


def chained(small: Small, left: str) -> None:
    """End with a convolution, so that what stands before it is the accelerator's."""
    channels = 8
    small.leave(small.quantized(small.convolution(left, 8, channels), 0.2))


def begun(small: Small, *dims: int, zero_point: int = 3) -> str:
    """Return what a convolution leaves of the input, in integers and as real numbers."""
    x = small.quantized(small.input(*(dims or SIZE)))
    return small.quantized(small.convolution(x, 8, (dims or SIZE)[1]), 0.08, zero_point)


FUNCTIONS: dict[str, Callable[[Small, str], str]] = {
    "clip": lambda s, x: s.node("Clip", x, s.constant(np.float32(-0.7)), s.constant(np.float32(2))),  # type: ignore[arg-type]
    "hard sigmoid": lambda s, x: s.node("HardSigmoid", x, alpha=1 / 6, beta=0.5),
    "leaky relu": lambda s, x: s.node("LeakyRelu", x, alpha=0.2),
    "relu": lambda s, x: s.node("Relu", x),
    "sigmoid": lambda s, x: s.node("Sigmoid", x),
    "silu": lambda s, x: s.node("Mul", x, s.node("Sigmoid", x)),
    "silu in steps": lambda s, x: s.node(
        "Mul", x, s.quantized(s.node("Sigmoid", x), 1 / 256, -128)
    ),
    "tanh": lambda s, x: s.node("Tanh", x),
    "times a number": lambda s, x: s.node("Mul", x, s.constant(np.float32(-1.3))),  # type: ignore[arg-type]
    "a number less": lambda s, x: s.node("Sub", s.constant(np.float32(0.9)), x),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_one_value_is_a_table(name: str, tmp_path: Path) -> None:
    small = Small()
    left = FUNCTIONS[name](small, begun(small))
    chained(small, small.quantized(left, 0.03, -10))
    network = judged(small, tmp_path)
    first, _ = network.graph.stages
    assert first.table is not None
    assert [step.operator.KIND for step in network.host_steps] == ["quantize", "dequantize"]


def test_hard_swish_is_a_table(tmp_path: Path) -> None:
    small = Small()
    chained(small, small.quantized(small.node("HardSwish", begun(small)), 0.03, -10))
    assert len(judged(small, tmp_path).graph.stages) == 2


MAPS: dict[str, Callable[[Small, str], str]] = {
    "average pool": lambda s, x: s.node("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2]),
    "batch normalization": lambda s, x: s.node(
        "BatchNormalization",
        x,
        *(s.constant(s.drawn.uniform(0.5, 2, 8).astype(np.float32)) for _ in range(4)),
    ),
    "by channel": lambda s, x: s.node(
        "Mul", x, s.constant(s.drawn.uniform(-2, 2, (8, 1, 1)).astype(np.float32))
    ),
    "dilated": lambda s, x: s.convolution(x, 8, 8, dilations=[2, 2], pads=[2, 2, 2, 2]),
    "depthwise": lambda s, x: s.convolution(x, 8, 8, group=8, strides=[2, 2]),
    "difference": lambda s, x: s.node("Sub", x, s.quantized(s.convolution(x, 8, 8), 0.05, 8)),
    "double": lambda s, x: s.node(
        "Resize",
        x,
        "",
        s.constant(np.array([1, 1, 2, 2], np.float32)),
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    ),
    "max pool": lambda s, x: s.node(
        "MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 0, 0], ceil_mode=1
    ),
    "mean": lambda s, x: s.node("GlobalAveragePool", x),
    "normalized convolution": lambda s, x: s.node(
        "BatchNormalization",
        s.convolution(x, 8, 8),
        *(s.constant(s.drawn.uniform(0.5, 2, 8).astype(np.float32)) for _ in range(4)),
    ),
    "pad": lambda s, x: s.node("Pad", x, s.constant(np.array([0, 0, 1, 2, 0, 0, 3, 0]))),
    "rectified sum": lambda s, x: s.node(
        "Relu", s.node("Add", x, s.quantized(s.convolution(x, 8, 8), 0.05, 8))
    ),
    "same padding": lambda s, x: s.node(
        "Conv", x, s.weights(8, 8, 3, 3, scale=0.01), s.bias(8),
        auto_pad="SAME_UPPER", strides=[2, 2],
    ),
    "shuffle": lambda s, x: s.node(
        "Reshape",
        s.node("Transpose", s.node("Reshape", x, s.constant(np.array([1, 2, 4, 9, 10]))),
               perm=[0, 2, 1, 3, 4]),
        s.constant(np.array([0, -1, 9, 10])),
    ),
    "sum": lambda s, x: s.node("Add", x, s.quantized(s.convolution(x, 8, 8), 0.05, 8)),
    "joined": lambda s, x: s.convolution(
        s.quantized(s.node("Concat", x, s.quantized(s.convolution(x, 8, 8), 0.05, 8), axis=1), 0.1),
        8, 16,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MAPS)
def test_a_map_is_computed(name: str, tmp_path: Path) -> None:
    small = Small()
    left = MAPS[name](small, begun(small))
    chained(small, small.quantized(left, 0.07, -5))
    network = judged(small, tmp_path)
    assert [step.operator.KIND for step in network.host_steps] == ["quantize", "dequantize"]
    assert len(network.device_steps) == 1


def test_halves_go_to_even(tmp_path: Path) -> None:
    """Eighths of a step of a half: all ends of roundings are among them, and far values."""
    small = Small()
    x = small.quantized(small.input(1, 1, 4, 256), 0.5, 3)
    small.leave(small.quantized(small.convolution(x, 1, 1, 1), 0.25, -7))
    path = small.save(tmp_path)
    network = hwsim.load(path)
    assert isinstance(network, FileNetwork)
    drawn = (np.arange(-512, 512, dtype=np.float32) / 8).reshape(1, 1, 4, 256)
    source = Differences()
    tensors = runtime_tensors(path, {"x": drawn})
    judge_operators(network.operators, maps_of(network.operators, tensors), source)
    assert source.values["quantize"] == drawn.size
    assert source.different["quantize"] == 0


@pytest.mark.parametrize("steps", [(1 / 256, -128), (0.01, -20), (1 / 128, 0), (0.3, 5)])
@pytest.mark.parametrize("word", ["Sigmoid", "Tanh", "Softmax"])
def test_a_function_leaves_any_steps_that_the_file_states(
    word: str, steps: tuple[float, int], tmp_path: Path
) -> None:
    small = Small()
    attributes: dict[str, Any] = {"axis": 1} if word == "Softmax" else {}
    left = small.node(word, begun(small), **attributes)
    chained(small, small.quantized(left, *steps))
    network = judged(small, tmp_path)
    kinds = [step.operator.KIND for step in network.host_steps]
    assert ("softmax" in kinds) == (word == "Softmax")


@pytest.mark.parametrize("kind", [np.int8, np.uint8])
def test_operators_of_integers_are_taken(
    kind: type[np.int8] | type[np.uint8], tmp_path: Path
) -> None:
    small = Small()
    first, second, third = (
        small.steps(scale, 100, kind) for scale in (0.05, 0.08, 0.11)
    )  # fmt: skip
    x = small.node("QuantizeLinear", small.input(*SIZE), *first)
    weights = small.constant(small.drawn.integers(-127, 128, (8, 8, 3, 3)).astype(np.int8))
    scales = small.constant(small.drawn.uniform(0.005, 0.01, 8).astype(np.float32))
    zeros = small.constant(np.zeros(8, np.int8))
    bias = small.constant(small.drawn.integers(-2000, 2000, 8).astype(np.int32))
    of_weights = weights, scales, zeros
    left = small.node("QLinearConv", x, *first, *of_weights, *second, bias, pads=[1, 1, 1, 1])
    added = small.node("QLinearAdd", x, *first, left, *second, *third, domain="com.microsoft")
    bent = small.node("QLinearSigmoid", added, *third, *first, domain="com.microsoft")
    last = small.node("QLinearConv", bent, *first, *of_weights, *second, bias)
    small.leave(small.node("DequantizeLinear", last, *second))
    network = judged(small, tmp_path)
    assert [step.operator.KIND for step in network.host_steps] == ["quantize", "dequantize"]
    assert len(network.graph.stages) == 3
