"""The rules of a graph, each written once and checked whenever a stage or a graph is made.

A stage that passes is one that every witness computes: golden, machine, timeline and Verilog.
What some of them lacks is refused here, in one line that names the stage, the value and the rule.
What depends on the accelerator's configuration is the compiler's to refuse.
"""

import reprlib
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from hwsim.errors import InputError
from hwsim.fixed_point import LARGEST_SHIFT, SMALLEST_SHIFT
from hwsim.graph.infer import convolved_shape, pooled_shape
from hwsim.graph.tensors import SpatialPool, Tensor

if TYPE_CHECKING:
    from hwsim.graph.stages import Constants, Graph, Stage

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


def check_stage(stage: "Stage") -> None:
    """Raise `InputError` for the first rule that a stage breaks."""
    _refuse("a layer's", _broken_name(stage.name))
    _refuse(f"layer {stage.name}:", _broken_by_stage(stage))


def check_graph(graph: "Graph") -> None:
    """Raise `InputError` for the first rule that a chain of sound stages breaks."""
    _refuse("a graph's", _broken_name(graph.name))
    _refuse(f"graph {graph.name}:", _broken_by_graph(graph))


def _refuse(whose: str, broken_rules: Iterator[str]) -> None:
    """Raise for the first broken rule, so that every rule may rely on those before it."""
    broken = next(broken_rules, None)
    if broken is not None:
        raise InputError(f"{whose} {broken}")


# --- a stage -------------------------------------------------------------------------------------


def _broken_by_stage(stage: "Stage") -> Iterator[str]:
    yield from _broken_by_tensor("input", stage.input)
    yield from _broken_by_tensor("output", stage.output)
    if stage.output.is_image:
        yield f"output '{stage.output.name}' is an image: images only come from outside"
    yield from _broken_by_operator(stage)
    yield from _broken_by_shapes(stage)
    if stage.constants is not None:
        yield from _broken_by_constants(stage, stage.constants)


def _broken_by_tensor(role: str, tensor: Tensor) -> Iterator[str]:
    for broken in _broken_name(tensor.name):
        yield f"{role}'s {broken}"
    shape, quantization = tensor.shape, tensor.quantization
    for name, value, largest in (
        ("channels", shape.channels, LARGEST_CHANNELS),
        ("height", shape.height, LARGEST_SIDE),
        ("width", shape.width, LARGEST_SIDE),
    ):
        if not _is_integer(value, 1, largest):
            yield f"{role} {name} = {_shown(value)} must be an integer from 1 to {largest}"
    if tensor.bits != ACTIVATION_BITS:
        yield f"{role} of {_shown(tensor.bits)} bits: stored values have {ACTIVATION_BITS}"
    if tensor.is_image and shape.channels != IMAGE_CHANNELS:
        yield f"{role} is an image of {shape.channels} channels: an image has {IMAGE_CHANNELS}"
    if quantization is not None:
        scale, zero_point = quantization.scale, quantization.zero_point
        if not _is_real(scale) or scale <= 0:
            yield f"{role} scale = {_shown(scale)} must be a finite number above 0"
        if not _is_integer(zero_point, LEAST_ZERO_POINT, LARGEST_ZERO_POINT):
            yield (
                f"{role} zero_point = {_shown(zero_point)} must be an integer from "
                f"{LEAST_ZERO_POINT} to {LARGEST_ZERO_POINT}"
            )


def _broken_by_operator(stage: "Stage") -> Iterator[str]:
    """Yield the broken rules of the convolution and its pools that do not depend on shapes."""
    most_filters = LARGEST_CHANNELS * max(CHANNEL_POOL_FACTORS)
    if not _is_integer(stage.filters, 1, most_filters):
        yield f"filters = {_shown(stage.filters)} must be an integer from 1 to {most_filters}"
    if not _is_kernel(stage.kernel):
        yield f"kernel = {_shown(stage.kernel)} must be two integers from 1 to {LARGEST_KERNEL}"
    least_side = min(stage.kernel)
    if not _is_integer(stage.padding, 0, least_side - 1):
        yield (
            f"padding = {_shown(stage.padding)} must be an integer from 0 to {least_side - 1}, "
            f"below each side of kernel {stage.kernel}"
        )
    slope = stage.leaky_slope
    if slope is not None and not (_is_real(slope) and 0 <= slope <= 1):
        yield f"leaky_slope = {_shown(slope)} must be None or a number from 0 to 1"
    if not _is_one_of(stage.channel_pool, CHANNEL_POOL_FACTORS):
        yield f"channel_pool = {_shown(stage.channel_pool)} must be {_one_of(CHANNEL_POOL_FACTORS)}"
    if stage.filters % stage.channel_pool:
        yield f"filters = {stage.filters} must be a multiple of channel_pool = {stage.channel_pool}"
    if not _is_a(SpatialPool, stage.spatial_pool):
        yield f"spatial_pool = {_shown(stage.spatial_pool)} must be a SpatialPool"
    if not _is_one_of(stage.weight_bits, WEIGHT_BITS):
        yield f"weight_bits = {_shown(stage.weight_bits)} must be {_one_of(WEIGHT_BITS)}"
    yield from _broken_by_groups(stage)


