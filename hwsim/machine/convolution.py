"""The arithmetic of the array: the kernel windows of a tile times its weights."""

from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from hwsim.isa.descriptor import Compute
from hwsim.program.blocking import IMAGE_PIXEL_BYTES

# All fields that `gather` reads: tiles that agree in them read the same kernel windows.
WINDOW_FIELDS = (
    "buffer_address",
    "buffer_block_words",
    "row_words",
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
    "blocks",
    "packed",
)
window_of = attrgetter(*WINDOW_FIELDS)

EXACT_FLOAT32_PRODUCTS = 1024  # at most 2**14 each, so that their sum is exact in float32 (2**24)


def gather(features: NDArray[np.int8], tile: Compute, image_channels: int) -> NDArray[np.float32]:
    """Return a tile's kernel windows `[pixels, reduction]`, in the order of the weights' words.

    `features[words, I]` is the feature buffer. A tap outside the input reads the zero point. With
    `packed`, the reduction has the taps in (row, column, channel) order, then fills the last tap
    pass with zeros.
    """
    region = _packed_region(features, tile) if tile.packed else _region(features, tile)
    size = (tile.kernel_rows, tile.kernel_columns)
    windows = np.lib.stride_tricks.sliding_window_view(region, size, axis=(1, 2))
    # [blocks, rows, columns, lanes, R, S] -> [rows, columns, blocks, R, S, lanes]
    if tile.packed:
        windows = windows[:, :, :, :image_channels]
    ordered = windows.transpose(1, 2, 0, 4, 5, 3)
    patches = ordered.reshape(tile.rows * tile.columns, -1).astype(np.float32)
    if tile.packed:
        lanes = features.shape[1]
        patches = np.pad(patches, ((0, 0), (0, tile.blocks * lanes - patches.shape[1])))
    return patches


def _inside(first: int, count: int, size: int) -> slice:
    """Return the part of `count` positions from `first` on that lies inside 0..size-1."""
    return slice(min(max(0, -first), count), max(0, min(count, size - first)))


def _region(features: NDArray[np.int8], tile: Compute) -> NDArray[np.int8]:
    """Return the input pixels of a tile, each once: `[blocks, rows, columns, lanes]`."""
    height = tile.rows + tile.kernel_rows - 1
    width = tile.columns + tile.kernel_columns - 1
    lanes = features.shape[1]
    region = np.full((tile.blocks, height, width, lanes), tile.input_zero_point, np.int8)
    rows = _inside(tile.top, height, tile.input_height)
    columns = _inside(tile.left, width, tile.input_width)
    ring = (tile.ring_row + np.arange(rows.start, rows.stop)) % tile.ring_rows
    column = tile.left - tile.column_origin + np.arange(columns.start, columns.stop)
    block = tile.buffer_address + np.arange(tile.blocks) * tile.buffer_block_words
    words = block[:, None, None] + (ring * tile.row_words)[:, None] + column
    region[:, rows, columns] = features[words]
    return region


def _packed_region(features: NDArray[np.int8], tile: Compute) -> NDArray[np.int8]:
    """Return the same from an image's rows of 4-byte pixels: `[1, rows, columns, 4]`."""
    height = tile.rows + tile.kernel_rows - 1
    width = tile.columns + tile.kernel_columns - 1
    region = np.full((1, height, width, IMAGE_PIXEL_BYTES), tile.input_zero_point, np.int8)
    rows = _inside(tile.top, height, tile.input_height)
    columns = _inside(tile.left, width, tile.input_width)
    pixels_per_word = features.shape[1] // IMAGE_PIXEL_BYTES
    pixels = features.reshape(-1, IMAGE_PIXEL_BYTES)
    ring = (tile.ring_row + np.arange(rows.start, rows.stop)) % tile.ring_rows
    row = (tile.buffer_address + ring * tile.row_words) * pixels_per_word
    column = tile.left - tile.column_origin + np.arange(columns.start, columns.stop)
    region[0, rows, columns] = pixels[row[:, None] + column]
    return region


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
