"""Reads from a `.tflite`'s metadata what the pixels of images become.

The metadata are a flatbuffer of their own inside the file, of a schema that no kept package has:
the numbers of its fields stand here. Only `--image` asks for them, so that metadata which are
damaged or of another kind say nothing, and refuse nothing.
"""

import math
import struct
from typing import Any

import numpy as np

from hwsim.graph.input_contract import Normalization

NAME = b"TFLITE_METADATA"  # of the entry of the model
IDENTIFIER = b"M001"
MOST = 4096  # elements of a vector that are read
# The numbers of fields in their tables, and of a kind in its union.
SUBGRAPHS_OF_MODEL = 3
INPUTS_OF_SUBGRAPH = 2
UNITS_OF_TENSOR = 4
KIND_OF_UNIT, OPTIONS_OF_UNIT = 0, 1
MEAN_OF_OPTIONS, STD_OF_OPTIONS = 0, 1
NORMALIZATION = 1
# The exceptions of struct, numpy and flatbuffers for offsets and lengths that are not the file's.
UNSOUND = (struct.error, ValueError, TypeError, IndexError, OverflowError, AttributeError)


def normalizations(metadata: bytes, inputs: int) -> tuple[Normalization | None, ...]:
    """Return the normalization of every input of the first subgraph, or None where none is told."""
    nothing = (None,) * inputs
    if metadata[4:8] != IDENTIFIER:
        return nothing
    try:
        subgraphs = _tables(_root(metadata), SUBGRAPHS_OF_MODEL)
        tensors = _tables(subgraphs[0], INPUTS_OF_SUBGRAPH) if subgraphs else []
        found = tuple(map(_normalization, tensors))
    except UNSOUND:
        return nothing
    return found if len(found) == inputs else nothing


def _root(metadata: bytes) -> Any:
    import flatbuffers  # whoever reads no such file does not pay for it

    return flatbuffers.Table(metadata, struct.unpack_from("<I", metadata)[0])


def _normalization(tensor: Any) -> Normalization | None:
    """Return the one normalization of a tensor; None if it has none, or several."""
    found = [
        _options(unit) for unit in _tables(tensor, UNITS_OF_TENSOR) if _kind(unit) == NORMALIZATION
    ]
    return found[0] if len(found) == 1 else None


def _options(unit: Any) -> Normalization | None:
    import flatbuffers

    place = _offset(unit, OPTIONS_OF_UNIT)
    if not place:
        return None
    options = flatbuffers.Table(unit.Bytes, unit.Indirect(unit.Pos + place))
    mean, std = (_floats(options, field) for field in (MEAN_OF_OPTIONS, STD_OF_OPTIONS))
    is_sound = mean and std and all(map(math.isfinite, mean + std)) and min(std) > 0
    return Normalization(mean, std) if is_sound else None


def _kind(unit: Any) -> int:
    place = _offset(unit, KIND_OF_UNIT)
    return unit.Bytes[unit.Pos + place] if place else 0


def _offset(table: Any, field: int) -> int:
    found: int = table.Offset(4 + 2 * field)
    return found


def _tables(table: Any, field: int) -> list[Any]:
    import flatbuffers

    place = _offset(table, field)
    if not place:
        return []
    first, count = table.Vector(place), min(table.VectorLen(place), MOST)
    places = (table.Indirect(first + 4 * index) for index in range(count))
    return [flatbuffers.Table(table.Bytes, place) for place in places]


def _floats(table: Any, field: int) -> tuple[float, ...]:
    place = _offset(table, field)
    if not place:
        return ()
    count = min(table.VectorLen(place), MOST)
    return tuple(np.frombuffer(table.Bytes, "<f4", count, table.Vector(place)).tolist())
