"""The blocks of lanes into which a stage's channels fall, which need no choice of a schedule."""

from dataclasses import dataclass
from itertools import pairwise

from hwsim.arch.config import Config
from hwsim.graph import Stage

IMAGE_PIXEL_BYTES = 4


def ceil_div(value: int, divisor: int) -> int:
    return -(-value // divisor)


def split_evenly(length: int, largest: int) -> list[tuple[int, int]]:
    """Return the fewest (start, size) pieces of at most `largest` that cut `length` evenly."""
    count = ceil_div(length, largest)
    edges = [index * length // count for index in range(count + 1)]
    return [(start, stop - start) for start, stop in pairwise(edges)]


@dataclass(frozen=True)
class Blocking:
    """The blocks of one stage on one accelerator.

    An *output block* is the filters that the output lanes compute side by side; a *bundle* is the
    consecutive output blocks whose condensed channels fill a word together, or the one output block
    that fills several words.
    """

    packed: bool
    stored_blocks: int  # blocks of the input as it lies in memory and in the feature buffer
    reduction_blocks: int  # input blocks (or tap passes, with `packed`) that one tile reduces over
    weight_blocks: int  # weight blocks of one output block
    output_blocks: int
    bundle_blocks: int  # output blocks of one bundle
    bundle_words: int  # words that a bundle stores for each pixel
    weight_words: int  # words of one output block's weights, parameters included
    output_words: int  # stored blocks of the output

    def first_input_block(self, output_block: int) -> int:
        """Return the first of the input blocks that an output block reduces over.

        A dense stage reduces over all input blocks, a depthwise stage over those of the same
        channels. If the last output block is wider than the channels that are left, its input
        blocks begin earlier, so that they are as many as for the others.
        """
        last = max(0, self.stored_blocks - self.reduction_blocks)
        return min(output_block * self.reduction_blocks, last)

    @property
    def bundles(self) -> int:
        return ceil_div(self.output_blocks, self.bundle_blocks)

    def input_row_words(self, columns: int, config: Config) -> int:
        """Return the words of one row of one stored input block, `columns` pixels wide."""
        if self.packed:
            return ceil_div(columns * IMAGE_PIXEL_BYTES, config.word_bytes)
        return columns


def is_packed(stage: Stage) -> bool:
    """Return True if the taps of a 3x3 kernel window fill the input lanes.

    The three channels of an image would leave most lanes idle.
    """
    source = stage.sources[0]
    return source.tensor.is_image and source.kernel == (3, 3) and source.groups == 1


def block_stage(stage: Stage, config: Config) -> Blocking:
    """Return the blocks of a stage on an accelerator."""
    lanes_in, lanes_out = config.array.input_lanes, config.array.output_lanes
    source, k = stage.sources[0], stage.channel_pool
    channels = source.channels
    packed = is_packed(stage)
    stored = 1 if packed else ceil_div(channels, lanes_in)
    if packed:
        reduction = ceil_div(channels * source.taps, lanes_in)
        weight_blocks = reduction
    else:
        reduction = stored if source.groups == 1 else min(stored, lanes_out // lanes_in)
        weight_blocks = reduction * source.taps
    return Blocking(
        packed=packed,
        stored_blocks=stored,
        reduction_blocks=reduction,
        weight_blocks=weight_blocks,
        output_blocks=ceil_div(stage.filters, lanes_out),
        bundle_blocks=max(1, lanes_in * k // lanes_out),
        bundle_words=max(1, lanes_out // (lanes_in * k)),
        weight_words=weight_blocks * config.weight_block_words + config.parameter_words,
        output_words=ceil_div(stage.output.shape.channels, lanes_in),
    )
