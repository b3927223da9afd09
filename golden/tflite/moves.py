"""Operators of TFLite's that move values, or interpolate between them."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.golden.tflite.fixed_point import Integers, clamped, float32, truncated_quotient
from hwsim.golden.tflite.quantities import quantization
from hwsim.graph import Shape, Tensor
from hwsim.graph.file_tensors import Element
from hwsim.graph.host_operators import Resize, ResizeBilinear, ResizeNearest
from hwsim.graph.operators import Axis, Concat, DepthToSpace, Pad, SpaceToDepth

Map = NDArray[np.int8]
AXES = {Axis.CHANNELS: 0, Axis.ROWS: 1, Axis.COLUMNS: 2}
Neighbours = tuple[Integers, Integers, NDArray[Any]]  # places and the weight of the second
WEIGHT_BITS = 10  # of the place between two pixels


def concat(operator: Concat, maps: list[Map]) -> Map:
    return np.concatenate(maps, AXES[operator.axis])


def pad(operator: Pad, x: Map, left: Tensor) -> Map:
    frame = operator.padding
    sides = (operator.channels, (frame.top, frame.bottom), (frame.left, frame.right))
    return np.pad(x, sides, constant_values=quantization(left).zero_point)


def reshape(x: Map, shape: Shape) -> Map:
    last = x.transpose(1, 2, 0).reshape(shape.height, shape.width, shape.channels)
    return np.ascontiguousarray(last.transpose(2, 0, 1))


def space_to_depth(operator: SpaceToDepth, x: Map) -> Map:
    channels, height, width = x.shape
    block = operator.block
    cut = x.reshape(channels, height // block, block, width // block, block)
    return cut.transpose(2, 4, 0, 1, 3).reshape(-1, height // block, width // block)


def depth_to_space(operator: DepthToSpace, x: Map) -> Map:
    channels, height, width = x.shape
    block = operator.block
    cut = x.reshape(block, block, channels // block**2, height, width)
    return cut.transpose(2, 3, 0, 4, 1).reshape(-1, height * block, width * block)


def resize_nearest(operator: ResizeNearest, x: Map) -> Map:
    """Return the nearest pixels, whose places are computed in float32."""
    rows = _nearest(operator, x.shape[1], operator.height)
    columns = _nearest(operator, x.shape[2], operator.width)
    return x[:, rows][:, :, columns]


def _nearest(operator: Resize, size: int, resized: int) -> list[int]:
    step = _step(operator, size, resized)
    offset = 0.5 if operator.half_pixel_centers else 0.0
    places = [float32((index + offset) * step) for index in range(resized)]
    rounded = (math.floor(p + 0.5) if operator.align_corners else math.floor(p) for p in places)
    return [max(0, min(place, size - 1)) for place in rounded]


def resize_bilinear(operator: ResizeBilinear, x: Map, element: Element) -> Map:
    """Return pixels between the four around them: int8 in integers, uint8 in float32."""
    if element is Element.UINT8:
        return _bilinear_float(operator, x)
    return _bilinear_integers(operator, x)


def _bilinear_integers(operator: ResizeBilinear, x: Map) -> Map:
    """Interpolate with 10 bits of place in either direction, halves away from 0."""
    rows = _between(operator, x.shape[1], operator.height)
    columns = _between(operator, x.shape[2], operator.width)
    one = np.int64(1 << WEIGHT_BITS)
    total = sum(_weighted(x.astype(np.int64), rows, columns, one), np.int64(0))
    half = np.where(total > 0, 1 << (2 * WEIGHT_BITS - 1), -(1 << (2 * WEIGHT_BITS - 1)))
    return clamped(truncated_quotient(total + half, 1 << (2 * WEIGHT_BITS)))


def _bilinear_float(operator: ResizeBilinear, x: Map) -> Map:
    """Interpolate the file's unsigned values, every step rounded to float32, halves up."""
    offset = Element.UINT8.offset
    rows = _between_float(operator, x.shape[1], operator.height)
    columns = _between_float(operator, x.shape[2], operator.width)
    values = (x.astype(np.int16) + offset).astype(np.float32)
    first, second, third, fourth = _weighted(values, rows, columns, np.float32(1))
    total = first + second + third + fourth + np.float32(0.5)
    return clamped(total.astype(np.int64) - offset)


def _weighted(
    values: NDArray[Any], rows: Neighbours, columns: Neighbours, one: Any
) -> Iterator[NDArray[Any]]:
    """Yield the four neighbours of each pixel, each times its weights."""
    top, below, row_weight = (each.reshape(-1, 1) for each in rows)
    first, second, column_weight = (each.reshape(1, -1) for each in columns)
    yield values[:, top, first] * (one - row_weight) * (one - column_weight)
    yield values[:, below, first] * row_weight * (one - column_weight)
    yield values[:, top, second] * (one - row_weight) * column_weight
    yield values[:, below, second] * row_weight * column_weight


def _between(operator: Resize, size: int, resized: int) -> Neighbours:
    """Return the two neighbours of each place, and the weight of the second in 1/1024."""
    one = 1 << WEIGHT_BITS
    step = (one * size + resized // 2) // resized
    if operator.align_corners and resized > 1:
        step = (one * (size - 1) + (resized - 1) // 2) // (resized - 1)
    places = np.arange(resized, dtype=np.int64) * step
    if operator.half_pixel_centers:
        places += step // 2 - one // 2
    low = np.maximum(truncated_quotient(places, one), 0)
    high = np.minimum(truncated_quotient(places + one - 1, one), size - 1)
    return low, high, places - low * one


def _between_float(operator: Resize, size: int, resized: int) -> Neighbours:
    """Return the two neighbours of each place, and the weight of the second, in float32."""
    step = np.float32(_step(operator, size, resized))
    places = np.arange(resized, dtype=np.float32)
    if operator.half_pixel_centers:
        half = np.float32(0.5)
        places = (places + half) * step - half
    else:
        places = places * step
    low = np.maximum(np.floor(places).astype(np.int64), 0)
    high = np.minimum(np.ceil(places).astype(np.int64), size - 1)
    return low, high, places - low.astype(np.float32)


def _step(operator: Resize, size: int, resized: int) -> float:
    """Return the pixels of the input from one output to the next, as float32."""
    is_aligned = operator.align_corners and resized > 1
    return float32((size - 1) / (resized - 1)) if is_aligned else float32(size / resized)
