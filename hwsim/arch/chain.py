"""The geometry of chained taps, which model and `rtl/` share: nine taps of a channel at a time."""

from hwsim.arch.config import Config

CHAINED_KERNEL = 3  # rows and columns of the taps that a chained COMPUTE takes at a time
CHAINED_TAPS = CHAINED_KERNEL**2
STRIP_ROWS = 4  # rows of the input that are walked over side by side
STRIP_STEP = STRIP_ROWS - CHAINED_KERNEL + 1  # input rows from a strip to the next


def has_chain(config: Config) -> bool:
    """Return True if the array computes nine taps of a diagonal source at a time."""
    array = config.array
    return CHAINED_TAPS <= array.input_lanes <= array.output_lanes


def strip_cycles(rows: int, columns: int, stride: tuple[int, int]) -> int:
    """Return the cycles of a weight block with `chained`, for a tile of this size.

    A strip of the input is read column by column, a word per cycle. With a stride of 1 it makes two
    rows of the tile, with a stride of 2 one. The first two columns only fill the chain. A block
    ends with its last pixel, which is a cycle earlier where the last strip makes one row.
    """
    rows_of_strip = STRIP_STEP // stride[0]
    strips = -(-rows // rows_of_strip)
    columns_read = (columns - 1) * stride[1] + CHAINED_KERNEL
    return strips * columns_read * STRIP_ROWS - (strips * rows_of_strip > rows or stride[0] > 1)


def least_strip_cycles(rows: int, columns: int, stride: tuple[int, int]) -> int:
    """Return the fewest cycles of so many pixels, in however many tiles: one for each strip."""
    one_row_each = rows - 1 if stride[0] > 1 else 0
    return strip_cycles(rows, columns, stride) - one_row_each
