"""Graphs, configurations and values drawn by hypothesis, shared by the property tests."""

import math
from dataclasses import astuple, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from hwsim.arch.config import Config, load_config
from hwsim.graph import (
    Constants,
    Graph,
    Padding,
    Quantization,
    Rounding,
    Shape,
    Source,
    SpatialPool,
    Stage,
    Tensor,
)
from hwsim.graph.check import (
    IMAGE_CHANNELS,
    LARGEST_DILATION,
    LARGEST_STRIDE,
)
from hwsim.graph.check_constants import weight_range
from hwsim.graph.infer import convolved_shape
from hwsim.testbenches.drawn_pools import spatial_pools

MOST_WIDE_WEIGHTS = 120  # of a filter, with weights of two limbs: more could overflow
LARGEST_DRAWN_KERNEL = 20  # the largest of all would take long; a COMPUTE has at most 15 taps


@st.composite
def configs(draw: st.DrawFn, weight_bits: int | None = None) -> Config:
    """Draw an accelerator so small that the compiler cuts drawn layers in every way."""
    lanes_in = draw(st.sampled_from([4, 8, 8, 16]))
    lanes_out = draw(st.sampled_from([8, max(lanes_in, 8), max(lanes_in, 8), 2 * lanes_in]))
    rescale = draw(
        st.sampled_from([lanes for lanes in (1, 2, 4, 8) if lanes <= min(lanes_in, lanes_out)])
    )
    edge = load_config("edge").model_dump()
    edge["array"] = {"input_lanes": lanes_in, "output_lanes": lanes_out, "rescale_lanes": rescale}
    edge["bus"]["bus_bits"] = 8 * lanes_in
    edge["bus"]["burst_beats"] = draw(st.sampled_from([2, 4, 16]))
    edge["widths"]["weight_bits"] = weight_bits or draw(st.sampled_from([4, 8]))
    edge["memory"]["latency_cycles"] = draw(st.sampled_from([1, 20, 60]))
    edge["memory"]["bandwidth_bytes_per_cycle"] = draw(
        st.sampled_from([0.4 * lanes_in, lanes_in // 2, lanes_in])
    )
    edge["buffers"] = {
        "feature_bytes": lanes_in * draw(st.integers(12, 250)),
        "weight_bytes": max(lanes_in, lanes_out)
        * draw(st.sampled_from([16, 32, 64, 128, 512]))
        * 4,
        "accumulator_depth": draw(st.sampled_from([4, 16, 64])),
        "staging_bytes": 2 * lanes_in * draw(st.sampled_from([4, 8, 32, 64])),
    }
    edge["residency"] = draw(st.booleans())
    return Config.model_validate(edge)


@st.composite
def shapes_of_graphs(
    draw: st.DrawFn, max_layers: int = 3, weight_bits: int = 8, from_image: bool = False
) -> Graph:
    """Draw a chain of one to `max_layers` layers of every kind that is compiled, of odd sizes."""
    image = from_image or draw(st.booleans())
    side = st.integers(2, 18)
    shape = Shape(3 if image else draw(st.integers(1, 40)), draw(side), draw(side))
    tensor = Tensor("input", shape, is_image=image)
    stages: list[Stage] = []
    for index in range(draw(st.integers(1, max_layers))):
        stage = draw(layers_on(tensor, index + 1, weight_bits))
        stages.append(stage)
        tensor = stage.output
    return Graph.chain("drawn", stages)


@st.composite
def layers_on(draw: st.DrawFn, tensor: Tensor, number: int, weight_bits: int = 8) -> Stage:
    """Draw a layer that reads `tensor`: dense or depthwise, any kernel, padding, k and pool."""
    kernel, padding = draw(kernels(tensor.shape))
    k, filters, groups = draw(st.sampled_from([1, 1, 2, 4, 8])), draw(st.integers(1, 20)), 1
    if draw(st.sampled_from([False, False, False, True])):
        k, filters, groups = 1, tensor.shape.channels, tensor.shape.channels
    source = Source.whole(tensor, kernel, padding, groups=groups)
    computed = convolved_shape(source, 1)
    pool = draw(spatial_pools(computed.height, computed.width))
    slope = draw(st.sampled_from([None, 0.1]))
    return Stage.inferred(f"conv{number}", [source], f"features{number}", filters * k, slope, k,
                          pool, weight_bits)  # fmt: skip


@st.composite
def kernels(draw: st.DrawFn, shape: Shape) -> tuple[tuple[int, int], int]:
    """Draw a kernel and a padding that fit an input, mostly those of ordinary networks."""
    usual = draw(st.sampled_from([1, 3, 3, None]))
    if usual:
        return (usual, usual), usual // 2
    sides = st.integers(1, 5) | st.integers(1, LARGEST_DRAWN_KERNEL)
    rows, columns = draw(sides), draw(sides)
    padding = draw(st.integers(0, max(rows, columns)))
    rows, columns = (
        min(side, size + 2 * padding)
        for side, size in ((rows, shape.height), (columns, shape.width))
    )
    return (rows, columns), padding


@st.composite
def branching_graphs(
    draw: st.DrawFn,
    max_stages: int = 5,
    weight_bits: int | None = None,
    most_condensed: int = 4,
    most_channels: int = 12,
    from_images: bool = False,
    has_tables: bool = True,
) -> Graph:
    """Draw a graph of up to two inputs, whose stages add one to three sources of any geometry.

    Stages condense up to `most_condensed` channels into one; some have a table, if `has_tables`.
    Inputs, and about as many channels of other tensors, have up to `most_channels`. With
    `from_images` every input has three channels.
    """
    side = st.integers(1, 12)
    channels = st.just(IMAGE_CHANNELS) if from_images else st.integers(1, most_channels)
    tensors: list[Tensor] = []
    for number in range(draw(st.integers(1, 2))):
        shape = Shape(draw(channels), draw(side), draw(side))
        image = shape.channels == IMAGE_CHANNELS and draw(st.booleans())
        tensors.append(Tensor(f"input{number}", shape, is_image=image))
    inputs, stages = len(tensors), draw(st.integers(1, max_stages))
    made: list[Stage] = []
    for number in range(1, stages + 1):
        most_filters = most_channels // 3
        made.append(
            draw(stages_on(tensors, number, weight_bits, most_condensed, most_filters, has_tables))
        )
        tensors.append(made[-1].output)
    read = {source.tensor.name for stage in made for source in stage.sources}
    unread = [stage.output for stage in made if stage.output.name not in read]
    also = [stage.output for stage in made if stage.output.name in read and draw(st.booleans())]
    given = tuple(tensor for tensor in tensors[:inputs] if tensor.name in read)
    return Graph("drawn", given, tuple(made), (*unread, *also))


@st.composite
def stages_on(
    draw: st.DrawFn,
    tensors: list[Tensor],
    number: int,
    weight_bits: int | None = None,
    most_condensed: int = 4,
    most_filters: int = 4,
    has_tables: bool = True,
) -> Stage:
    """Draw a stage that reads one or several of `tensors`, each time by another geometry."""
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 4]))
    k = draw(st.sampled_from([k for k in (1, 1, 2, 4, 8) if k <= most_condensed]))
    filters = draw(st.integers(1, most_filters)) * groups * k
    tensor = draw(st.sampled_from(tensors))
    if draw(st.integers(0, 3)) == 3:  # depthwise, mostly with the filters in their own lanes
        groups = filters = draw(st.integers(1, tensor.shape.channels))
        k = math.gcd(filters, k)
        way = draw(sources_of(tensor, groups))
        first = draw(st.integers(0, tensor.shape.channels - groups)) // 8 * 8
        sources = [replace(way, first_channel=first, channels=groups, groups=groups)]
    else:
        sources = [draw(sources_of(tensor, groups))]
    computed = convolved_shape(sources[0], filters)
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        other = draw(sources_of(draw(st.sampled_from(tensors)), groups))
        if (fitted := fitting(other, computed)) is not None:
            sources.append(fitted)
    stage = Stage.inferred(f"stage{number}", sources, f"features{number}", filters,
                           draw(st.sampled_from([None, 0.1])), k,
                           draw(spatial_pools(computed.height, computed.width)),
                           weight_bits or draw(st.sampled_from([4, 8])))  # fmt: skip
    fan_in = stage.weight_count // filters
    limbs = draw(st.sampled_from([1, 1, 2])) if fan_in <= MOST_WIDE_WEIGHTS else 1
    is_pooled = k > 1 or stage.spatial_pool != SpatialPool.NONE
    return replace(
        stage,
        rounding=draw(st.sampled_from(Rounding)),
        weight_limbs=limbs,
        clamp=draw(st.none() | st.none() | clamps()),
        table=draw(st.none() | st.none() | tables(not is_pooled)) if has_tables else None,
    )


