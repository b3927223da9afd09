"""Graphs of operators drawn by hypothesis, with float weights, and the stages that they become."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from hwsim.golden.convolution import seen_map
from hwsim.golden.networks import BATCH_NORM_EPSILON, pooled
from hwsim.graph import Graph, Padding, Shape, Stage
from hwsim.graph import Tensor as GraphTensor
from hwsim.graph.float_weights import BatchNorm, FloatWeights
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import (
    Activation,
    Concat,
    Convolution,
    MaxPool,
    Operator,
    Slice,
    Upsample,
)
from hwsim.graph.spatial_pool import LARGEST_WINDOW

MOST_ELEMENTS = 20_000  # of a drawn map
ACTIVATIONS = (Activation.LINEAR, Activation.LEAKY, Activation.RELU)


def darknet_pool(stride: int, **ends: Any) -> MaxPool:
    """Return a maximum pool of 2x2 as darknet has it."""
    padding = Padding(bottom=1, right=1)
    return MaxPool(window=(2, 2), stride=(stride, stride), padding=padding, **ends)


@st.composite
def operator_graphs(draw: st.DrawFn, most: int = 12) -> OperatorGraph:
    """Draw a graph of every operator but the host's, each of which reads any tensor before it."""
    side = st.integers(1, 9)
    shape = Shape(draw(st.integers(1, 8)), draw(side), draw(side))
    tensors = {"in": shape}
    operators: list[Operator] = []
    for number in range(1, draw(st.integers(1, most)) + 1):
        operator = draw(operators_on(tensors, f"op{number}"))
        graph = _graph(shape, [*operators, operator])
        left = graph.tensors[operator.outputs[0]].shape
        if left.elements <= MOST_ELEMENTS:
            operators.append(operator)
            tensors[operator.outputs[0]] = left
    if not operators:
        operators.append(Upsample(name="op", inputs=("in",), outputs=("op",)))
    graph = _graph(shape, operators)
    others = [name for name in graph.tensors if name not in graph.outputs]
    also = draw(st.lists(st.sampled_from(others), max_size=2, unique=True)) if others else []
    return OperatorGraph("drawn", graph.inputs, graph.operators, (*graph.outputs, *also))


def _graph(shape: Shape, operators: list[Operator]) -> OperatorGraph:
    """Return the graph whose outputs are what no operator reads."""
    read = {name for operator in operators for name in operator.inputs}
    left = [name for operator in operators for name in operator.outputs]
    outputs = tuple(name for name in left if name not in read)
    return OperatorGraph("drawn", (GraphTensor("in", shape),), tuple(operators), outputs)


@st.composite
def operators_on(draw: st.DrawFn, tensors: dict[str, Shape], name: str) -> Operator:
    """Draw an operator that reads one or several of some tensors, mostly the last ones."""
    names = list(tensors)
    read = draw(st.sampled_from([*names, *names[-2:], *names[-2:]]))
    shape = tensors[read]
    ends: dict[str, Any] = {"name": name, "inputs": (read,), "outputs": (f"{name}'s",)}
    match draw(st.sampled_from(["conv", "conv", "pool", "pool", "concat", "slice", "upsample"])):
        case "conv":
            return draw(_convolutions(shape, ends))
        case "pool":
            if draw(st.booleans()):
                return darknet_pool(draw(st.sampled_from([1, 2])), **ends)
            return draw(max_pools(shape, ends))
        case "concat":
            fit = [each for each in names if _size(tensors[each]) == _size(shape)]
            more = draw(st.lists(st.sampled_from(fit), max_size=3))
            return Concat(**ends | {"inputs": (read, *more)})
        case "slice":
            channels = draw(st.integers(1, shape.channels))
            first = draw(st.integers(0, shape.channels - channels))
            return Slice(first_channel=first, channels=channels, **ends)
    return Upsample(**ends)


@st.composite
def max_pools(
    draw: st.DrawFn, shape: Shape, ends: dict[str, Any], longest: int = 20, has_gaps: bool = False
) -> MaxPool:
    """Draw a pool of any windows that fit; only with `has_gaps` some values may lie between."""
    rows = draw(_windows(shape.height, longest, has_gaps))
    columns = draw(_windows(shape.width, longest, has_gaps))
    return MaxPool(
        window=(rows[0], columns[0]),
        stride=(rows[1], columns[1]),
        padding=Padding(rows[2], columns[2], rows[3], columns[3]),
        **ends,
    )


