"""The drain, from the sums of a finished tile to the bytes that staging holds."""

import numpy as np
from numpy.typing import NDArray

from hwsim.arch.config import Config
from hwsim.graph import Rounding
from hwsim.isa.descriptor import Compute
from hwsim.isa.parameters import FACTOR_BITS, factor_bits
from hwsim.machine.channel_pool import channel_pool
from hwsim.machine.rescale import rescale, unpack_parameters
from hwsim.machine.spatial_pool import spatial_pool
from hwsim.machine.table import table


def drain(
    tile: Compute,
    sums: NDArray[np.int64],
    parameter_words: NDArray[np.uint8],
    staging: NDArray[np.int8],
    config: Config,
) -> None:
    """Pool and rescale a tile's sums, and write them to staging."""
    bits = FACTOR_BITS if tile.wide_factors else factor_bits(config)
    words = config.parameter_words
    parameters = unpack_parameters(parameter_words[:words].reshape(-1), bits)
    largest = spatial_pool(sums.reshape(tile.rows, tile.columns, -1), tile)
    values = rescale(
        largest,
        parameters,
        tile.output_zero_point,
        Rounding(tile.rounding),
        (-128 + tile.clamp_low, 127 - tile.clamp_high),
    )
    values = channel_pool(values, 1 << tile.channel_pool)
    if tile.table:
        values = table(values, parameter_words[words:].reshape(-1))
    pixels = tile.pooled_rows * tile.pooled_columns
    lanes = config.word_bytes
    flat = values.reshape(pixels, -1)
    for plane in range(max(1, flat.shape[1] // lanes)):
        part = flat[:, plane * lanes : (plane + 1) * lanes]
        start = tile.staging_address + plane * pixels
        if tile.byte_offset == 0:
            staging[start : start + pixels] = 0
        columns = slice(tile.byte_offset, tile.byte_offset + part.shape[1])
        staging[start : start + pixels, columns] = part