def tables(can_fall: bool) -> st.SearchStrategy[tuple[int, ...]]:
    """Draw the 256 values of a function, which only falls somewhere if it may."""
    seeds = st.integers(0, 1 << 20).map(np.random.default_rng)
    drawn = seeds.map(lambda rng: [int(value) for value in rng.integers(-128, 128, 256)])
    return drawn.map(lambda values: tuple(values if can_fall else sorted(values)))


def clamps() -> st.SearchStrategy[tuple[int, int]]:
    """Draw the least and the largest stored value."""
    ends = st.tuples(*[st.integers(-128, 127)] * 2)
    return ends.map(lambda pair: (min(pair), max(pair)))


@st.composite
def sources_of(draw: st.DrawFn, tensor: Tensor, most_groups: int) -> Source:
    """Draw a way over some channels of a tensor, in `most_groups` groups if they can be so cut."""
    channels = draw(st.integers(1, tensor.shape.channels))
    first = draw(st.integers(0, tensor.shape.channels - channels))
    upsample = draw(st.sampled_from([1, 1, 2]))
    strides, dilations = draw(pairs(LARGEST_STRIDE)), draw(pairs(LARGEST_DILATION))
    stride, dilation = ((1, 1), (1, 1)) if upsample > 1 else (strides, dilations)
    kernel = draw(pairs(LARGEST_DRAWN_KERNEL))
    extent = [(taps - 1) * step + 1 for taps, step in zip(kernel, dilation, strict=True)]
    sides = [draw(st.integers(0, 4)) for _ in range(4)]
    # A kernel that has no room yet gets it from padding.
    size = tensor.shape.height * upsample, tensor.shape.width * upsample
    for axis in (0, 1):
        lack = extent[axis] - size[axis] - sides[axis] - sides[axis + 2]
        if lack > 0:
            share = draw(st.integers(0, lack))
            sides[axis] += share
            sides[axis + 2] += lack - share
    groups = math.gcd(channels, most_groups)
    return Source(
        tensor, first, channels, kernel, stride, dilation, Padding(*sides), upsample, groups
    )


