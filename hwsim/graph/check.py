"""The rules of a stage, each written once and checked whenever a stage is made.

A stage that passes is one that every witness computes: golden, machine, timeline and Verilog. What
depends on the accelerator's configuration is the compiler's to refuse. A refusal is one line that
names the stage, the value and the rule.
"""

from collections.abc import Iterator, Sequence
from types import NoneType
from typing import TYPE_CHECKING, Any

from hwsim.errors import shown
from hwsim.fixed_point import Rounding
from hwsim.graph.check_constants import broken_by_constants
from hwsim.graph.check_spatial_pool import broken_pool_on, broken_spatial_pool
from hwsim.graph.infer import convolved_shape, pooled_shape
from hwsim.graph.rules import (
    broken_name,
    broken_types,
    is_a,
    is_integer,
    is_one_of,
    is_pair,
    is_real,
    one_of,
    refuse,
)
from hwsim.graph.sources import NO_PADDING, Padding, Source
from hwsim.graph.spatial_pool import SpatialPool
from hwsim.graph.tensors import Quantization, Shape, Tensor

if TYPE_CHECKING:
    from hwsim.graph.stages import Stage

CHANNEL_POOL_FACTORS = (1, 2, 4, 8)
WEIGHT_BITS = (4, 8)
WEIGHT_LIMBS = (1, 2)
ACTIVATION_BITS = 8
ACTIVATION_RANGE = (-128, 127)
LEAST_ZERO_POINT, LARGEST_ZERO_POINT = -128, 127
IMAGE_CHANNELS = 3
LARGEST_CHANNELS = (1 << 16) - 1
LARGEST_SIDE = (1 << 15) - 1  # rows and columns of the input are signed 16-bit fields
LARGEST_KERNEL = 255  # a side; the compiler cuts a kernel into parts that a descriptor can hold
LARGEST_PADDING = 4080  # a side: as far as the widest kernel reaches with the widest dilation
MOST_SOURCES = 1000  # planning takes longer with each
LARGEST_STRIDE = 8
LARGEST_DILATION = 16
UPSAMPLING = (1, 2)


def check_stage(stage: "Stage") -> None:
    """Raise `InputError` for the first rule that a stage breaks."""
    refuse("a layer's", broken_name(stage.name))
    refuse(f"layer {stage.name}:", _broken_by_stage(stage))


def check_tensor(whose: str, role: str, tensor: Tensor) -> None:
    """Raise `InputError` for the first rule that a tensor breaks."""
    refuse(whose, _broken_by_tensor(role, tensor))


def check_convolution(
    name: str,
    sources: Sequence[Source],
    filters: int,
    channel_pool: int,
    spatial_pool: SpatialPool,
) -> None:
    """Raise `InputError` for the first rule that keeps the output's shape from being inferred."""
    refuse("a layer's", broken_name(name))
    broken = _broken_by_convolution(tuple(sources), filters, channel_pool, spatial_pool)
    refuse(f"layer {name}:", broken)


def _broken_by_stage(stage: "Stage") -> Iterator[str]:
    from hwsim.graph.stages import Constants  # which imports this module

    yield from broken_types(
        "",
        stage,
        output=(Tensor,),
        spatial_pool=(SpatialPool,),
        constants=(Constants, NoneType),
        is_reduction=(bool,),
        rounding=(Rounding,),
    )
    yield from _broken_by_convolution(
        stage.sources, stage.filters, stage.channel_pool, stage.spatial_pool
    )
    yield from _broken_by_tensor("output", stage.output)
    if stage.output.is_image:
        yield f"output '{stage.output.name}' is an image: images only come from outside"
    yield from _broken_by_operator(stage)
    convolved = convolved_shape(stage.sources[0], stage.filters)
    expected = pooled_shape(convolved, stage.channel_pool, stage.spatial_pool)
    if stage.output.shape != expected:
        yield f"output {stage.output.shape} must be {expected}, which follows from its input"
    if stage.constants is not None:
        yield from broken_by_constants(stage, stage.constants)


