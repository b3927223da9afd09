"""Records of the host's part in C, and the maps that tests hand to it."""

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.golden.tflite.quantities import limits, quantization
from hwsim.graph import Quantization, Shape, Tensor
from hwsim.graph.operators import Activation

QUANTIZED = tuple(each for each in Activation if each is not Activation.LEAKY)


def pointer(x: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(x.ctypes.data)


def tensor(scale: float, zero_point: int, channels: int = 1, pixels: int = 1) -> Tensor:
    shape = Shape(channels, pixels, 1)
    return Tensor("x", shape, quantization=Quantization(float(np.float32(scale)), zero_point))


class MapInC(ctypes.Structure):
    _fields_ = (
        ("rows", ctypes.c_uint32),
        ("columns", ctypes.c_uint32),
        ("channels", ctypes.c_uint32),
    )


def arranged(x: NDArray[np.int8]) -> tuple[NDArray[np.int8], MapInC]:
    """Return a map `x[C, H, W]` as C has it, channels innermost, and its size."""
    channels, rows, columns = x.shape
    return np.ascontiguousarray(x.transpose(1, 2, 0)), MapInC(rows, columns, channels)


class ReadInC(ctypes.Structure):
    _fields_ = (
        ("values", ctypes.c_void_p),
        ("of", MapInC),
        ("scale", ctypes.c_float),
        ("zero_point", ctypes.c_int32),
    )


class LeftInC(ctypes.Structure):
    _fields_ = (*ReadInC._fields_, ("least", ctypes.c_int32), ("most", ctypes.c_int32))


class WindowInC(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint32)
        for name in ("rows", "columns", "stride_rows", "stride_columns", "top", "left")
    )


class WeightsInC(ctypes.Structure):
    _fields_ = (
        ("values", ctypes.c_void_p),
        ("scales", ctypes.c_void_p),
        ("scales_count", ctypes.c_uint32),
        ("bias", ctypes.c_void_p),
        ("zero_point", ctypes.c_int32),
    )


def read_by_c(x: NDArray[np.int8], of: Tensor) -> tuple[NDArray[np.int8], ReadInC]:
    """Return a map as C reads it, and what keeps its memory."""
    own, (dense, size) = quantization(of), arranged(x)
    return dense, ReadInC(pointer(dense), size, own.scale, own.zero_point)


def left_by_c(
    shape: tuple[int, ...], of: Tensor, activation: Activation
) -> tuple[NDArray[np.int8], LeftInC]:
    """Return the array `[H, W, C]` that C fills, and its description."""
    own, (channels, rows, columns) = quantization(of), shape
    dense = np.full((rows, columns, channels), 77, np.int8)
    size, ends = MapInC(rows, columns, channels), limits(activation, own)
    return dense, LeftInC(pointer(dense), size, own.scale, own.zero_point, *ends)
