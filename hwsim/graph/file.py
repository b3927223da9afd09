"""A quantized graph as one file: an .npz with the shapes in `graph.json` and one array a constant.

The same graph gives the same bytes. A file is checked against every rule of a `Graph` before one
is made of it, and nothing in it is ever executed or unpickled.
"""

import io
import math
import os
import zipfile
import zlib
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hwsim.arch.config import Positive, PositiveReal
from hwsim.errors import InputError
from hwsim.files import open_file
from hwsim.graph import (
    Constants,
    Graph,
    Layer,
    Quantization,
    Shape,
    SpatialPool,
    Tensor,
)

SHAPES = "graph.json"
LARGEST_BYTES = 1 << 30  # of a whole file; no built-in network has more than 126 million weights
LARGEST_SHAPES = 1 << 20  # bytes of graph.json that are read at most
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date of a zip archive
UNIX = 3
DTYPES = {field.name: np.dtype("<i4") for field in fields(Constants)} | {"weights": np.dtype("<i1")}
BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
)


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TensorRecord(Record):
    name: str
    channels: Positive
    height: Positive
    width: Positive
    bits: Annotated[int, Field(gt=0, le=8)]
    scale: PositiveReal | None
    zero_point: int | None
    is_image: bool

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        low = -(2 ** (self.bits - 1))
        if (self.scale is None) != (self.zero_point is None):
            raise ValueError(f"tensor {self.name} has one of scale and zero_point: both or none")
        if self.zero_point is not None and not low <= self.zero_point < -low:
            raise ValueError(
                f"zero_point {self.zero_point} of tensor {self.name}: must fit {self.bits} bits"
            )
        return self


class LayerRecord(Record):
    name: str
    filters: Positive
    kernel: Annotated[list[Positive], Field(min_length=2, max_length=2)]
    padding: Annotated[int, Field(ge=0)]
    leaky_slope: Annotated[float, Field(ge=0, le=1)] | None
    channel_pool: Positive
    spatial_pool: Annotated[int, Field(ge=min(SpatialPool), le=max(SpatialPool))]
    groups: Positive
    weight_bits: Annotated[int, Field(gt=1, le=8)]
    has_constants: bool
    is_reduction: bool


