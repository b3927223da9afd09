"""The values that a quantized file's network leaves, as figures and as a table."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.graph.file_tensors import FileTensor
from hwsim.graph.steps import FileNetwork
from hwsim.report.file_figures import TypeName
from hwsim.report.table import Table

LARGEST_VALUES = 5  # that are listed of an output
SHOWN_VALUES = 3  # of these, in a terminal


@dataclass(frozen=True)
class ValueFigures:
    """One value of an output."""

    place: tuple[int, ...]
    """Its index along each axis of the tensor."""
    element: float
    """The value, as the file's type has it."""
    real: float
    """The real value that it stands for."""


@dataclass(frozen=True)
class FileOutputFigures:
    """An output of the network, as its file has it."""

    name: str
    """Its name in the file, under which --save-outputs writes it."""
    shape: tuple[int, ...]
    """Its axes."""
    type: TypeName
    """The type of its elements."""
    scale: float
    """Scale of the real value that an element stands for: scale x (element - zero_point); 1 for
    float32, which has real values."""
    zero_point: int
    """The element that stands for 0; 0 for float32."""
    sha256: str
    """Hash of its bytes, the last axis innermost."""
    largest: tuple[ValueFigures, ...]
    """Its largest values, the largest first; of equal ones that which comes first."""


def file_output_figures(
    network: FileNetwork, values: Mapping[str, NDArray[Any]]
) -> tuple[FileOutputFigures, ...]:
    """Return the figures of a network's outputs, whose `values` have the file's names."""
    names = network.output_names
    return tuple(
        _figures(names[name], tensor, values[names[name]])
        for name, tensor in network.outputs.items()
    )


def _figures(name: str, tensor: FileTensor, values: NDArray[Any]) -> FileOutputFigures:
    scale, zero_point = _meaning(tensor)
    return FileOutputFigures(
        name=name,
        shape=tensor.dims,
        type=tensor.element.value,
        scale=scale,
        zero_point=zero_point,
        sha256=hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest(),
        largest=tuple(_largest(tensor, values)),
    )


def _meaning(tensor: FileTensor) -> tuple[float, int]:
    """Return the scale and the zero point of a tensor; 1 and 0 where it has real values."""
    quantization = tensor.quantization
    return (quantization.scale, quantization.zero_point) if quantization else (1.0, 0)


def _largest(tensor: FileTensor, values: NDArray[Any]) -> list[ValueFigures]:
    flat = values.astype(np.float64).ravel()
    order = np.argsort(-flat, kind="stable")[:LARGEST_VALUES]
    scale, zero_point = _meaning(tensor)
    return [
        ValueFigures(
            place=tuple(int(axis) for axis in np.unravel_index(index, tensor.dims)),
            element=float(flat[index]),
            real=scale * (float(flat[index]) - zero_point),
        )
        for index in order
    ]


def output_table(outputs: Sequence[FileOutputFigures]) -> Table:
    """Return a row for each output with its largest values."""
    return Table(
        "Outputs as the file has them: an element stands for scale x (element - zero point)",
        ("output", "type", "shape", "largest values: [index] = real value (element)"),
        ("scale", "zero point"),
        tuple(
            (
                output.name,
                output.type,
                "x".join(map(str, output.shape)),
                ", ".join(_text(output, value) for value in output.largest[:SHOWN_VALUES]),
                f"{output.scale:.6g}",
                f"{output.zero_point}",
            )
            for output in outputs
        ),
    )


def _text(output: FileOutputFigures, value: ValueFigures) -> str:
    index = ", ".join(map(str, value.place[1:] or value.place))  # a batch has one frame
    element = "" if output.type == "float32" else f" ({value.element:g})"
    return f"[{index}] = {value.real:.4g}{element}"
