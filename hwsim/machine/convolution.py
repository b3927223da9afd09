"""The arithmetic of the array: the kernel windows of a tile times its weights."""

from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from hwsim.arch.packed import IMAGE_PIXEL_BYTES
from hwsim.graph.check import IMAGE_CHANNELS
from hwsim.isa.descriptor import Compute

# All fields that `gather` reads: tiles that agree in them read the same kernel windows.
WINDOW_FIELDS = (
    "first_line",
    "buffer_block_words",
    "ring_row",
    "ring_rows",
    "top",
    "left",
    "column_origin",
    "input_height",
    "input_width",
    "input_zero_point",
    "rows",
    "columns",
    "kernel_rows",
    "kernel_columns",
    "stride_rows",
    "stride_columns",
    "stride_words",
    "stride_wrap_words",
    "dilation_rows",
    "dilation_columns",
    "dilation_words",
    "upsample",
    "blocks",
    "packed",
)
window_of = attrgetter(*WINDOW_FIELDS)

EXACT_FLOAT32_PRODUCTS = 1024  # at most 2**14 each, so that their sum is exact in float32 (2**24)


@dataclass(frozen=True)
class _Taps:
    """The taps of a tile along one axis, an entry for each position and tap."""

    position: NDArray[np.int64]  # in the input as the taps see it, `[positions, taps]`
    inside: NDArray[np.bool_]  # False where the tap reads the zero point


def gather(features: NDArray[np.int8], tile: Compute) -> NDArray[np.float32]:
    """Return a tile's kernel windows `[pixels, reduction]`, in the order of the weights' words.

    `features[words, I]` is the feature buffer. A tap outside the input reads the zero point. With
    `packed`, the reduction has the taps in (row, column, channel) order, then fills the last tap
    pass with zeros.
    """
    pixels_per_word = features.shape[1] // IMAGE_PIXEL_BYTES if tile.packed else 1
    inside, place = places(tile, pixels_per_word)
    values = features
    if tile.packed:
        values = features.reshape(-1, IMAGE_PIXEL_BYTES)[:, :IMAGE_CHANNELS]
    # [rows, columns, blocks, R, S, lanes]
    windows = values[np.where(inside, place, 0)]
    windows = np.where(inside[..., None], windows, np.int8(tile.input_zero_point))
    patches = windows.reshape(tile.rows * tile.columns, -1).astype(np.float32)
    if tile.packed:
        lanes = features.shape[1]
        patches = np.pad(patches, ((0, 0), (0, tile.blocks * lanes - patches.shape[1])))
    return patches


def places(tile: Compute, pixels_per_word: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return, for each tap, if it is inside the input, and its place in the buffer in pixels.

    Both are `[rows, columns, blocks, R, S]`, the first with one entry for all blocks.
    """
    rows = _taps(tile.top, tile.rows, tile.stride_rows, tile.kernel_rows, tile.dilation_rows,
                 tile.input_height)  # fmt: skip
    columns = _taps(tile.left, tile.columns, tile.stride_columns, tile.kernel_columns,
                    tile.dilation_columns, tile.input_width)  # fmt: skip
    inside = rows.inside[:, None, None, :, None] & columns.inside[None, :, None, None, :]
    line = _lines(tile)[:, None, None, :, None] * pixels_per_word
    column = (columns.position - tile.column_origin)[None, :, None, None, :] >> tile.upsample
    blocks = 1 if tile.packed else tile.blocks
    block = (np.arange(blocks) * tile.buffer_block_words)[None, None, :, None, None]
    return inside, line + block + column


def _taps(first: int, count: int, stride: int, taps: int, dilation: int, size: int) -> _Taps:
    position = first + np.arange(count)[:, None] * stride + np.arange(taps) * dilation
    return _Taps(position, (position >= 0) & (position < size))


def _lines(tile: Compute) -> NDArray[np.int64]:
    """Return where the row of each pixel's tap begins in the buffer: words `[rows, R]`."""
    rows, taps = np.arange(tile.rows)[:, None], np.arange(tile.kernel_rows)
    if tile.upsample:  # strides and dilations are 1
        steps = (tile.top + rows + taps >> 1) - (tile.top >> 1)
        moved = steps * tile.stride_words
    else:
        steps = rows * tile.stride_rows + taps * tile.dilation_rows
        moved = rows * tile.stride_words + taps * tile.dilation_words
    ring_words = tile.stride_words + tile.stride_wrap_words
    line: NDArray[np.int64] = (
        tile.first_line + moved - (tile.ring_row + steps) // tile.ring_rows * ring_words
    )
    return line


def unpack_weights(
    data: NDArray[np.uint8], bits: int, output_lanes: int, input_lanes: int
) -> NDArray[np.float32]:
    """Return the weight words of one tile as `[reduction, O]`."""
    if bits == 8:
        values = data.view(np.int8)
    else:
        values = np.empty(2 * data.size, np.int8)
        values[0::2] = (data << 4).view(np.int8) >> 4
        values[1::2] = data.view(np.int8) >> 4
    blocks = values.reshape(-1, output_lanes, input_lanes)
    return blocks.transpose(0, 2, 1).reshape(-1, output_lanes).astype(np.float32)


def accumulate(patches: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the exact product `[pixels, O]` of `[pixels, reduction]` and `[reduction, O]`."""
    total = np.zeros((len(patches), weights.shape[1]), np.float64)
    for start in range(0, len(weights), EXACT_FLOAT32_PRODUCTS):
        part = slice(start, start + EXACT_FLOAT32_PRODUCTS)
        total += patches[:, part] @ weights[part]
    return total.astype(np.int64)


def accumulate_diagonal(
    tile: Compute, patches: NDArray[np.float32], weights: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return the exact sums `[pixels, O]` where each output lane sees its own channel only.

    That is the channel of the lane's number modulo I. Of the I weights of a lane in a block
    `[blocks x I, O]`, the first are those of the taps.
    """
    pixels, lanes_out = len(patches), weights.shape[1]
    taps = tile.kernel_rows * tile.kernel_columns
    windows = patches.reshape(pixels, tile.blocks, taps, -1)
    lanes_in = windows.shape[-1]
    of_taps = weights.reshape(tile.blocks, lanes_in, -1, lanes_in)[:, :taps]
    sums: NDArray[np.float64] = np.einsum("pbtl,btrl->prl", windows, of_taps, dtype=np.float64)
    return sums.reshape(pixels, lanes_out).astype(np.int64)