class GraphRecord(Record):
    """Layer i reads tensor i and writes tensor i + 1."""

    format: Literal["hwsim-graph"] = "hwsim-graph"
    version: Literal[1] = 1
    name: str
    tensors: list[TensorRecord]
    layers: Annotated[list[LayerRecord], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_more_tensor(self) -> Self:
        if len(self.tensors) != len(self.layers) + 1:
            raise ValueError(
                f"{len(self.tensors)} tensors for {len(self.layers)} layers: must be one more"
            )
        return self


def save_graph(graph: Graph, path: str | Path) -> None:
    """Write `graph` to `path`, all of it or nothing: a reader never sees half a file.

    Raises `InputError` where the file cannot be written.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(partial, "w") as archive:
            _add(archive, SHAPES, _record(graph).model_dump_json(indent=1).encode())
            for index, layer in enumerate(graph.layers):
                for name, dtype in DTYPES.items():
                    if layer.constants is not None:
                        values = np.asarray(getattr(layer.constants, name), dtype)
                        _add(archive, _member(index, name), _header(values) + values.tobytes())
        partial.replace(path)
    except OSError as error:
        raise InputError(f"cannot write graph '{path}': {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)


def load_graph(path: str | Path) -> Graph:
    """Read what `save_graph` wrote. Its arrays cannot be written to.

    Raises `InputError`, in one line with the file and the rule it breaks, for anything else.
    """
    with open_file("graph", path, LARGEST_BYTES) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return _read_graph(archive)
        except OSError as error:
            raise InputError(f"cannot read graph '{path}': {error.strerror or error}") from None
        except InputError as error:
            raise InputError(f"graph '{path}': {_one_line(error)}") from None
        except BROKEN_ARCHIVE as error:
            reason = f"not a sound .npz archive: {_one_line(error)}"
            raise InputError(f"graph '{path}': {reason}") from None


def _one_line(error: Exception) -> str:
    """An error's message; names in the file may hold line breaks."""
    return " ".join(str(error).split())


def _record(graph: Graph) -> GraphRecord:
    tensors = [graph.input, *(layer.output for layer in graph.layers)]
    return GraphRecord(
        name=graph.name,
        tensors=[
            TensorRecord(
                name=tensor.name,
                channels=tensor.shape.channels,
                height=tensor.shape.height,
                width=tensor.shape.width,
                bits=tensor.bits,
                scale=tensor.quantization.scale if tensor.quantization else None,
                zero_point=tensor.quantization.zero_point if tensor.quantization else None,
                is_image=tensor.is_image,
            )
            for tensor in tensors
        ],
        layers=[
            LayerRecord(
                name=layer.name,
                filters=layer.filters,
                kernel=list(layer.kernel),
                padding=layer.padding,
                leaky_slope=layer.leaky_slope,
                channel_pool=layer.channel_pool,
                spatial_pool=int(layer.spatial_pool),
                groups=layer.groups,
                weight_bits=layer.weight_bits,
                has_constants=layer.constants is not None,
                is_reduction=layer.is_reduction,
            )
            for layer in graph.layers
        ],
    )


def _read_graph(archive: zipfile.ZipFile) -> Graph:
    names = archive.namelist()
    if SHAPES not in names:
        raise InputError(f"has no {SHAPES}")
    try:
        text = _read(archive, SHAPES, LARGEST_SHAPES)
        record = GraphRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{SHAPES}: {place} {first['msg']}") from None
    members = [SHAPES] + [
        _member(index, name)
        for index, layer in enumerate(record.layers)
        if layer.has_constants
        for name in DTYPES
    ]
    if sorted(names) != sorted(members):
        odd = min(set(names) ^ set(members), default="a name twice")
        raise InputError(f"holds {len(names)} members, expected {len(members)}: see '{odd}'")

    tensors = [_tensor(tensor) for tensor in record.tensors]
    layers: list[Layer] = []
    for index, layer in enumerate(record.layers):
        shapes = _layer(layer, tensors[index], tensors[index + 1])
        layers.append(_with_constants(archive, index, shapes) if layer.has_constants else shapes)
    return Graph(record.name, tuple(layers))


def _tensor(record: TensorRecord) -> Tensor:
    shape = Shape(record.channels, record.height, record.width)
    quantization = None
    if record.scale is not None and record.zero_point is not None:
        quantization = Quantization(record.scale, record.zero_point)
    return Tensor(record.name, shape, record.bits, quantization, record.is_image)


def _layer(record: LayerRecord, stored: Tensor, output: Tensor) -> Layer:
    """A layer without its constants."""
    return Layer(
        record.name,
        stored,
        output,
        record.filters,
        (record.kernel[0], record.kernel[1]),
        record.padding,
        record.leaky_slope,
        record.channel_pool,
        SpatialPool(record.spatial_pool),
        record.groups,
        record.weight_bits,
        is_reduction=record.is_reduction,
    )


def _with_constants(archive: zipfile.ZipFile, index: int, layer: Layer) -> Layer:
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(DTYPES, (layer.filters,))
    shapes["weights"] = layer.weights_shape
    constants = Constants(
        **{
            name: _read_array(archive, _member(index, name), shapes[name], dtype)
            for name, dtype in DTYPES.items()
        }
    )
    return replace(layer, constants=constants)


def _member(index: int, name: str) -> str:
    return f"{index}.{name}.npy"


def _header(values: NDArray[Any]) -> bytes:
    """The bytes with which numpy starts an .npy file of such an array."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": values.dtype.str, "fortran_order": False, "shape": values.shape}
    )
    return file.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Add a member with nothing in it that depends on the day or the machine."""
    info = zipfile.ZipInfo(name, EPOCH)
    info.create_system = UNIX
    archive.writestr(info, data)


def _read(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """All of a member, whose checksum zipfile then checks; `InputError` beyond `most` bytes."""
    with archive.open(name) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise InputError(f"{name} is longer than {most} bytes")
    return data


def _read_array(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """An array of a shape and type known beforehand: the header must say the same."""
    header = _header(np.broadcast_to(np.zeros((), dtype), shape))
    expected = len(header) + math.prod(shape) * dtype.itemsize
    data = _read(archive, name, expected)
    if len(data) != expected or not data.startswith(header):
        raise InputError(f"{name} must hold {dtype.name} of shape {shape}")
    return np.frombuffer(data, dtype, offset=len(header)).reshape(shape)
