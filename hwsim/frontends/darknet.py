"""Darknet's `.weights` files: a short header, then the floats of one layer after the other.

    header   int32 major, minor, revision; then images seen, int64 from version 0.2 on, else int32
    layer    bias [K]; scale, mean, variance [K] if normalised; weights [K, C, R, S]

All numbers are little-endian, all floats have 32 bits. The file names no layer and no shape, so
that only its size can be checked.
"""

import os
import struct
import sys
from io import BufferedReader
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.files import open_file
from hwsim.graph import Graph, Layer

VERSION = struct.Struct("<3i")
FLOAT = np.dtype("<f4")
WIDE_SEEN_VERSION = 2  # major * 10 + minor
LARGEST_VERSION = 1000  # darknet takes a larger number for a flag instead of a version


def header(major: int, minor: int) -> bytes:
    """Return the header of a network that has seen no images."""
    return VERSION.pack(major, minor, 0) + bytes(_seen_bytes(major, minor))


def is_normalised(layer: Layer) -> bool:
    """Return True if a batch normalisation follows the layer, as in all layers that are leaky."""
    return layer.leaky_slope is not None


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
            raise InputError(f"weights '{path}': {size_bytes} bytes, too short for a header")
        header_bytes = VERSION.size + _seen_bytes(*VERSION.unpack(start)[:2])
        floats = _float_count(graph)
        expected_bytes = header_bytes + floats * FLOAT.itemsize
        if size_bytes != expected_bytes:
            raise InputError(
                f"weights '{path}': {size_bytes} bytes, expected {header_bytes} of header and "
                f"{floats} floats = {expected_bytes} for {graph.name}"
            )
        file.seek(header_bytes)
    except BaseException:
        file.close()
        raise
    return file


def read_weights(graph: Graph, path: str | Path) -> NDArray[np.float32]:
    """Return every float of the weights of `graph`, in the file's order.

    Raises `InputError` as `open_weights` does, and for a value that is not finite.
    """
    with open_weights(graph, path) as file:
        values = np.fromfile(file, FLOAT, _float_count(graph)).astype(np.float32)
    if len(values) < _float_count(graph):
        raise InputError(f"cannot read weights '{path}': it was cut short meanwhile")
    if not np.isfinite(values).all():
        position = int(np.argmin(np.isfinite(values)))
        raise InputError(f"weights '{path}': float {position} is not finite")
    return values


def _seen_bytes(major: int, minor: int) -> int:
    wide = major * 10 + minor >= WIDE_SEEN_VERSION
    return 8 if wide and major < LARGEST_VERSION and minor < LARGEST_VERSION else 4


def _float_count(graph: Graph) -> int:
    return sum(
        layer.weight_count + layer.filters * (4 if is_normalised(layer) else 1)
        for layer in graph.layers
    )
