"""A graph as one file of the safetensors format: arrays of constants, and the shapes as metadata.

The one entry of its metadata, `hwsim-graph`, is JSON: the format's number and the graph without its
constants (`hwsim/graph/records.py`). These are the arrays `<layer>.weights.0` of its first source,
`<layer>.weights.1` of its second, `<layer>.bias` and so on. The same graph gives the same bytes.
What is read becomes a `Graph` by the one check that every graph passes, and nothing in a file is
ever executed.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from hwsim.errors import InputError, shown
from hwsim.escape import quoted
from hwsim.files import open_file, path_fault, path_text, replace_file
from hwsim.graph.records import FORMAT_NUMBER, canonical_json, read_json
from hwsim.graph.stages import Constants, Graph, Stage

ENTRY = "hwsim-graph"
LARGEST_BYTES = 1 << 30  # of a whole file; no built-in network has more than 126 million weights
LARGEST_HEADER_BYTES = 1 << 24
HEADER_LENGTH_BYTES = 8  # little-endian, in front of the header
FIELDS_OF_FILTERS = ("bias", "multiplier", "negative_multiplier", "shift")
OPTIONAL_FIELD = "negative_shift"  # not written where a layer has none
CONSTANT_KINDS = ("I8", "I16", "I32")
MOST_AXES = 4  # of an array: those of weights


def graph_bytes(graph: Graph) -> bytes:
    """Return the content of a graph's file: the same bytes for the same graph."""
    arrays = {
        name: np.ascontiguousarray(values)
        for stage in graph.stages
        if stage.constants is not None
        for name, values in _named_arrays(stage, stage.constants)
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


def is_graph_file(path: str | Path) -> bool:
    """Return True if a file begins as those of the safetensors format do.

    Raises `InputError` for what cannot be read.
    """
    with open_file("graph", path, LARGEST_BYTES) as file:
        header_bytes = int.from_bytes(file.read(HEADER_LENGTH_BYTES), "little")
        return header_bytes <= LARGEST_HEADER_BYTES and file.read(1) == b"{"


def load_graph(path: str | Path) -> Graph:
    """Read what `save_graph` wrote.

    Raises `InputError`, in one line with the file and the rule it breaks, for anything else.
    """
    with open_file("graph", path, LARGEST_BYTES) as file:
        header_bytes = int.from_bytes(file.read(HEADER_LENGTH_BYTES), "little")
    try:
        if header_bytes > LARGEST_HEADER_BYTES:  # the beginning of a file of any other kind
            raise InputError("no safetensors file: it begins with no header of that format")
        with safe_open(path, "numpy", backend="pread") as archive:
            entry = (archive.metadata() or {}).get(ENTRY)
            if entry is None:
                raise InputError(f"its metadata has no entry '{ENTRY}'")
            shapes, number = read_json(entry)
            return _with_constants(shapes, archive, number) if archive.keys() else shapes
    except SafetensorError as error:
        raise InputError(f"graph {quoted(path)}: no safetensors file: {_one_line(error)}") from None
    except (InputError, OSError) as error:
        raise InputError(f"graph {quoted(path)}: {_one_line(error)}") from None


def _one_line(error: Exception) -> str:
    """An error's message, in which keys of the file may hold line breaks."""
    return " ".join(str(error).split())


def _named_arrays(stage: Stage, constants: Constants) -> Iterator[tuple[str, NDArray[Any]]]:
    names = _weight_names(stage, FORMAT_NUMBER)
    yield from zip(names, constants.weights, strict=True)
    for field in FIELDS_OF_FILTERS:
        yield f"{stage.name}.{field}", getattr(constants, field)
    if constants.negative_shift is not None:
        yield f"{stage.name}.{OPTIONAL_FIELD}", constants.negative_shift


def _weight_names(stage: Stage, format_number: int) -> list[str]:
    """Return the names of a stage's arrays of weights, of which format 1 has one."""
    if format_number == 1:
        return [f"{stage.name}.weights"]
    return [f"{stage.name}.weights.{index}" for index in range(len(stage.sources))]


def _with_constants(shapes: Graph, archive: Any, format_number: int) -> Graph:
    """Return the graph with the arrays of an open file: its constants, and no others."""
    expected = {
        name
        for stage in shapes.stages
        for name in (
            *_weight_names(stage, format_number),
            *(f"{stage.name}.{field}" for field in FIELDS_OF_FILTERS),
        )
    }
    optional = {f"{stage.name}.{OPTIONAL_FIELD}" for stage in shapes.stages}
    there = set(archive.keys())
    odd = min((expected ^ there) - optional, default=None)
    if odd is not None:
        raise InputError(f"array {odd!r} is {'missing' if odd in expected else 'of no layer'}")
    stages: list[Stage] = []
    for stage in shapes.stages:
        weights = (_array(archive, name) for name in _weight_names(stage, format_number))
        fields = [*FIELDS_OF_FILTERS]
        if f"{stage.name}.{OPTIONAL_FIELD}" in there:
            fields.append(OPTIONAL_FIELD)
        others = {field: _array(archive, f"{stage.name}.{field}") for field in fields}
        stages.append(replace(stage, constants=Constants(tuple(weights), **others)))
    return replace(shapes, stages=tuple(stages))


def _array(archive: Any, name: str) -> NDArray[Any]:
    header = archive.get_slice(name)
    kind, axes = header.get_dtype(), len(header.get_shape())
    if kind not in CONSTANT_KINDS:
        raise InputError(f"array {name!r} holds {kind}: must be {' or '.join(CONSTANT_KINDS)}")
    if axes > MOST_AXES:  # NumPy has a limit of its own
        raise InputError(f"array {name!r} has {axes} axes: at most {MOST_AXES}")
    values: NDArray[Any] = archive.get_tensor(name)
    return values