def pairs(most: int) -> st.SearchStrategy[tuple[int, int]]:
    """Draw rows and columns from 1 to `most`, mostly few."""
    side = st.integers(1, 3) | st.integers(1, 3) | st.integers(1, most)
    return st.tuples(side, side)


def fitting(source: Source, computed: Shape) -> Source | None:
    """Return a source with another kernel or padding, so that it gives P x Q; None if it cannot."""
    kernel, sides = list(source.kernel), list(astuple(source.padding))
    wanted = computed.height, computed.width
    for axis in (0, 1):
        stride, dilation, size = source.stride[axis], source.dilation[axis], source.size[axis]
        found = None
        for taps in range(1, LARGEST_DRAWN_KERNEL + 1):
            extent = (taps - 1) * dilation + 1
            # The least that the kernel reads for so many outputs; up to stride - 1 more is skipped.
            padding = (wanted[axis] - 1) * stride + extent - size
            padding = padding + stride - 1 if -stride < padding < 0 else padding
            if padding >= 0:
                found = taps, padding // 2, padding - padding // 2
                break
        if found is None:
            return None
        kernel[axis], sides[axis], sides[axis + 2] = found
    return replace(source, kernel=(kernel[0], kernel[1]), padding=Padding(*sides))


def with_drawn_constants(graph: Graph, seed: int) -> Graph:
    """Add integers that reach both ends of the output range and every sign."""
    rng = np.random.default_rng(seed)
    tensors = [replace(tensor, quantization=_quantization(rng)) for tensor in graph.inputs]
    constants: list[Constants] = []
    for stage in graph.stages:
        tensors.append(replace(stage.output, quantization=_quantization(rng)))
        constants.append(_constants(stage, rng))
    found = graph.with_tensors(tensors)
    stages = tuple(
        replace(stage, constants=ours) for stage, ours in zip(found.stages, constants, strict=True)
    )
    return replace(found, stages=stages)