@st.composite
def _windows(draw: st.DrawFn, side: int, longest: int, has_gaps: bool) -> tuple[int, int, int, int]:
    """Draw window, stride, and the padding before and behind along one axis."""
    window = draw(st.integers(1, 5) | st.integers(1, longest))
    most = longest if has_gaps else window if window <= LARGEST_WINDOW else window - 14
    before = draw(st.sampled_from([0, window // 2]) | st.integers(0, window - 1))
    missing = min(max(window - side - before, 0), window - 1)
    behind = draw(st.just(missing) | st.integers(missing, window - 1))
    if side + before + behind < window:
        before = window - side - behind
    stride = draw(st.integers(1, min(3, most)) | st.integers(1, most))
    return window, stride, before, behind


@st.composite
def _convolutions(draw: st.DrawFn, shape: Shape, ends: dict[str, Any]) -> Convolution:
    groups = draw(st.sampled_from([n for n in (1, 1, 2, 3, 4) if shape.channels % n == 0]))
    size = draw(st.sampled_from([1, 1, 2, 3, 17]))
    padding = max(size // 2, 0) if min(shape.height, shape.width) < size else draw(
        st.sampled_from([0, size // 2])
    )  # fmt: skip
    dilation = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    if (size - 1) * max(dilation) >= min(shape.height, shape.width) + 2 * padding:
        dilation = 1, 1
    return Convolution(
        filters=groups * draw(st.integers(1, 4)),
        kernel=(size, size),
        stride=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        dilation=dilation,
        padding=Padding.even(padding),
        groups=groups,
        is_normalised=draw(st.booleans()),
        activation=draw(st.sampled_from(ACTIVATIONS)),
        **ends,
    )


def _size(shape: Shape) -> tuple[int, int]:
    return shape.height, shape.width


def drawn_weights(graph: OperatorGraph, seed: int) -> dict[str, FloatWeights]:
    """Return float64 weights of every convolution by its name."""
    rng = np.random.default_rng(seed)
    found: dict[str, FloatWeights] = {}
    for operator in graph.operators:
        if isinstance(operator, Convolution):
            filters, channels = operator.filters, graph.shapes(operator)[0].channels
            shape = (filters, channels // operator.groups, *operator.kernel)
            norm = BatchNorm(
                rng.uniform(-2, 2, filters),
                rng.uniform(-1, 1, filters),
                rng.uniform(0.1, 2, filters),
            )
            bias = rng.uniform(-1, 1, filters)
            weights = (rng.uniform(-1, 1, shape),)
            norms = norm if operator.is_normalised else None
            found[operator.name] = FloatWeights(weights, bias, norms)
    return found


def weights_of_stages(
    graph: Graph, weights: Mapping[str, FloatWeights]
) -> tuple[FloatWeights, ...]:
    """Return the weights of every stage, from those of the convolutions by their names."""
    return tuple(
        FloatWeights.of_reduction(stage).as_type(np.float64)
        if stage.is_reduction
        else weights[stage.name].split(stage)
        for stage in graph.stages
    )


def run_stages(
    graph: Graph, weights: Sequence[FloatWeights], inputs: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return every tensor that the stages store, in float, by its name."""
    tensors = dict(inputs)
    for stage, ours in zip(graph.stages, weights, strict=True):
        tensors[stage.output.name] = _run_stage(stage, ours, tensors)
    return tensors


def _run_stage(stage: Stage, weights: FloatWeights, tensors: Mapping[str, Tensor]) -> Tensor:
    array = {name: torch.tensor(values) for name, values in weights.arrays().items()}
    acc = torch.zeros(())
    for source, part in zip(stage.sources, weights.weights, strict=True):
        assert part.shape == source.weights_shape(stage.filters)
        x = seen_map(tensors[source.tensor.name], source, border=0.0)
        acc = acc + functional.conv2d(
            x,
            torch.tensor(part),
            stride=source.stride,
            dilation=source.dilation,
            groups=source.groups,
        )
    if "scale" in array:
        deviation = array["variance"].sqrt() + BATCH_NORM_EPSILON
        acc = (acc - _column(array["mean"])) / _column(deviation) * _column(array["scale"])
    acc = acc + _column(array["bias"])
    if stage.leaky_slope is not None:
        acc = functional.leaky_relu(acc, stage.leaky_slope)
    return pooled(acc, stage)


def _column(values: Tensor) -> Tensor:
    return values.view(1, -1, 1, 1)
