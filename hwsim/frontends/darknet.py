"""Darknet's `.weights` files: a short header, then the floats of one convolution after the other.

    header       int32 major, minor, revision; images seen, int64 from version 0.2 on, else int32
    convolution  bias [K]; scale, mean, variance [K] if normalised; weights [K, C / groups, R, S]

All numbers are little-endian, all floats have 32 bits. The file names no layer and no shape, so
that only its size can be checked. The convolutions follow each other as in the network's `.cfg`. A
graph that comes from no file has one for each of its stages, normalised where it is leaky.
"""

import math
import os
import struct
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.escape import quoted
from hwsim.files import open_file
from hwsim.graph import Graph, Stage
from hwsim.graph.float_weights import BatchNorm, FloatWeights, check_float_weights
from hwsim.graph.operators import Convolution

VERSION = struct.Struct("<3i")
FLOAT = np.dtype("<f4")
WIDE_SEEN_VERSION = 2  # major * 10 + minor
LARGEST_VERSION = 1000  # darknet takes a larger number for a flag instead of a version


@dataclass(frozen=True)
class StoredConvolution:
    """One convolution's arrays in a file."""

    name: str
    is_normalised: bool
    weights_shape: tuple[int, int, int, int]  # [K, C / groups, R, S]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of all arrays, in the file's order."""
        columns = 4 if self.is_normalised else 1  # bias; scale, mean and variance
        return [*[self.weights_shape[:1]] * columns, self.weights_shape]


def stored_convolutions(graph: Graph) -> tuple[StoredConvolution, ...]:
    """Return the convolutions of a file of the graph's weights, in the file's order.

    Raises `InputError` for a stage that is no convolution of darknet's.
    """
    origin = graph.origin
    if origin is None:
        learning = [stage for stage in graph.stages if not stage.is_reduction]
        return tuple(map(_stored_stage, learning))
    return tuple(
        StoredConvolution(
            operator.name,
            operator.is_normalised,
            (
                operator.filters,
                origin.shapes(operator)[0].channels // operator.groups,
                *operator.kernel,
            ),
        )
        for operator in origin.operators
        if isinstance(operator, Convolution)
    )


def _stored_stage(stage: Stage) -> StoredConvolution:
    first, *others = stage.weights_shapes
    if any(source.groups > 1 for source in stage.sources) and others:
        raise InputError(
            f"layer {stage.name}: several inputs, one in groups: darknet has no such layer"
        )
    if any(shape[2:] != first[2:] for shape in others):
        raise InputError(f"layer {stage.name}: kernels of several sizes are not of darknet's")
    channels = sum(shape[1] for shape in stage.weights_shapes)
    shape = (first[0], channels, *first[2:])
    return StoredConvolution(stage.name, stage.leaky_slope is not None, shape)


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
        floats = _float_count(stored_convolutions(graph))
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
    """Return the weights of `graph`, stage by stage.

    Raises `InputError` as `open_weights` does, and for values that no network has.
    """
    stored = stored_convolutions(graph)
    floats = _float_count(stored)
    with open_weights(graph, path) as file:
        values = np.fromfile(file, FLOAT, floats).astype(np.float32)
    if len(values) < floats:
        raise InputError(f"cannot read weights {quoted(path)}: it was cut short meanwhile")
    found: dict[str, FloatWeights] = {}
    start = 0
    for convolution in stored:
        parts: list[NDArray[np.float32]] = []
        for shape in convolution.shapes:
            count = math.prod(shape)
            parts.append(values[start : start + count].reshape(shape))
            start += count
        bias, *learned, weights = parts
        batch_norm = BatchNorm(*learned) if learned else None
        found[convolution.name] = FloatWeights((weights,), bias, batch_norm)
    by_stage = tuple(
        FloatWeights.of_reduction(stage) if stage.is_reduction else found[stage.name].split(stage)
        for stage in graph.stages
    )
    try:
        check_float_weights(graph, by_stage)
    except InputError as error:
        raise InputError(f"weights {quoted(path)}: {error}") from None
    return by_stage


def write_weights(graph: Graph, weights: Sequence[FloatWeights], path: str | Path) -> None:
    """Write weights of `graph` as darknet does, version 0.2 with no images seen.

    A convolution that no stage computes has zeros.
    """
    given = {stage.name: ours for stage, ours in zip(graph.stages, weights, strict=True)}
    with Path(path).open("wb") as file:
        file.write(VERSION.pack(0, 2, 0) + bytes(_seen_bytes(0, 2)))
        for convolution in stored_convolutions(graph):
            ours = given.get(convolution.name)
            for array in _zeros(convolution) if ours is None else _arrays(ours):
                file.write(array.astype(FLOAT).tobytes())


def _arrays(weights: FloatWeights) -> Iterable[NDArray[np.floating]]:
    """Yield the arrays of a stage in the file's order, those of its sources joined."""
    yield weights.bias
    if weights.batch_norm is not None:
        yield from vars(weights.batch_norm).values()
    yield np.concatenate(weights.weights, axis=1)


def _zeros(convolution: StoredConvolution) -> Iterable[NDArray[np.floating]]:
    return (np.zeros(shape) for shape in convolution.shapes)


def _seen_bytes(major: int, minor: int) -> int:
    wide = major * 10 + minor >= WIDE_SEEN_VERSION
    return 8 if wide and major < LARGEST_VERSION and minor < LARGEST_VERSION else 4


def _float_count(stored: Iterable[StoredConvolution]) -> int:
    return sum(math.prod(shape) for convolution in stored for shape in convolution.shapes)
