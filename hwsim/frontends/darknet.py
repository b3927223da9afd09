"""Darknet's `.weights` files: a short header, then the floats of one layer after the other.

    header   int32 major, minor, revision; then images seen, int64 from version 0.2 on, else int32
    layer    bias [K]; scale, mean, variance [K] if normalised; weights [K, C, R, S]

All numbers are little-endian, all floats have 32 bits. The file names no layer and no shape, so
that only its size can be checked.
"""

import math
import os
import struct
import sys
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.escape import quoted
from hwsim.files import open_file
from hwsim.graph import Graph, Layer
from hwsim.graph.float_weights import BatchNorm, FloatWeights, check_float_weights

VERSION = struct.Struct("<3i")
FLOAT = np.dtype("<f4")
WIDE_SEEN_VERSION = 2  # major * 10 + minor
LARGEST_VERSION = 1000  # darknet takes a larger number for a flag instead of a version


def open_weights(graph: Graph, path: str | Path) -> BufferedReader:
    """Return the open file of weights, positioned behind its header; the caller closes it.

    Raises `InputError` if the file cannot be read or does not have exactly the network's size.
    Nothing but the header is read.
    """
    file = open_file("weights", path, sys.maxsize)  # the exact size is checked below
    try:
        size_bytes = os.fstat(file.fileno()).st_size
        start = file.read(VERSION.size)
        if len(start) < VERSION.size:
            raise InputError(f"weights {quoted(path)}: {size_bytes} bytes, too short for a header")
        header_bytes = VERSION.size + _seen_bytes(*VERSION.unpack(start)[:2])
        floats = _float_count(graph)
        expected_bytes = header_bytes + floats * FLOAT.itemsize
        if size_bytes != expected_bytes:
            raise InputError(
                f"weights {quoted(path)}: {size_bytes} bytes, expected {header_bytes} of header "
                f"and {floats} floats = {expected_bytes} for {graph.name}"
            )
        file.seek(header_bytes)
    except BaseException:
        file.close()
        raise
    return file


def read_weights(graph: Graph, path: str | Path) -> tuple[FloatWeights, ...]:
    """Return the weights of `graph`, layer by layer.

    Raises `InputError` as `open_weights` does, and for values that no network has.
    """
    with open_weights(graph, path) as file:
        values = np.fromfile(file, FLOAT, _float_count(graph)).astype(np.float32)
    if len(values) < _float_count(graph):
        raise InputError(f"cannot read weights {quoted(path)}: it was cut short meanwhile")
    found: list[FloatWeights] = []
    start = 0
    for layer in graph.layers:
        parts: dict[str, NDArray[np.float32]] = {}
        for name, shape in _stored_shapes(layer).items():
            count = math.prod(shape)
            parts[name] = values[start : start + count].reshape(shape)
            start += count
        weights, bias = parts.pop("weights"), parts.pop("bias")
        found.append(FloatWeights(weights, bias, BatchNorm(**parts) if parts else None))
    try:
        check_float_weights(graph, found)
    except InputError as error:
        raise InputError(f"weights {quoted(path)}: {error}") from None
    return tuple(found)


def write_weights(graph: Graph, weights: Sequence[FloatWeights], path: str | Path) -> None:
    """Write weights of `graph` as darknet does, version 0.2 with no images seen."""
    with Path(path).open("wb") as file:
        file.write(VERSION.pack(0, 2, 0) + bytes(_seen_bytes(0, 2)))
        for layer, ours in zip(graph.layers, weights, strict=True):
            arrays = ours.arrays()
            for name in _stored_shapes(layer):
                file.write(arrays[name].astype(FLOAT).tobytes())


def _stored_shapes(layer: Layer) -> dict[str, tuple[int, ...]]:
    """Name and shape of a layer's tensors in the file's order; normalised where it is leaky."""
    names = ["bias"] if layer.leaky_slope is None else ["bias", "scale", "mean", "variance"]
    return dict.fromkeys(names, (layer.filters,)) | {"weights": layer.weights_shape}


def _seen_bytes(major: int, minor: int) -> int:
    wide = major * 10 + minor >= WIDE_SEEN_VERSION
    return 8 if wide and major < LARGEST_VERSION and minor < LARGEST_VERSION else 4


def _float_count(graph: Graph) -> int:
    return sum(
        math.prod(shape) for layer in graph.layers for shape in _stored_shapes(layer).values()
    )
