"""The parts of a kernel that a COMPUTE takes each, and the cycles that they keep the array."""

from dataclasses import dataclass
from itertools import pairwise

from hwsim.arch.chain import CHAINED_KERNEL, has_chain, least_strip_cycles, strip_cycles
from hwsim.arch.config import Config
from hwsim.graph import Source
from hwsim.isa.descriptor import FIELDS
from hwsim.isa.fields import Opcode
from hwsim.isa.rules import LARGEST_CHAINED_STRIDE

# The most rows or columns of taps that a COMPUTE has fields for.
MOST_TAPS = next(field.high for field in FIELDS[Opcode.COMPUTE] if field.name == "kernel_rows")


def split_evenly(length: int, largest: int) -> list[tuple[int, int]]:
    """Return the fewest (start, size) pieces of at most `largest` that cut `length` evenly."""
    count = -(-length // largest)
    edges = [index * length // count for index in range(count + 1)]
    return [(start, stop - start) for start, stop in pairwise(edges)]


@dataclass(frozen=True)
class KernelPart:
    """The taps of a kernel that one COMPUTE takes: so many from tap `first` on, (row, column)."""

    first: tuple[int, int]
    kernel: tuple[int, int]
    weight_blocks: int  # of one output block
    weight_words: int  # words of these
    taps_per_block: int  # taps that the array computes one after the other with one weight block
    repeated: tuple[int, int] = (0, 0)  # first rows and columns that an earlier part has computed
    chain_stride: tuple[int, int] | None = None  # of a chained source

    @property
    def rows(self) -> slice:
        return slice(self.first[0], self.first[0] + self.kernel[0])

    @property
    def columns(self) -> slice:
        return slice(self.first[1], self.first[1] + self.kernel[1])

    def block_cycles(self, rows: int, columns: int) -> int:
        """Return the cycles that one of its weight blocks keeps the array for so many pixels."""
        if self.chain_stride is not None:
            return strip_cycles(rows, columns, self.chain_stride)
        return self.taps_per_block * rows * columns

    def least_block_cycles(self, rows: int, columns: int) -> int:
        """Return those cycles for pixels that any number of tiles may share."""
        if self.chain_stride is not None:
            return least_strip_cycles(rows, columns, self.chain_stride)
        return self.block_cycles(rows, columns)


def can_be_chained(source: Source, config: Config) -> bool:
    """Return True if a diagonal source's taps can be computed nine at a time, in strips."""
    return (
        has_chain(config)
        and min(source.kernel) >= CHAINED_KERNEL
        and max(source.stride) <= LARGEST_CHAINED_STRIDE
        and source.dilation == (1, 1)
        and source.upsample == 1
    )


def dense_parts(kernel: tuple[int, int], reduction: int, config: Config) -> tuple[KernelPart, ...]:
    """Return the fewest parts of a kernel for whose sides a COMPUTE has fields."""
    rows, columns = (split_evenly(side, MOST_TAPS) for side in kernel)
    return tuple(
        kernel_part(row, column, reduction * row[1] * column[1], 1, config)
        for row in rows
        for column in columns
    )


def diagonal_parts(
    kernel: tuple[int, int], reduction: int, config: Config
) -> tuple[KernelPart, ...]:
    """Return the fewest parts of a kernel that have no more taps than there are input lanes."""
    lanes = config.array.input_lanes
    cuts = [
        (split_evenly(kernel[0], height), split_evenly(kernel[1], min(lanes // height, MOST_TAPS)))
        for height in range(1, min(lanes, MOST_TAPS) + 1)
    ]
    rows, columns = min(cuts, key=lambda cut: len(cut[0]) * len(cut[1]))
    return tuple(
        kernel_part(row, column, reduction, row[1] * column[1], config)
        for row in rows
        for column in columns
    )


def chained_parts(source: Source, reduction: int, config: Config) -> tuple[KernelPart, ...]:
    """Return the fewest 3x3 parts of a kernel; the last ones overlap those before."""
    rows, columns = (
        [(min(start, side - CHAINED_KERNEL), start) for start in range(0, side, CHAINED_KERNEL)]
        for side in source.kernel
    )
    return tuple(
        KernelPart(
            (row, column),
            (CHAINED_KERNEL, CHAINED_KERNEL),
            reduction,
            reduction * config.weight_block_words,
            taps_per_block=1,
            repeated=(next_row - row, next_column - column),
            chain_stride=source.stride,
        )
        for row, next_row in rows
        for column, next_column in columns
    )


def kernel_part(
    rows: tuple[int, int],
    columns: tuple[int, int],
    weight_blocks: int,
    taps_per_block: int,
    config: Config,
) -> KernelPart:
    """Return the part of these (first, number) of rows and columns of taps."""
    (row, height), (column, width) = rows, columns
    weight_words = weight_blocks * config.weight_block_words
    return KernelPart((row, column), (height, width), weight_blocks, weight_words, taps_per_block)
