"""Darknet's `.weights` files: a short header, then the floats of one stage after the other.

    header   int32 major, minor, revision; then images seen, int64 from version 0.2 on, else int32
    stage    bias [K]; scale, mean, variance [K] if normalised; weights [K, C, R, S] of each source

All numbers are little-endian, all floats have 32 bits. The file names no stage and no shape, so
that only its size can be checked. A reduction has nothing in it.
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
from hwsim.files import open_file
from hwsim.graph import Graph, Stage
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


def read_weights(graph: Graph, path: str | Path) -> tuple[FloatWeights, ...]:
    """Return the weights of `graph`, stage by stage.

    Raises `InputError` as `open_weights` does, and for values that no network has.
    """
    with open_weights(graph, path) as file:
        values = np.fromfile(file, FLOAT, _float_count(graph)).astype(np.float32)
    if len(values) < _float_count(graph):
        raise InputError(f"cannot read weights '{path}': it was cut short meanwhile")
    found: list[FloatWeights] = []
    start = 0
    for stage in graph.stages:
        if stage.is_reduction:
            found.append(FloatWeights.of_reduction(stage))
            continue
        parts: list[NDArray[np.float32]] = []
        for shape in _stored_shapes(stage):
            count = math.prod(shape)
            parts.append(values[start : start + count].reshape(shape))
            start += count
        bias, *learned = parts[: -len(stage.sources)]
        weights = tuple(parts[-len(stage.sources) :])
        found.append(FloatWeights(weights, bias, BatchNorm(*learned) if learned else None))
    try:
        check_float_weights(graph, found)
    except InputError as error:
        raise InputError(f"weights '{path}': {error}") from None
    return tuple(found)


def write_weights(graph: Graph, weights: Sequence[FloatWeights], path: str | Path) -> None:
    """Write weights of `graph` as darknet does, version 0.2 with no images seen."""
    with Path(path).open("wb") as file:
        file.write(VERSION.pack(0, 2, 0) + bytes(_seen_bytes(0, 2)))
        for stage, ours in zip(graph.stages, weights, strict=True):
            if not stage.is_reduction:
                learned = () if ours.batch_norm is None else vars(ours.batch_norm).values()
                for array in (ours.bias, *learned, *ours.weights):
                    file.write(array.astype(FLOAT).tobytes())


def _stored_shapes(stage: Stage) -> list[tuple[int, ...]]:
    """Return the shapes of a stage's arrays in the file's order; normalised where it is leaky."""
    if stage.is_reduction:
        return []
    columns = 1 if stage.leaky_slope is None else 4  # bias; scale, mean and variance
    return [*[(stage.filters,)] * columns, *stage.weights_shapes]


def _seen_bytes(major: int, minor: int) -> int:
    wide = major * 10 + minor >= WIDE_SEEN_VERSION
    return 8 if wide and major < LARGEST_VERSION and minor < LARGEST_VERSION else 4


def _float_count(graph: Graph) -> int:
    return sum(math.prod(shape) for stage in graph.stages for shape in _stored_shapes(stage))
