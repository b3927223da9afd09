"""The rules of a graph, each written once and checked whenever a layer or a graph is made.

A layer that passes is one that every witness computes: golden, machine, timeline and Verilog.
What some of them lacks is refused here, in one line that names the layer, the value and the rule.
What depends on the accelerator's configuration is the compiler's to refuse.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from types import NoneType
from typing import TYPE_CHECKING, Any

import numpy as np

from hwsim.errors import InputError, shown
from hwsim.fixed_point import LARGEST_SHIFT, SMALLEST_SHIFT
from hwsim.graph.infer import convolved_shape, pooled_shape
from hwsim.graph.tensors import Quantization, Shape, SpatialPool, Tensor

if TYPE_CHECKING:
    from hwsim.graph.layers import Constants, Graph, Layer

CHANNEL_POOL_FACTORS = (1, 2, 4, 8)
WEIGHT_BITS = (4, 8)
ACTIVATION_BITS = 8
LEAST_ZERO_POINT, LARGEST_ZERO_POINT = -128, 127
IMAGE_CHANNELS = 3
LONGEST_NAME = 255  # characters
LARGEST_CHANNELS = (1 << 16) - 1
LARGEST_SIDE = (1 << 15) - 1  # rows and columns of the input are signed 16-bit fields
LARGEST_KERNEL = 15  # a side of the kernel is a 4-bit field
LARGEST_MULTIPLIER = (1 << 31) - 1

# Range of each constant; the weights' depends on their width.
CONSTANT_RANGES = {
    "bias": (-(1 << 31), (1 << 31) - 1),
    "multiplier": (0, LARGEST_MULTIPLIER),
    "negative_multiplier": (0, LARGEST_MULTIPLIER),
    "shift": (SMALLEST_SHIFT, LARGEST_SHIFT),
}


def check_layer(layer: "Layer") -> None:
    """Raise `InputError` for the first rule that a layer breaks."""
    _refuse("a layer's", _broken_name(layer.name))
    _refuse(f"layer {layer.name}:", _broken_by_layer(layer))


def check_graph(graph: "Graph") -> None:
    """Raise `InputError` for the first rule that a chain of sound layers breaks."""
    _refuse("a graph's", _broken_name(graph.name))
    _refuse(f"graph {graph.name}:", _broken_by_graph(graph))


def _refuse(whose: str, broken_rules: Iterator[str]) -> None:
    """Raise for the first broken rule, so that every rule may rely on those before it."""
    broken = next(broken_rules, None)
    if broken is not None:
        raise InputError(f"{whose} {broken}")


# --- a layer -------------------------------------------------------------------------------------


def _broken_by_layer(layer: "Layer") -> Iterator[str]:
    from hwsim.graph.layers import Constants  # which imports this module

    yield from _broken_types(
        "",
        layer,
        input=(Tensor,),
        output=(Tensor,),
        spatial_pool=(SpatialPool,),
        constants=(Constants, NoneType),
        is_reduction=(bool,),
    )
    yield from _broken_by_tensor("input", layer.input)
    yield from _broken_by_tensor("output", layer.output)
    if layer.output.is_image:
        yield f"output '{layer.output.name}' is an image: images only come from outside"
    yield from _broken_by_operator(layer)
    yield from _broken_by_shapes(layer)
    if layer.constants is not None:
        yield from _broken_by_constants(layer, layer.constants)


def _broken_by_tensor(role: str, tensor: Tensor) -> Iterator[str]:
    for broken in _broken_name(tensor.name):
        yield f"{role}'s {broken}"
    yield from _broken_types(
        f"{role} ",
        tensor,
        shape=(Shape,),
        bits=(int,),
        quantization=(Quantization, NoneType),
        is_image=(bool,),
    )
    shape, quantization = tensor.shape, tensor.quantization
    for name, value, largest in (
        ("channels", shape.channels, LARGEST_CHANNELS),
        ("height", shape.height, LARGEST_SIDE),
        ("width", shape.width, LARGEST_SIDE),
    ):
        if not _is_integer(value, 1, largest):
            yield f"{role} {name} = {shown(value)} must be an integer from 1 to {largest}"
    if tensor.bits != ACTIVATION_BITS:
        yield f"{role} of {tensor.bits} bits: stored values have {ACTIVATION_BITS}"
    if tensor.is_image and shape.channels != IMAGE_CHANNELS:
        yield f"{role} is an image of {shape.channels} channels: an image has {IMAGE_CHANNELS}"
    if quantization is not None:
        scale, zero_point = quantization.scale, quantization.zero_point
        if not _is_real(scale) or scale <= 0:
            yield f"{role} scale = {shown(scale)} must be a finite number above 0"
        if not _is_integer(zero_point, LEAST_ZERO_POINT, LARGEST_ZERO_POINT):
            yield (
                f"{role} zero_point = {shown(zero_point)} must be an integer from "
                f"{LEAST_ZERO_POINT} to {LARGEST_ZERO_POINT}"
            )


def _broken_by_operator(layer: "Layer") -> Iterator[str]:
    """Yield the broken rules of the convolution and its pools that do not depend on shapes."""
    most_filters = LARGEST_CHANNELS * max(CHANNEL_POOL_FACTORS)
    if not _is_integer(layer.filters, 1, most_filters):
        yield f"filters = {shown(layer.filters)} must be an integer from 1 to {most_filters}"
    if not _is_kernel(layer.kernel):
        yield f"kernel = {shown(layer.kernel)} must be two integers from 1 to {LARGEST_KERNEL}"
    least_side = min(layer.kernel)
    if not _is_integer(layer.padding, 0, least_side - 1):
        yield (
            f"padding = {shown(layer.padding)} must be an integer from 0 to {least_side - 1}, "
            f"below each side of kernel {layer.kernel}"
        )
    slope = layer.leaky_slope
    if slope is not None and not (_is_real(slope) and 0 <= slope <= 1):
        yield f"leaky_slope = {shown(slope)} must be None or a number from 0 to 1"
    if not _is_one_of(layer.channel_pool, CHANNEL_POOL_FACTORS):
        yield f"channel_pool = {shown(layer.channel_pool)} must be {_one_of(CHANNEL_POOL_FACTORS)}"
    if layer.filters % layer.channel_pool:
        yield f"filters = {layer.filters} must be a multiple of channel_pool = {layer.channel_pool}"
    if not _is_one_of(layer.weight_bits, WEIGHT_BITS):
        yield f"weight_bits = {shown(layer.weight_bits)} must be {_one_of(WEIGHT_BITS)}"
    yield from _broken_by_groups(layer)


def _broken_by_groups(layer: "Layer") -> Iterator[str]:
    channels, groups = layer.input.shape.channels, layer.groups
    if not _is_one_of(groups, (1, channels)):
        yield f"groups = {shown(groups)} must be 1 (dense) or {channels}, its channels (depthwise)"
    if groups == 1 and not layer.is_reduction:
        return
    if layer.filters != groups:
        yield (
            f"filters = {layer.filters} of groups = {groups}: a depthwise layer has one filter for "
            "each channel, no depth multiplier"
        )
    if layer.is_reduction and (layer.kernel, layer.padding, layer.leaky_slope) != ((1, 1), 0, None):
        yield "is_reduction: the pass that condenses stored maps is depthwise, 1x1 and linear"
    if layer.channel_pool > 1 and not layer.is_reduction:
        yield f"channel_pool = {layer.channel_pool} needs a dense convolution"


def _broken_by_shapes(layer: "Layer") -> Iterator[str]:
    convolved = convolved_shape(layer.input.shape, layer.filters, layer.kernel, layer.padding)
    if min(convolved.height, convolved.width) < 1:
        yield (
            f"kernel {layer.kernel} with padding {layer.padding} does not fit input "
            f"{layer.input.shape}"
        )
    expected = pooled_shape(convolved, layer.channel_pool, layer.spatial_pool)
    if layer.output.shape != expected:
        yield f"output {layer.output.shape} must be {expected}, which follows from its input"


def _broken_by_constants(layer: "Layer", constants: "Constants") -> Iterator[str]:
    if layer.input.quantization is None or layer.output.quantization is None:
        yield "constants need a scale and a zero point of its input and of its output"
    yield from _broken_array("weights", constants.weights, np.int8, layer.weights_shape)
    if layer.weight_bits < ACTIVATION_BITS:  # else every int8 is in range
        largest = (1 << (layer.weight_bits - 1)) - 1
        yield from _out_of_range("weights", constants.weights, -largest - 1, largest)
    for name, (low, high) in CONSTANT_RANGES.items():
        values = getattr(constants, name)
        yield from _broken_array(name, values, np.int32, (layer.filters,))
        yield from _out_of_range(name, values, low, high)


def _broken_array(name: str, values: Any, kind: type, shape: tuple[int, ...]) -> Iterator[str]:
    expected = np.dtype(kind)
    if type(values) is not np.ndarray:  # a subclass may compute in another way
        yield f"{name} must be a plain array of {expected} {shape}, not a {type(values).__name__}"
    if values.dtype != expected or values.shape != shape:
        yield f"{name} must be {expected} {shape}, not {values.dtype} {values.shape}"


def _out_of_range(name: str, values: Any, low: int, high: int) -> Iterator[str]:
    least, most = int(values.min()), int(values.max())
    if least < low or most > high:
        yield f"{name} holds {least if least < low else most}: must be {low} to {high}"


# --- a graph -------------------------------------------------------------------------------------


def _broken_by_graph(graph: "Graph") -> Iterator[str]:
    from hwsim.graph.layers import Layer  # which imports this module

    layers = graph.layers
    yield from _broken_types("", graph, layers=(tuple,))
    for index, layer in enumerate(layers):
        if type(layer) is not Layer:
            yield f"layers[{index}] = {shown(layer)} must be of type Layer"
    if not layers:
        yield "has no layers: it must have at least one"
    for before, after in pairwise(layers):
        if before.output != after.input:
            yield _broken_link(before, after)
    yield from _repeated("layers", [layer.name for layer in layers])
    yield from _repeated("tensors", [layers[0].input.name, *(one.output.name for one in layers)])
    without = [layer.name for layer in layers if layer.constants is None]
    if 0 < len(without) < len(layers):
        yield f"layer {without[0]} has no constants, other layers have: give them to all or to none"


def _broken_link(before: "Layer", after: "Layer") -> str:
    """Say in what the input of a layer differs from the output of the one before it."""
    written, read = before.output, after.input
    for name in ("name", "shape", "bits", "quantization", "is_image"):
        ours, theirs = getattr(read, name), getattr(written, name)
        if ours != theirs:
            break
    return (
        f"layer {after.name} reads a tensor of {name} {ours}, "
        f"layer {before.name} stores one of {name} {theirs}: it must be the same tensor"
    )


def _repeated(what: str, names: Sequence[str]) -> Iterator[str]:
    counts = Counter(names)
    if len(counts) < len(names):
        twice, _ = counts.most_common(1)[0]
        yield f"two {what} are named '{twice}': names must differ"


# --- values --------------------------------------------------------------------------------------


def _broken_name(name: Any) -> Iterator[str]:
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        yield f"name {shown(name)} must be text that can be printed, and not be empty"
    if len(name) > LONGEST_NAME:
        yield f"name {shown(name)} of {len(name)} characters: at most {LONGEST_NAME}"


def _broken_types(prefix: str, record: object, **types: tuple[type, ...]) -> Iterator[str]:
    """Yield the fields of a record that are of none of their types."""
    for name, allowed in types.items():
        value = getattr(record, name)
        if type(value) not in allowed:
            names = " or ".join("None" if one is NoneType else one.__name__ for one in allowed)
            yield f"{prefix}{name} = {shown(value)} must be of type {names}"


def _is_integer(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _is_real(value: Any) -> bool:
    """True for a finite number; a comparison with NaN is false."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and abs(value) <= sys.float_info.max


def _is_kernel(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(_is_integer(side, 1, LARGEST_KERNEL) for side in value)
    )


def _is_one_of(value: Any, allowed: tuple[int, ...]) -> bool:
    return type(value) is int and value in allowed


def _one_of(allowed: tuple[int, ...]) -> str:
    return f"one of {', '.join(map(str, allowed))}"