def _broken_by_groups(stage: "Stage") -> Iterator[str]:
    channels, groups = stage.input.shape.channels, stage.groups
    if not _is_one_of(groups, (1, channels)):
        yield f"groups = {_shown(groups)} must be 1 (dense) or {channels}, its channels (depthwise)"
    if groups == 1 and not stage.is_reduction:
        return
    if stage.filters != groups:
        yield (
            f"filters = {stage.filters} of groups = {groups}: a depthwise layer has one filter for "
            "each channel, no depth multiplier"
        )
    if stage.is_reduction and (stage.kernel, stage.padding, stage.leaky_slope) != ((1, 1), 0, None):
        yield "is_reduction: the pass that condenses stored maps is depthwise, 1x1 and linear"
    if stage.channel_pool > 1 and not stage.is_reduction:
        yield f"channel_pool = {stage.channel_pool} needs a dense convolution"


def _broken_by_shapes(stage: "Stage") -> Iterator[str]:
    convolved = convolved_shape(stage.input.shape, stage.filters, stage.kernel, stage.padding)
    if min(convolved.height, convolved.width) < 1:
        yield (
            f"kernel {stage.kernel} with padding {stage.padding} does not fit input "
            f"{stage.input.shape}"
        )
    expected = pooled_shape(convolved, stage.channel_pool, stage.spatial_pool)
    if stage.output.shape != expected:
        yield f"output {stage.output.shape} must be {expected}, which follows from its input"


def _broken_by_constants(stage: "Stage", constants: "Constants") -> Iterator[str]:
    if stage.input.quantization is None or stage.output.quantization is None:
        yield "constants need a scale and a zero point of its input and of its output"
    yield from _broken_array("weights", constants.weights, np.int8, stage.weights_shape)
    if stage.weight_bits < ACTIVATION_BITS:  # else every int8 is in range
        largest = (1 << (stage.weight_bits - 1)) - 1
        yield from _out_of_range("weights", constants.weights, -largest - 1, largest)
    for name, (low, high) in CONSTANT_RANGES.items():
        values = getattr(constants, name)
        yield from _broken_array(name, values, np.int32, (stage.filters,))
        yield from _out_of_range(name, values, low, high)


def _broken_array(name: str, values: Any, kind: type, shape: tuple[int, ...]) -> Iterator[str]:
    expected = np.dtype(kind)
    if not _is_a(np.ndarray, values):
        yield f"{name} must be an array of {expected} {shape}, not a {type(values).__name__}"
    if values.dtype != expected or values.shape != shape:
        yield f"{name} must be {expected} {shape}, not {values.dtype} {values.shape}"


def _out_of_range(name: str, values: Any, low: int, high: int) -> Iterator[str]:
    least, most = int(values.min()), int(values.max())
    if least < low or most > high:
        yield f"{name} holds {least if least < low else most}: must be {low} to {high}"


# --- a graph -------------------------------------------------------------------------------------


def _broken_by_graph(graph: "Graph") -> Iterator[str]:
    stages = graph.stages
    if not stages:
        yield "has no layers: it must have at least one"
    for before, after in pairwise(stages):
        if before.output != after.input:
            yield _broken_link(before, after)
    yield from _repeated("layers", [stage.name for stage in stages])
    yield from _repeated("tensors", [stages[0].input.name, *(one.output.name for one in stages)])
    without = [stage.name for stage in stages if stage.constants is None]
    if 0 < len(without) < len(stages):
        yield f"layer {without[0]} has no constants, other layers have: give them to all or to none"


def _broken_link(before: "Stage", after: "Stage") -> str:
    """Say in what the input of a stage differs from the output of the one before it."""
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
    if len(set(names)) < len(names):
        twice = next(name for index, name in enumerate(names) if name in names[:index])
        yield f"two {what} are named '{twice}': names must differ"


# --- values --------------------------------------------------------------------------------------


def _broken_name(name: Any) -> Iterator[str]:
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        yield f"name {_shown(name)} must be text that can be printed, and not be empty"
    if len(name) > LONGEST_NAME:
        yield f"name {_shown(name)} of {len(name)} characters: at most {LONGEST_NAME}"


def _is_integer(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _is_real(value: Any) -> bool:
    """True for a finite number; a comparison with NaN is false."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and abs(value) <= sys.float_info.max


def _is_a(kind: type, value: Any) -> bool:
    return isinstance(value, kind)


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


def _shown(value: Any) -> str:
    """A value as Python writes it, in one line and of bounded length."""
    return " ".join(reprlib.repr(value).split())