def with_drawn_slopes(graph: Graph, seed: int) -> Graph:
    """Give negative sums of some stages a shift of their own, and a factor of either sign."""
    rng = np.random.default_rng(seed)
    stages = [_with_slopes(stage, rng) if rng.integers(2) else stage for stage in graph.stages]
    return replace(graph, stages=tuple(stages))


def _with_slopes(stage: Stage, rng: np.random.Generator) -> Stage:
    constants = stage.constants
    assert constants is not None
    slopes = rng.uniform(0, 1.5, stage.filters)
    if stage.spatial_pool == SpatialPool.NONE:
        slopes *= rng.choice([-1, 1], stage.filters)
    shift = rng.integers(2, 63, stage.filters)
    factors = constants.multiplier * slopes * np.exp2(shift - constants.shift.astype(float))
    most = int(constants.multiplier.max(initial=1))
    negative = np.clip(factors, -most, most).astype(np.int32)
    changed = replace(
        constants, negative_multiplier=negative, negative_shift=shift.astype(np.int32)
    )
    return replace(stage, constants=changed)


def _quantization(rng: np.random.Generator) -> Quantization:
    return Quantization(1.0, int(rng.integers(-128, 128)))


def _constants(stage: Stage, rng: np.random.Generator) -> Constants:
    low, high = weight_range(stage)
    every = [rng.integers(low, high, shape, endpoint=True) for shape in stage.weights_shapes]
    weights = tuple(
        drawn.astype(np.int8) if stage.weight_limbs == 1 else drawn.astype(np.int16)
        for drawn in every
    )
    # Spread the outputs over about twice the int8 range, so that both ends saturate.
    spread = 128 * (high + 1) * np.sqrt(stage.weight_count // stage.filters) / 3
    shift = rng.integers(2, 63, stage.filters)
    # Those that round twice are of files, whose factors have 31 bits.
    most = 2**31 - 1 if stage.rounding is Rounding.TWICE else 2**15 - 1
    multiplier = np.clip(256 / spread * np.exp2(shift.astype(float)), 0, most).astype(np.int32)
    slope = rng.uniform(0, 1, stage.filters)
    return Constants(
        weights=weights,
        bias=rng.integers(-int(spread), int(spread) + 1, stage.filters).astype(np.int32),
        multiplier=multiplier,
        negative_multiplier=multiplier
        if stage.leaky_slope is None
        else (multiplier * slope).astype(np.int32),
        shift=shift.astype(np.int32),
    )


def drawn_input(graph: Graph, seed: int) -> NDArray[np.int8]:
    """Return values of the one input of a graph, `x[C, H, W]`."""
    (values,) = drawn_inputs(graph, seed).values()
    return values


def drawn_inputs(graph: Graph, seed: int) -> dict[str, NDArray[np.int8]]:
    """Return values of every input of a graph, `x[C, H, W]`, by its name."""
    rng = np.random.default_rng(seed)
    return {
        tensor.name: rng.integers(-128, 128, astuple(tensor.shape)).astype(np.int8)
        for tensor in graph.inputs
    }


def in_memory(config: Config) -> Config:
    """Return a configuration whose maps all lie in memory, where tests and the bus see them."""
    return config.without_residency


def preset_with(name: str, /, **sections: Any) -> Config:
    """Return a preset with some keys of some sections replaced."""
    data = load_config(name).model_dump()
    for section, values in sections.items():
        if isinstance(values, dict):
            data[section] = data[section] | values
        else:
            data[section] = values
    return Config.model_validate(data)
