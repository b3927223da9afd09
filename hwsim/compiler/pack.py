"""Conversion of weights, parameters and features into bytes in memory, and of features back.

The formats are those of `docs/architecture.md`, "Memory formats".
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.arch.config import PARAMETER_BYTES, TABLE_BYTES, Config
from hwsim.arch.packed import IMAGE_PIXEL_BYTES
from hwsim.errors import InputError
from hwsim.fixed_point import SMALLEST_SHIFT
from hwsim.graph import Constants, Shape, Source, Stage
from hwsim.graph.check_constants import weight_range
from hwsim.isa.parameters import FACTOR_BITS, LEAST_WIDE_SHIFT, RECORD
from hwsim.program.blocking import SourceBlocking, block_stage, ceil_div
from hwsim.program.drain_reads import has_wide_factors

INT32_HIGH = 2**31 - 1
LARGEST_FACTOR = (1 << FACTOR_BITS) - 1


def pack_weights(stage: Stage, config: Config) -> bytes:
    """Return a stage's weights, parameters and table in the order in which they are read.

    Raises `InputError` with the stage's name if a weight exceeds its width or an accumulator could
    overflow.
    """
    constants = stage.constants
    assert constants is not None
    blocking = block_stage(stage, config)
    lanes_out = config.array.output_lanes
    _check_weights(stage, constants, config)
    bias = folded_bias(stage, constants)
    values = [
        _weight_blocks(source, weights, own, blocking.output_blocks).reshape(
            blocking.output_blocks, -1
        )
        for limb in reversed(range(stage.weight_limbs))
        for source, weights, own in zip(
            stage.sources,
            [limb_of(weights, limb, stage) for weights in constants.weights],
            blocking.sources,
            strict=True,
        )
    ]
    weights = _pack_integers(np.concatenate(values, axis=1), config.widths.weight_bits)
    least_shift = LEAST_WIDE_SHIFT if has_wide_factors(stage, config) else SMALLEST_SHIFT
    parameters = _parameters(stage, bias, blocking.output_blocks * lanes_out, least_shift)
    parameters = parameters.reshape(blocking.output_blocks, lanes_out * PARAMETER_BYTES)
    parts = [weights, parameters]
    if stage.table is not None:
        table = np.array(stage.table, np.int8).view(np.uint8)
        parts.append(np.broadcast_to(table, (blocking.output_blocks, TABLE_BYTES)))
    return np.concatenate(parts, axis=1).tobytes()


def limb_of(weights: NDArray[np.signedinteger[Any]], limb: int, stage: Stage) -> NDArray[np.int8]:
    """Return number `limb` of the limbs of weights, from the lowest, 0.

    Each limb is a signed integer of `weight_bits`, and the weights are the sum of
    limb x 2**(limb's number x weight_bits).
    """
    bits = stage.weight_bits
    half = 1 << (bits - 1)
    rest = weights.astype(np.int32)
    for _ in range(limb):
        rest = (rest + half) >> bits  # what the lower limb leaves
    if limb < stage.weight_limbs - 1:
        rest = ((rest + half) & ((1 << bits) - 1)) - half
    return rest.astype(np.int8)


def folded_bias(stage: Stage, constants: Constants) -> NDArray[np.int64]:
    """Return bias - sum of zero_point x weights, `[K]`, having proved that int32 cannot overflow.

    No partial sum exceeds fan-in x 128 x max|w|, added up over the sources; the folded bias is
    added at the end. While only the higher limbs are summed, a sum is off by what the lower limb
    adds: at most half of its range for each weight.
    """
    bias: NDArray[np.int64] = constants.bias.astype(np.int64)
    bound = 0
    terms: list[str] = []
    for source, array in zip(stage.sources, constants.weights, strict=True):
        weights = array.astype(np.int64)
        bias = bias - source.tensor.zero_point * weights.sum(axis=(1, 2, 3))
        largest = int(np.abs(weights).max(initial=0))
        if stage.weight_limbs > 1:
            largest += 1 << (stage.weight_bits - 1)
        fan_in = math.prod(source.outer.weights_shape(filters=1))
        bound += fan_in * 128 * largest
        terms.append(f"fan-in {fan_in} x 128 x max|w|")
    bound += int(np.abs(bias).max(initial=0))
    if bound > INT32_HIGH:
        raise InputError(
            f"layer {stage.name}: an accumulator could reach {bound}, int32 ends at {INT32_HIGH} "
            f"({' + '.join(terms)} + |folded bias|)"
        )
    return bias


def _check_weights(stage: Stage, constants: Constants, config: Config) -> None:
    """Raise `InputError` for a weight that this configuration cannot hold."""
    low, high = weight_range(stage)
    for values in constants.weights:
        outside = values[(values < low) | (values > high)]
        if outside.size:
            raise InputError(
                f"layer {stage.name}: weight {outside[0]} is outside {low}..{high}, "
                f"the range of widths.weight_bits = {config.widths.weight_bits}"
            )


def _weight_blocks(
    source: Source, weights: NDArray[np.int8], own: SourceBlocking, outputs: int
) -> NDArray[np.int8]:
    """Return weights `[output blocks, weight blocks, O, I]` in order; padding lanes are zero."""
    filters, channels, rows, columns = weights.shape
    lanes_in, lanes_out, reduction = own.lanes_in, own.lanes_out, own.reduction_blocks
    if own.packed:
        taps = np.zeros((outputs * lanes_out, reduction * lanes_in), np.int8)
        taps[:filters, : channels * rows * columns] = weights.transpose(0, 2, 3, 1).reshape(
            filters, -1
        )
        split = taps.reshape(outputs, lanes_out, reduction, lanes_in)
        return split.transpose(0, 2, 1, 3)
    if own.diagonal:
        return _diagonal_blocks(weights, own, outputs)
    dense = np.zeros((outputs * lanes_out, reduction * lanes_in, rows, columns), np.int8)
    if source.groups == 1:
        dense[:filters, own.first_channel : own.first_channel + channels] = weights
    else:
        index = np.arange(filters)
        first_blocks = np.array([own.first_input_block(block) for block in range(outputs)])
        first = own.first_channel + index // own.filters_per_group * channels
        lane = first - first_blocks[index // lanes_out] * lanes_in
        dense[index[:, None], lane[:, None] + np.arange(channels)] = weights
    split = dense.reshape(outputs, lanes_out, reduction, lanes_in, rows, columns)
    ordered = split.transpose(0, 2, 4, 5, 1, 3)
    return np.concatenate(
        [
            ordered[:, :, part.rows, part.columns].reshape(outputs, -1, lanes_out, lanes_in)
            for part in own.kernel_parts
        ],
        axis=1,
    )


def _diagonal_blocks(
    weights: NDArray[np.int8], own: SourceBlocking, outputs: int
) -> NDArray[np.int8]:
    """Return the weight blocks `[output blocks, weight blocks, O, I]` of a diagonal source.

    In that of its own input block, lane s has the taps of its filter; in all others it has zeros.
    """
    lanes_in, lanes_out = own.lanes_in, own.lanes_out
    output_block, lane = np.divmod(np.arange(len(weights)), lanes_out)
    first_blocks = np.array([own.first_input_block(block) for block in range(outputs)])
    stored_block = (own.first_channel + np.arange(len(weights))) // lanes_in
    block = stored_block - first_blocks[output_block]
    parts: list[NDArray[np.int8]] = []
    for part in own.kernel_parts:
        window = weights[:, 0, part.rows, part.columns].copy()
        window[:, : part.repeated[0]] = 0
        window[:, :, : part.repeated[1]] = 0
        taps = window.reshape(len(weights), -1)
        found = np.zeros((outputs, own.reduction_blocks, lanes_out, lanes_in), np.int8)
        found[output_block, block, lane, : taps.shape[1]] = taps
        parts.append(found)
    return np.concatenate(parts, axis=1)


def _pack_integers(values: NDArray[np.int8], bits: int) -> NDArray[np.uint8]:
    """Return integers of 8 or 4 bits as bytes; of two nibbles, the first is the low one."""
    raw = np.ascontiguousarray(values).view(np.uint8)
    if bits == 8:
        return raw
    nibbles: NDArray[np.uint8] = np.bitwise_or(raw[..., 0::2] & 0xF, raw[..., 1::2] << 4)
    return nibbles


def _parameters(
    stage: Stage, bias: NDArray[np.int64], lanes: int, least_shift: int
) -> NDArray[np.uint8]:
    """Return the records `[lanes, 16]`; the bias of a padding lane makes its output 0.

    Where a shift is below the least one, it and its factor grow alike. A factor that has no room
    for that is above 2**14 and becomes the largest: either saturates whatever is not 0.
    """
    constants = stage.constants
    assert constants is not None
    filters = len(bias)
    records = np.zeros(lanes, RECORD)
    records["bias"] = -(stage.added_offset << least_shift)
    records["multiplier"] = records["negative_multiplier"] = 1
    records["shift"] = least_shift
    own = records[:filters]
    own["bias"] = bias
    own["multiplier"], own["shift"] = _grown(constants.multiplier, constants.shift, least_shift)
    below_0 = constants.negative_multiplier
    factors, shifts = _grown(np.abs(below_0), constants.shift_below_0, least_shift)
    own["negative_multiplier"], own["negative_sign"] = factors, below_0 < 0
    own["negative_shift"] = np.where(shifts == own["shift"], 0, shifts)
    return records.view(np.uint8).reshape(lanes, PARAMETER_BYTES)


def image_row_bytes(width: int, config: Config) -> int:
    """Return the bytes of one row of an image, filled up to whole words."""
    return ceil_div(width * IMAGE_PIXEL_BYTES, config.word_bytes) * config.word_bytes


def tensor_bytes(shape: Shape, packed: bool, config: Config) -> int:
    """Return the size of a stored tensor, padding channels included."""
    if packed:
        return shape.height * image_row_bytes(shape.width, config)
    blocks = ceil_div(shape.channels, config.array.input_lanes)
    return blocks * shape.height * shape.width * config.word_bytes


def pack_image(image: NDArray[np.int8], config: Config) -> bytes:
    """Return an image `x[C, H, W]` with C = 3 as `[H][W][4]`, each row filled up to whole words."""
    channels, height, width = image.shape
    rows = np.zeros((height, image_row_bytes(width, config)), np.int8)
    pixels = rows[:, : width * IMAGE_PIXEL_BYTES].reshape(height, width, IMAGE_PIXEL_BYTES)
    pixels[:, :, :channels] = image.transpose(1, 2, 0)
    return rows.tobytes()


def pack_features(
    features: NDArray[np.int8], config: Config, padding: NDArray[np.int8] | None = None
) -> bytes:
    """Return features `x[C, H, W]` as `[C/I][H][W][I]`.

    Channels past C hold `padding`, which is 0 unless it is given.
    """
    channels, height, width = features.shape
    lanes = config.array.input_lanes
    blocks = ceil_div(channels, lanes)
    padded = np.zeros((blocks * lanes, height, width), np.int8)
    padded[:channels] = features
    if padding is not None:
        padded[channels:] = padding[:, None, None]
    return padded.reshape(blocks, lanes, height, width).transpose(0, 2, 3, 1).tobytes()


def unpack_features(data: bytes, shape: Shape, config: Config) -> NDArray[np.int8]:
    """Return `x[C, H, W]`, the inverse of `pack_features`, without padding channels."""
    return unpack_padded_features(data, shape, config)[: shape.channels]


def unpack_padded_features(data: bytes, shape: Shape, config: Config) -> NDArray[np.int8]:
    """Return the inverse of `pack_features` with its padding channels."""
    lanes = config.array.input_lanes
    blocks = ceil_div(shape.channels, lanes)
    words = np.frombuffer(data, np.int8).reshape(blocks, shape.height, shape.width, lanes)
    return words.transpose(0, 3, 1, 2).reshape(blocks * lanes, shape.height, shape.width)


def _grown(
    factors: NDArray[np.int32], shifts: NDArray[np.int32], least_shift: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return factors and their shifts, of which none is below the least one."""
    grown = factors.astype(np.int64) << np.maximum(least_shift - shifts, 0)
    return np.minimum(grown, LARGEST_FACTOR), np.maximum(shifts, least_shift)