def _broken_by_tensor(role: str, tensor: Tensor) -> Iterator[str]:
    if not is_a(Tensor, tensor):
        yield f"{role} {shown(tensor)} must be a Tensor"
    for broken in broken_name(tensor.name):
        yield f"{role}'s {broken}"
    yield from broken_types(
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
        if not is_integer(value, 1, largest):
            yield f"{role} {name} = {shown(value)} must be an integer from 1 to {largest}"
    if tensor.bits != ACTIVATION_BITS:
        yield f"{role} of {shown(tensor.bits)} bits: stored values have {ACTIVATION_BITS}"
    if tensor.is_image and shape.channels != IMAGE_CHANNELS:
        yield f"{role} is an image of {shape.channels} channels: an image has {IMAGE_CHANNELS}"
    if quantization is not None:
        scale, zero_point = quantization.scale, quantization.zero_point
        if not is_real(scale) or scale <= 0:
            yield f"{role} scale = {shown(scale)} must be a finite number above 0"
        if not is_integer(zero_point, LEAST_ZERO_POINT, LARGEST_ZERO_POINT):
            yield (
                f"{role} zero_point = {shown(zero_point)} must be an integer from "
                f"{LEAST_ZERO_POINT} to {LARGEST_ZERO_POINT}"
            )


# --- the convolutions and their sum --------------------------------------------------------------


def _broken_by_convolution(
    sources: Any, filters: int, channel_pool: int, spatial_pool: SpatialPool
) -> Iterator[str]:
    most_filters = LARGEST_CHANNELS * max(CHANNEL_POOL_FACTORS)
    if not is_integer(filters, 1, most_filters):
        yield f"filters = {shown(filters)} must be an integer from 1 to {most_filters}"
    if not is_one_of(channel_pool, CHANNEL_POOL_FACTORS):
        yield f"channel_pool = {shown(channel_pool)} must be {one_of(CHANNEL_POOL_FACTORS)}"
    if filters % channel_pool:
        yield f"filters = {filters} must be a multiple of channel_pool = {channel_pool}"
    yield from broken_spatial_pool(spatial_pool)
    if not is_a(tuple, sources) or not sources:
        yield f"sources = {shown(sources)} must be a tuple of at least one Source"
    if len(sources) > MOST_SOURCES:
        yield f"{len(sources)} sources: at most {MOST_SOURCES}"
    for number, source in enumerate(sources, start=1):
        where = f"source {number}: " if len(sources) > 1 else ""
        for broken in _broken_by_source(source, filters):
            yield f"{where}{broken}"
        yield from _broken_sum(sources[0], number, source, filters)
    yield from broken_pool_on(convolved_shape(sources[0], filters), spatial_pool)


def _broken_by_source(source: Source, filters: int) -> Iterator[str]:
    if not is_a(Source, source):
        yield f"{shown(source)} must be a Source"
    yield from _broken_by_tensor("input", source.tensor)
    yield from _broken_slice(source)
    yield from _broken_geometry(source)
    groups = source.groups
    if not is_integer(groups, 1, source.channels) or source.channels % groups:
        yield f"groups = {shown(groups)} must be a divisor of channels = {source.channels}"
    if filters % groups:
        yield f"filters = {filters} must be a multiple of groups = {groups}"


def _broken_slice(source: Source) -> Iterator[str]:
    first, channels, most = source.first_channel, source.channels, source.tensor.shape.channels
    if not is_integer(channels, 1, most):
        yield f"channels = {shown(channels)} must be an integer from 1 to {most}, its input's"
    if not is_integer(first, 0, most - channels):
        yield (
            f"first_channel = {shown(first)} must be an integer from 0 to {most - channels}, "
            f"for {channels} of the input's {most} channels"
        )


def _broken_geometry(source: Source) -> Iterator[str]:
    """Yield the broken rules of the way that the taps take over the input's map."""
    for name, pair, most in (
        ("kernel", source.kernel, LARGEST_KERNEL),
        ("stride", source.stride, LARGEST_STRIDE),
        ("dilation", source.dilation, LARGEST_DILATION),
    ):
        if not is_pair(pair, 1, most):
            yield f"{name} = {shown(pair)} must be two integers from 1 to {most}"
    if not is_one_of(source.upsample, UPSAMPLING):
        yield f"upsample = {shown(source.upsample)} must be {one_of(UPSAMPLING)}"
    if source.upsample > 1:
        for name, pair in (("stride", source.stride), ("dilation", source.dilation)):
            if pair != (1, 1):
                yield f"{name} = {pair} of an input that is upsampled must be (1, 1)"
    if max(source.size) > LARGEST_SIDE:
        yield f"input upsampled to {max(source.size)} pixels: at most {LARGEST_SIDE} a side"
    yield from _broken_padding(source)
    convolved = convolved_shape(source, filters=1)
    if min(convolved.height, convolved.width) < 1:
        height, width = source.size
        yield (
            f"kernel {source.kernel} {_more_than_kernel(source)}does not fit input "
            f"{source.channels}x{height}x{width}"
        )


def _broken_padding(source: Source) -> Iterator[str]:
    """Yield the rules that padding breaks."""
    padding = source.padding
    if not is_a(Padding, padding):
        yield f"padding = {shown(padding)} must be a Padding"
    for side in ("top", "left", "bottom", "right"):
        value = getattr(padding, side)
        if not is_integer(value, 0, LARGEST_PADDING):
            yield f"padding.{side} = {shown(value)} must be an integer from 0 to {LARGEST_PADDING}"


def _more_than_kernel(source: Source) -> str:
    """Name what enlarges or shrinks the kernel's way over a map, where it is not the usual."""
    padding, parts = source.padding, []
    if source.dilation != (1, 1):
        parts.append(f"dilation {source.dilation}")
    if padding.is_even and padding.top:
        parts.append(f"padding {padding.top}")
    elif padding != NO_PADDING:
        parts.append(f"padding {(padding.top, padding.left, padding.bottom, padding.right)}")
    return f"with {', '.join(parts)} " if parts else ""


def _broken_sum(first: Source, number: int, source: Source, filters: int) -> Iterator[str]:
    expected, found = convolved_shape(first, filters), convolved_shape(source, filters)
    if found != expected:
        yield (
            f"source {number} gives {found}, source 1 gives {expected}: "
            "sources that are added must give the same"
        )


# --- what follows the sum ------------------------------------------------------------------------


def _broken_by_operator(stage: "Stage") -> Iterator[str]:
    slope = stage.leaky_slope
    if slope is not None and not (is_real(slope) and 0 <= slope <= 1):
        yield f"leaky_slope = {shown(slope)} must be None or a number from 0 to 1"
    if not is_one_of(stage.weight_bits, WEIGHT_BITS):
        yield f"weight_bits = {shown(stage.weight_bits)} must be {one_of(WEIGHT_BITS)}"
    if not is_one_of(stage.weight_limbs, WEIGHT_LIMBS):
        yield f"weight_limbs = {shown(stage.weight_limbs)} must be {one_of(WEIGHT_LIMBS)}"
    if stage.offset is not None and not is_integer(
        stage.offset, LEAST_ZERO_POINT, LARGEST_ZERO_POINT
    ):
        yield (
            f"offset = {shown(stage.offset)} must be None or an integer from {LEAST_ZERO_POINT} "
            f"to {LARGEST_ZERO_POINT}"
        )
    yield from _broken_clamp(stage.clamp)
    yield from _broken_table(stage)
    is_free = stage.constants is not None  # its weights say what it takes
    if stage.is_reduction and not (is_free or (slope is None and _takes_each_channel_once(stage))):
        yield (
            "is_reduction: the pass that condenses stored maps is depthwise, 1x1 and linear, or "
            "joins the channels of its sources, where it has no constants"
        )


def _broken_clamp(clamp: Any) -> Iterator[str]:
    if clamp is None:
        return
    least, most = ACTIVATION_RANGE
    is_range = is_a(tuple, clamp) and [is_integer(end, least, most) for end in clamp] == [True] * 2
    if not is_range or clamp[0] > clamp[1]:
        yield (
            f"clamp = {shown(clamp)} must be None or the least and the largest of a range within "
            f"{least} to {most}"
        )


def _broken_table(stage: "Stage") -> Iterator[str]:
    table: Any = stage.table
    if table is None:
        return
    least, most = ACTIVATION_RANGE
    values = most - least + 1
    if not is_a(tuple, table) or len(table) != values:
        yield f"table = {shown(table)} must be None or a tuple of {values} integers"
    for value in table:
        if not is_integer(value, least, most):
            yield f"table holds {shown(value)}: must be {least} to {most}"
    has_pool = stage.channel_pool > 1 or stage.spatial_pool != SpatialPool.NONE
    if has_pool and list(table) != sorted(table):
        yield "a table under a pool must not fall anywhere: the pool is taken before it"


def _takes_each_channel_once(stage: "Stage") -> bool:
    """True for 1x1 kernels with a filter for each channel that they read."""
    are_single = all(
        source.kernel == (1, 1) and source.stride == (1, 1) for source in stage.sources
    )
    groups = stage.filters if len(stage.sources) == 1 else 1
    return (
        are_single
        and sum(source.channels for source in stage.sources) == stage.filters
        and all(source.groups == groups for source in stage.sources)
    )
