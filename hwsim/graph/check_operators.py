"""The rules of operators and of their graphs, each written once and checked at construction."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hwsim.errors import InputError, shown
from hwsim.graph.check import LARGEST_CHANNELS, LARGEST_SIDE, check_convolution, check_tensor
from hwsim.graph.check_detections import MOST_CLASSES, broken_detections
from hwsim.graph.check_quantized import broken_by_quantized, broken_quantization
from hwsim.graph.check_spatial_pool import broken_pool_on, broken_spatial_pool
from hwsim.graph.host_operators import DetectionHead, DetectionPostProcess
from hwsim.graph.infer_operators import inferred_shapes, source_of
from hwsim.graph.operators import (
    Activation,
    Arithmetic,
    Axis,
    Concat,
    Convolution,
    Copy,
    Operator,
    Pool,
    Slice,
)
from hwsim.graph.rules import (
    broken_name,
    is_a,
    is_integer,
    is_pair,
    is_real,
    refuse,
    repeated,
)
from hwsim.graph.sources import Padding
from hwsim.graph.tensors import Shape, Tensor

if TYPE_CHECKING:
    from hwsim.graph.operator_graph import OperatorGraph

MOST_PARTS = 64  # of a concatenation, each of which may become a source of a stage
MOST_BOXES = 100


def check_operator(operator: Operator, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
    """Return the shapes of what an operator leaves.

    Raises `InputError` for the first rule that it breaks.
    """
    if isinstance(operator, Convolution) and len(inputs) == 1:
        source = source_of(operator, inputs[0])
        k, pool = operator.channel_pool, operator.spatial_pool
        check_convolution(operator.name, (source,), operator.filters, k, pool)
    refuse(f"layer {operator.name}:", _broken_by_operator(operator, inputs))
    shapes = inferred_shapes(operator, inputs)
    for shape in shapes:
        refuse(f"layer {operator.name}:", _broken_shape(shape))
    return shapes


def check_operator_graph(graph: "OperatorGraph") -> dict[str, Tensor]:
    """Return every tensor by its name; raise `InputError` for the first rule that is broken."""
    refuse("a graph's", broken_name(graph.name))
    refuse(f"graph {graph.name}:", _broken_names(graph))
    for tensor in graph.inputs:
        check_tensor(f"graph {graph.name}:", "input", tensor)
    tensors = {tensor.name: tensor for tensor in graph.inputs}
    for operator in graph.operators:
        inputs = [_stored(operator, name, tensors).shape for name in operator.inputs]
        try:
            shapes = check_operator(operator, inputs)
            for name, shape in zip(operator.outputs, shapes, strict=True):
                tensors[name] = _left(graph, name, shape)
            refuse(f"layer {operator.name}:", broken_quantization(graph, operator, tensors))
        except InputError as error:
            raise InputError(f"{operator.place}: {error}" if operator.place else error) from None
    refuse(f"graph {graph.name}:", _broken_ends(graph, tensors))
    return tensors


def _left(graph: "OperatorGraph", name: str, shape: Shape) -> Tensor:
    own = graph.in_file.get(name)
    return Tensor(name, shape, quantization=None if own is None else own.signed_quantization)


def _broken_by_operator(operator: Operator, inputs: Sequence[Shape]) -> Iterator[str]:
    if isinstance(operator, DetectionPostProcess):
        yield from broken_detections(operator, inputs)
        return
    if not isinstance(operator, Concat | Arithmetic) and len(inputs) != 1:
        yield f"reads {len(inputs)} tensors: it must read one"
    if len(operator.outputs) != 1:
        yield f"leaves {len(operator.outputs)} tensors: it must leave one"
    match operator:
        case Convolution():
            if not is_a(Activation, operator.activation):
                yield f"activation = {shown(operator.activation)} must be an Activation"
        case Pool():
            yield from _broken_pool(operator, inputs[0])
        case Copy():
            yield from broken_spatial_pool(operator.spatial_pool)
            yield from broken_pool_on(inputs[0], operator.spatial_pool)
        case Concat():
            yield from _broken_concat(operator.axis, inputs)
        case Slice():
            yield from _broken_slice(operator, inputs[0].channels)
        case DetectionHead():
            yield from _broken_head(operator, inputs[0].channels)
    yield from broken_by_quantized(operator, inputs)


def _broken_pool(pool: Pool, shape: Shape) -> Iterator[str]:
    """Yield the rules that windows break, so that each has at least one pixel of the map."""
    for name, pair in (("window", pool.window), ("stride", pool.stride)):
        if not is_pair(pair, 1, LARGEST_SIDE):
            most = f"two integers from 1 to {LARGEST_SIDE}"
            yield f"{pool.KIND}: {name} = {shown(pair)} must be {most}"
    padding = pool.padding
    if not is_a(Padding, padding):
        yield f"padding = {shown(padding)} must be a Padding"
    for axis, size, (before, behind), window in (
        ("rows", shape.height, (padding.top, padding.bottom), pool.window[0]),
        ("columns", shape.width, (padding.left, padding.right), pool.window[1]),
    ):
        if not is_integer(before, 0, window - 1) or not is_integer(behind, 0, window - 1):
            yield (
                f"{pool.KIND}: padding of {shown(before)} and {shown(behind)} {axis} must be "
                f"0 to {window - 1}, below the window's {window}"
            )
        if size + before + behind < window:
            yield f"{pool.KIND}: a window of {window} {axis} does not fit the input's {size}"


def _broken_concat(axis: Axis, inputs: Sequence[Shape]) -> Iterator[str]:
    if not is_a(Axis, axis):
        yield f"axis = {shown(axis)} must be an Axis"
    if not 1 <= len(inputs) <= MOST_PARTS:
        yield f"joins {len(inputs)} tensors: must join 1 to {MOST_PARTS}"
    first = inputs[0]
    for number, shape in enumerate(inputs[1:], start=2):
        if axis is Axis.CHANNELS:
            ours, theirs = (f"{each.height}x{each.width}" for each in (first, shape))
            unit = " pixels"
        elif axis is Axis.ROWS:
            ours, theirs = (f"{each.channels}x{each.width}" for each in (first, shape))
            unit = " channels and columns"
        else:
            ours, theirs = (f"{each.channels}x{each.height}" for each in (first, shape))
            unit = " channels and rows"
        if ours != theirs:
            yield (
                f"joins maps of different sizes: the first has {ours}{unit}, "
                f"number {number} has {theirs}"
            )


def _broken_slice(operator: Slice, most: int) -> Iterator[str]:
    first, channels = operator.first_channel, operator.channels
    if not is_integer(channels, 1, most) or not is_integer(first, 0, most - channels):
        yield (
            f"takes {shown(channels)} channels from channel {shown(first)} on: its input has {most}"
        )


def _broken_head(operator: DetectionHead, channels: int) -> Iterator[str]:
    if not is_integer(operator.boxes, 1, MOST_BOXES):
        yield f"boxes = {shown(operator.boxes)} must be an integer from 1 to {MOST_BOXES}"
    if not is_integer(operator.classes, 1, MOST_CLASSES):
        yield f"classes = {shown(operator.classes)} must be an integer from 1 to {MOST_CLASSES}"
    if len(operator.anchors) != operator.boxes:
        yield f"has {len(operator.anchors)} anchors for {operator.boxes} boxes: one of each"
    for side in (side for anchor in operator.anchors for side in anchor):
        if not is_real(side) or side <= 0:
            yield f"anchor of {shown(side)}: must be a finite number above 0"
    if channels != operator.channels:
        yield (
            f"its input has {channels} channels: {operator.boxes} boxes of {operator.classes} "
            f"classes need {operator.channels}"
        )


def _broken_shape(shape: Shape) -> Iterator[str]:
    if shape.channels > LARGEST_CHANNELS or max(shape.height, shape.width) > LARGEST_SIDE:
        yield f"leaves {shape}: at most {LARGEST_CHANNELS}x{LARGEST_SIDE}x{LARGEST_SIDE}"


def _broken_names(graph: "OperatorGraph") -> Iterator[str]:
    for name, values in (
        ("operators", graph.operators),
        ("inputs", graph.inputs),
        ("outputs", graph.outputs),
    ):
        if not is_a(tuple, values) or not values:
            yield f"{name} = {shown(values)} must be a tuple of at least one"
    for operator in graph.operators:
        if not is_a(Operator, operator):
            yield f"{shown(operator)} must be an Operator"
        for name in (operator.name, *operator.outputs):
            yield from broken_name(name)
    tensors = [tensor.name for tensor in graph.inputs]
    tensors += [name for operator in graph.operators for name in operator.outputs]
    yield from repeated("operators", [operator.name for operator in graph.operators])
    yield from repeated("tensors", tensors)
    yield from repeated("outputs", graph.outputs)


def _stored(operator: Operator, name: str, tensors: dict[str, Tensor]) -> Tensor:
    if name not in tensors:
        raise InputError(
            f"layer {operator.name} reads tensor {shown(name)}: it must be an input or the output "
            "of an operator before it"
        )
    return tensors[name]


def _broken_ends(graph: "OperatorGraph", tensors: dict[str, Tensor]) -> Iterator[str]:
    for name in graph.outputs:
        if name not in tensors:
            yield f"output {shown(name)} must be a tensor of the graph"
    read = {name for operator in graph.operators for name in operator.inputs}
    ends: list[tuple[str, ...]] = [(tensor.name,) for tensor in graph.inputs]
    ends += [operator.outputs for operator in graph.operators]
    for names in ends:
        if not (read | set(graph.outputs)).intersection(names):
            yield f"tensor '{names[0]}' is neither read by an operator nor an output"
    for operator in graph.operators:
        behind = read.intersection(operator.outputs)
        if isinstance(operator, DetectionPostProcess) and behind:
            yield (
                f"an operator reads tensor '{min(behind)}' of {operator.KIND}: it must be at the "
                "end of the network"
            )
