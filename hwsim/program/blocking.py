"""The blocks of lanes into which a stage's channels fall, which need no choice of a schedule."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.arch.config import Config
from hwsim.arch.packed import IMAGE_PIXEL_BYTES, has_packed_taps
from hwsim.graph import Graph, Source, Stage, Tensor
from hwsim.isa.fields import PAGE_DESCRIPTORS
from hwsim.program.kernel_parts import (
    KernelPart,
    can_be_chained,
    chained_parts,
    dense_parts,
    diagonal_parts,
    kernel_part,
)

PACKED_KERNEL = (3, 3)
SINGLE = (1, 1)


def ceil_div(value: int, divisor: int) -> int:
    return -(-value // divisor)


@dataclass(frozen=True)
class SourceBlocking:
    """The blocks of one source.

    Channels count from the first one of the block `first_block` of the tensor.
    """

    packed: bool
    diagonal: bool
    chained: bool
    first_block: int  # of the tensor's blocks: the first one that holds a channel of the source
    stored_blocks: int  # of the tensor, which lie in the feature buffer
    reduction_blocks: int  # input blocks (or tap passes, with `packed`) of one output block
    kernel_parts: tuple[KernelPart, ...]
    first_channel: int
    channels_per_group: int
    filters_per_group: int
    lanes_in: int
    lanes_out: int

    def first_input_block(self, output_block: int) -> int:
        """Return the first of the stored blocks that an output block reduces over.

        A dense source is reduced over all its blocks, a grouped one over those that hold the
        channels of the output block's groups. Every output block reduces over the same number of
        blocks; near the end they begin earlier, where fewer would do.
        """
        if self.packed or self.reduction_blocks == self.stored_blocks:
            return 0
        group = output_block * self.lanes_out // self.filters_per_group
        block = (self.first_channel + group * self.channels_per_group) // self.lanes_in
        return min(block, self.stored_blocks - self.reduction_blocks)

    def row_words(self, columns: int) -> int:
        """Return the words of one row of one stored block, `columns` pixels wide."""
        if self.packed:
            return ceil_div(columns * IMAGE_PIXEL_BYTES, self.lanes_in)
        return columns


MOST_COMPUTES_OF_A_LOAD = PAGE_DESCRIPTORS // 2


@dataclass(frozen=True)
class Blocking:
    """The blocks of one stage on one accelerator.

    An *output block* is the filters that the output lanes compute side by side; a *bundle* is the
    consecutive output blocks whose condensed channels fill a word together, or the one output block
    that fills several words.
    """

    sources: tuple[SourceBlocking, ...]
    output_blocks: int
    bundle_blocks: int  # output blocks of one bundle
    bundle_words: int  # words that a bundle stores for each pixel
    weight_limbs: int  # parts in which every weight is read
    weight_words: int  # words of one output block's weights, parameters and table included
    parameter_words: int  # of these, those of parameters and table
    output_words: int  # stored blocks of the output

    @property
    def bundles(self) -> int:
        return ceil_div(self.output_blocks, self.bundle_blocks)

    def least_issue_cycles(self, rows: int, columns: int) -> int:
        """Return the fewest cycles for which pixels of an output block keep the array."""
        return sum(
            part.weight_blocks * part.least_block_cycles(rows, columns)
            for part in self.kernel_parts
        )

    @property
    def computes_load_alone(self) -> bool:
        """True where each COMPUTE of a tile loads its weights itself, if the queue is too small.

        A load that waits for room must not keep back the page of the COMPUTEs that make it. Those
        of one load must be few, so that they are on the next page at the latest.
        """
        return len(self.kernel_parts) > 1 or self.bundle_blocks > MOST_COMPUTES_OF_A_LOAD

    @property
    def kernel_parts(self) -> list[KernelPart]:
        """The parts of all kernels, one for each COMPUTE of a tile of one output block."""
        parts = [part for source in self.sources for part in source.kernel_parts]
        return parts * self.weight_limbs


def is_packed(source: Source, config: Config) -> bool:
    """Return True if the taps of a 3x3 kernel window fill the input lanes.

    The three channels of an image would leave most lanes idle, unless a word is one pixel.
    """
    return (
        has_packed_taps(config)
        and source.tensor.is_image
        and source.kernel == PACKED_KERNEL
        and source.stride == source.dilation == SINGLE
        and source.upsample == source.groups == 1
        and not source.is_slice
    )


def is_diagonal(source: Source, filters: int, config: Config) -> bool:
    """Return True if output lanes see only their own channel, and their weights are its taps.

    A depthwise source is computed so where a filter's channel lies in the lane of the filter, which
    fewer output than input lanes do not reach. With one tap nothing would be saved.
    """
    lanes = config.array
    return (
        lanes.output_lanes >= lanes.input_lanes
        and source.is_depthwise
        and filters == source.channels
        and source.first_channel % lanes.input_lanes == 0
        and source.taps > 1
    )


def lies_packed(graph: Graph, tensor: Tensor, config: Config) -> bool:
    """Return True if a tensor lies in memory as an image, for those that read it packed."""
    sources = (source for stage in graph.stages for source in stage.sources)
    return tensor.is_image and any(
        each.tensor == tensor and is_packed(each, config) for each in sources
    )


def block_stage(stage: Stage, config: Config) -> Blocking:
    """Return the blocks of a stage on an accelerator.

    Its sources are chained where they all can be, as a tile has one order of its pixels, and where
    the array is busy for fewer cycles then.
    """
    blocking = _block_stage(stage, config, chained=False)
    if not all(
        own.diagonal and can_be_chained(source, config)
        for source, own in zip(stage.sources, blocking.sources, strict=True)
    ):
        return blocking
    chained = _block_stage(stage, config, chained=True)
    size = stage.convolution_shape.height, stage.convolution_shape.width
    return min(blocking, chained, key=lambda blocks: blocks.least_issue_cycles(*size))


def _block_stage(stage: Stage, config: Config, chained: bool) -> Blocking:
    lanes_in, lanes_out = config.array.input_lanes, config.array.output_lanes
    k = stage.channel_pool
    sources = tuple(
        _block_source(source, stage.filters, config, chained) for source in stage.sources
    )
    parameter_words = config.parameter_words
    if stage.table is not None:
        parameter_words += config.table_words
    return Blocking(
        sources,
        output_blocks=ceil_div(stage.filters, lanes_out),
        bundle_blocks=max(1, lanes_in * k // lanes_out),
        bundle_words=max(1, lanes_out // (lanes_in * k)),
        weight_limbs=stage.weight_limbs,
        weight_words=(
            stage.weight_limbs
            * sum(part.weight_words for source in sources for part in source.kernel_parts)
            + parameter_words
        ),
        parameter_words=parameter_words,
        output_words=ceil_div(stage.output.shape.channels, lanes_in),
    )


def padding_values(stage: Stage, config: Config) -> NDArray[np.int8]:
    """Return what the channels hold that fill up the last word of a stored pixel.

    Output lanes without a filter store a value, too; bytes for which there is no lane hold 0.
    """
    blocking, channels = block_stage(stage, config), stage.output.shape.channels
    filled = blocking.output_blocks * config.array.output_lanes // stage.channel_pool
    values = np.zeros(blocking.output_words * config.array.input_lanes, np.int8)
    values[:filled] = stage.padding_value
    return values[channels:]


def _block_source(source: Source, filters: int, config: Config, chained: bool) -> SourceBlocking:
    lanes_in, lanes_out = config.array.input_lanes, config.array.output_lanes
    packed, diagonal = is_packed(source, config), is_diagonal(source, filters, config)
    first_block, first_channel = divmod(source.first_channel, lanes_in)
    if packed:
        stored = 1
        reduction = ceil_div(source.channels * source.taps, lanes_in)
    else:
        stored = ceil_div(first_channel + source.channels, lanes_in)
        reduction = _reduction_blocks(source, filters, config, first_channel)
    parts: tuple[KernelPart, ...]
    if packed:
        whole = (0, source.kernel[0]), (0, source.kernel[1])
        parts = (kernel_part(*whole, weight_blocks=reduction, taps_per_block=1, config=config),)
    elif chained:
        parts = chained_parts(source, reduction, config)
    elif diagonal:
        parts = diagonal_parts(source.kernel, reduction, config)
    else:
        parts = dense_parts(source.kernel, reduction, config)
    return SourceBlocking(
        packed,
        diagonal,
        chained,
        first_block,
        stored,
        reduction,
        parts,
        first_channel=first_channel,
        channels_per_group=source.channels // source.groups,
        filters_per_group=filters // source.groups,
        lanes_in=lanes_in,
        lanes_out=lanes_out,
    )


def _reduction_blocks(source: Source, filters: int, config: Config, first_channel: int) -> int:
    """Return the most stored blocks that hold all channels of one output block's filters."""
    lanes_in, lanes_out = config.array.input_lanes, config.array.output_lanes
    if source.groups == 1:
        return ceil_div(first_channel + source.channels, lanes_in)
    channels, per_group = source.channels // source.groups, filters // source.groups
    most = 0
    for first in range(0, filters, lanes_out):
        last = min(first + lanes_out, filters) - 1
        first_read = first_channel + first // per_group * channels
        last_read = first_channel + (last // per_group + 1) * channels - 1
        most = max(most, last_read // lanes_in - first_read // lanes_in + 1)
    return most
