"""How a layer's channels fall into blocks of lanes: the part of a schedule that needs no choice."""

from dataclasses import dataclass
from itertools import pairwise

from hwsim.arch.config import Config
from hwsim.graph import Layer

IMAGE_PIXEL_BYTES = 4


def ceil_div(value: int, divisor: int) -> int:
    return -(-value // divisor)


def split_evenly(length: int, largest: int) -> list[tuple[int, int]]:
    """Cut `length` into the fewest (start, size) pieces of at most `largest`, evenly."""
    count = ceil_div(length, largest)
    edges = [index * length // count for index in range(count + 1)]
    return [(start, stop - start) for start, stop in pairwise(edges)]


@dataclass(frozen=True)
class Blocking:
    """Blocks of one layer on one accelerator.

    An *output block* is the filters that the output lanes compute side by side; a *bundle* is the
    consecutive output blocks whose condensed channels fill a word together (or the one output block
    that fills several words, `bundle_words`).
    """

    packed: bool
    stored_blocks: int  # blocks of the input as it lies in memory and in the feature buffer
    reduction_blocks: int  # input blocks (or tap passes, with `packed`) that one tile reduces over
    weight_blocks: int  # weight blocks of one output block
    output_blocks: int
    bundle_blocks: int
    bundle_words: int
    weight_words: int  # words of one output block's weights, parameters included
    output_words: int  # stored blocks of the output

    def first_input_block(self, output_block: int) -> int:
        """First of the input blocks that an output block reduces over.

        All of them for a dense layer; for a depthwise one those of its own channels, moved back
        where the last output block is wider than what is left.
        """
        last = max(0, self.stored_blocks - self.reduction_blocks)
        return min(output_block * self.reduction_blocks, last)

    @property
    def bundles(self) -> int:
        return ceil_div(self.output_blocks, self.bundle_blocks)

    def input_row_words(self, columns: int, config: Config) -> int:
        """Words of one row of one stored input block, `columns` pixels wide."""
        if self.packed:
            return ceil_div(columns * IMAGE_PIXEL_BYTES, config.word_bytes)
        return columns


def is_packed(layer: Layer) -> bool:
    """An image's three channels leave lanes idle, so the taps of a 3x3 window fill them instead."""
    return layer.input.is_image and layer.kernel == (3, 3) and layer.groups == 1


def block_layer(layer: Layer, config: Config) -> Blocking:
    lanes_in, lanes_out = config.array.input_lanes, config.array.output_lanes
    channels, k = layer.input.shape.channels, layer.channel_pool
    packed = is_packed(layer)
    stored = 1 if packed else ceil_div(channels, lanes_in)
    if packed:
        reduction = ceil_div(channels * layer.taps, lanes_in)
        weight_blocks = reduction
    else:
        reduction = stored if layer.groups == 1 else min(stored, lanes_out // lanes_in)
        weight_blocks = reduction * layer.taps
    return Blocking(
        packed=packed,
        stored_blocks=stored,
        reduction_blocks=reduction,
        weight_blocks=weight_blocks,
        output_blocks=ceil_div(layer.filters, lanes_out),
        bundle_blocks=max(1, lanes_in * k // lanes_out),
        bundle_words=max(1, lanes_out // (lanes_in * k)),
        weight_words=weight_blocks * config.weight_block_words + config.parameter_words,
        output_words=ceil_div(layer.output.shape.channels, lanes_in),
    )
