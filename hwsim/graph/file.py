"""A graph as one file of the safetensors format: arrays of constants, and the shapes as metadata.

The one entry of its metadata, `hwsim-graph`, is JSON: the format's number, tensors and layers.
Layer i reads tensor i and writes tensor i + 1; its constants are the arrays `<layer>.weights`,
`<layer>.bias` and so on. The same graph gives the same bytes. What is read becomes a `Graph` by
the one check that every graph passes, and nothing in a file is ever executed.
"""

from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from hwsim.arch.refusal import first_line
from hwsim.errors import InputError, shown
from hwsim.escape import quoted
from hwsim.files import open_file, path_fault, path_text, replace_file
from hwsim.graph.layers import Constants, Graph, Layer
from hwsim.graph.tensors import SpatialPool, Tensor

ENTRY = "hwsim-graph"
FORMAT_NUMBER = 1  # grows with every change of what a file holds
LARGEST_BYTES = 1 << 30  # of a whole file; no built-in network has more than 126 million weights
LARGEST_HEADER_BYTES = 1 << 24
HEADER_LENGTH_BYTES = 8  # little-endian, in front of the header
CONSTANTS = tuple(field.name for field in fields(Constants))
CONSTANT_KINDS = ("I8", "I32")


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, from_attributes=True)


class LayerRecord(Record):
    """A layer without tensors and constants, field by field."""

    name: str
    filters: int
    kernel: tuple[int, int]
    padding: int
    leaky_slope: float | None
    channel_pool: int
    spatial_pool: SpatialPool
    groups: int
    weight_bits: int
    is_reduction: bool


class GraphRecord(Record):
    format_number: int
    name: str
    tensors: list[Tensor]
    layers: list[LayerRecord]


class NumberAlone(BaseModel):
    """The part of the entry that can be read in every format: its number."""

    format_number: int


def canonical_json(graph: Graph) -> str:
    """Return all of a graph but its constants as JSON: the same text for the same graph."""
    return GraphRecord(
        format_number=FORMAT_NUMBER,
        name=graph.name,
        tensors=[graph.input, *(layer.output for layer in graph.layers)],
        layers=[LayerRecord.model_validate(layer) for layer in graph.layers],
    ).model_dump_json()


def graph_bytes(graph: Graph) -> bytes:
    """Return the content of a graph's file: the same bytes for the same graph."""
    arrays = {
        f"{layer.name}.{name}": np.ascontiguousarray(getattr(layer.constants, name))
        for layer in graph.layers
        if layer.constants is not None
        for name in CONSTANTS
    }
    return save(arrays, {ENTRY: canonical_json(graph)})


def save_graph(graph: Graph, path: str | Path) -> None:
    """Write `graph` to `path`, all of it or nothing: a reader never sees half a file.

    Raises `InputError` where the file cannot be written, and where `path` is a folder, a device or
    a pipe, none of which may be replaced by a file.
    """
    if not isinstance(graph, Graph):
        raise InputError(
            f"cannot write graph {quoted(path)}: {shown(graph)} is no hwsim.graph.Graph"
        )
    place = Path(path_text("graph", path))
    content = graph_bytes(graph)
    try:
        is_replaceable = place.is_file() or not place.exists()
        if is_replaceable:
            replace_file(place, content)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot write graph {quoted(place)}: {path_fault(error)}") from None
    if not is_replaceable:
        raise InputError(f"cannot write graph {quoted(place)}: it is no regular file")


def load_graph(path: str | Path) -> Graph:
    """Read what `save_graph` wrote.

    Raises `InputError`, in one line with the file and the rule it breaks, for anything else.
    """
    with open_file("graph", path, LARGEST_BYTES) as file:
        header_bytes = int.from_bytes(file.read(HEADER_LENGTH_BYTES), "little")
    try:
        if header_bytes > LARGEST_HEADER_BYTES:  # the beginning of a file of any other kind
            raise InputError(
                f"no safetensors file: header of more than {LARGEST_HEADER_BYTES:,} bytes"
            )
        with safe_open(path, "numpy", backend="pread") as archive:
            shapes = _shapes((archive.metadata() or {}).get(ENTRY))
            return _with_constants(shapes, archive) if archive.keys() else shapes
    except SafetensorError as error:
        raise InputError(f"graph {quoted(path)}: no safetensors file: {_one_line(error)}") from None
    except (InputError, OSError) as error:
        raise InputError(f"graph {quoted(path)}: {_one_line(error)}") from None


def _one_line(error: Exception) -> str:
    """An error's message, in which keys of the file may hold line breaks."""
    return " ".join(str(error).split())


def _shapes(text: str | None) -> Graph:
    """The graph without its constants."""
    if text is None:
        raise InputError(f"its metadata has no entry '{ENTRY}'")
    try:
        number = NumberAlone.model_validate_json(text).format_number
        if number != FORMAT_NUMBER:
            newer = " was written by a newer version" if number > FORMAT_NUMBER else " is unknown"
            raise InputError(f"format number {number}{newer}: this one reads {FORMAT_NUMBER}")
        record = GraphRecord.model_validate_json(text)
    except ValidationError as error:
        raise InputError(f"{ENTRY}: {first_line(error)}") from None
    if len(record.tensors) != len(record.layers) + 1:
        counts = f"{len(record.tensors)} tensors for {len(record.layers)} layers"
        raise InputError(f"{counts}: must be one more")
    pairs = pairwise(record.tensors)
    layers = (
        Layer(input=stored, output=output, **dict(layer))
        for layer, (stored, output) in zip(record.layers, pairs, strict=True)
    )
    return Graph(record.name, tuple(layers))


def _with_constants(shapes: Graph, archive: Any) -> Graph:
    """The graph with the arrays of an open file, which must be its constants and no others."""
    expected = {f"{layer.name}.{name}" for layer in shapes.layers for name in CONSTANTS}
    odd = min(expected ^ set(archive.keys()), default=None)
    if odd is not None:
        raise InputError(f"array {odd!r} is {'missing' if odd in expected else 'of no layer'}")
    layers: list[Layer] = []
    for layer in shapes.layers:
        arrays = {name: _array(archive, f"{layer.name}.{name}") for name in CONSTANTS}
        layers.append(replace(layer, constants=Constants(**arrays)))
    return Graph(shapes.name, tuple(layers))


def _array(archive: Any, name: str) -> NDArray[Any]:
    kind = archive.get_slice(name).get_dtype()
    if kind not in CONSTANT_KINDS:
        raise InputError(f"array {name!r} holds {kind}: must be {' or '.join(CONSTANT_KINDS)}")
    values: NDArray[Any] = archive.get_tensor(name)
    return values
