"""A quantized file's network as figures: its inputs, outputs and steps, as its file has them."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, Literal

from hwsim.graph.operators import Operator
from hwsim.graph.steps import FileNetwork, HostStep, arithmetic_text
from hwsim.report.table import Table

TypeName = Literal["int8", "uint8", "float32"]
KernelsName = Literal["litert", "tflm", "onnxruntime"]
ELEMENT_BYTES: dict[str, int] = {"int8": 1, "uint8": 1, "float32": 4}
PROGRAM = "program"
CONSTANTS = frozenset(("anchors", "constants", "constant", "slopes"))
NOT_PARAMETERS = CONSTANTS | {field.name for field in fields(Operator)}


@dataclass(frozen=True)
class FileTensorFigures:
    """A tensor as the network's file has it."""

    tensor: str
    """Name under which steps read and leave it: of an input, or of the operator that leaves it."""
    name: str
    """Its name in the file."""
    shape: tuple[int, ...]
    """Its axes."""
    type: TypeName
    """The type of its elements."""
    scale: float | None
    """The real value of a step; null for real values."""
    zero_point: int | None
    """The element that stands for 0; null for real values."""


@dataclass(frozen=True)
class StepFigures:
    """One step of the network: an operator of the host, or a program of the accelerator."""

    where: Literal["host", "accelerator"]
    """The place where it is computed."""
    name: str
    """Name of the operator in `hwsim show`; `program` for the accelerator's, or `program 1` and so
    on where there are several."""
    kind: str
    """Kind of the operator; `program` for the accelerator's."""
    place: str
    """Place of the operator in the file; empty for a program."""
    parameters: dict[str, Any]
    """Settings of the operator by name, without weights; empty for a program."""
    reads: tuple[str, ...]
    """The tensors that it reads."""
    leaves: tuple[str, ...]
    """The tensors that it leaves for later steps and as outputs."""
    read_bytes: int
    """Bytes of what it reads, as the file has it, without padding."""
    written_bytes: int
    """Bytes of what it leaves, as the file has it, without padding."""


@dataclass(frozen=True)
class FileFigures:
    """A quantized file's network: whose arithmetic it has, its ends and its steps."""

    kernels: KernelsName
    """The runtime whose reference kernels' arithmetic host and accelerator compute with."""
    fast_rescale: bool
    """True where the accelerator's factors are rounded to 16 bits: it then may store something else
    than the runtime."""
    calibration: str | None
    """The data that hwsim has quantized a float file on; null where somebody else has."""
    inputs: tuple[FileTensorFigures, ...]
    """The inputs, in the file's order."""
    outputs: tuple[FileTensorFigures, ...]
    """The outputs, in the file's order."""
    tensors: tuple[FileTensorFigures, ...]
    """Every tensor that a step reads or leaves, the inputs first."""
    steps: tuple[StepFigures, ...]
    """The steps in the order in which they are computed."""

    @property
    def arithmetic(self) -> str:
        """The runtime's kernels, and what is not as they have it, in a few words."""
        return arithmetic_text(self.kernels, self.fast_rescale, self.calibration)

    @property
    def host_steps(self) -> tuple[StepFigures, ...]:
        return tuple(step for step in self.steps if step.where == "host")


def file_figures(network: FileNetwork) -> FileFigures:
    """Return the figures of a file's network."""
    names = dict.fromkeys(network.inputs)
    for step in network.steps:
        names |= dict.fromkeys((*step.reads, *step.leaves))
    tensors = {name: _tensor(network, name) for name in names}
    return FileFigures(
        kernels=network.kernels.value,
        fast_rescale=network.fast_rescale,
        calibration=network.operators.calibration,
        inputs=tuple(tensors[name] for name in network.inputs),
        outputs=tuple(tensors[name] for name in network.outputs),
        tensors=tuple(tensors.values()),
        steps=tuple(_steps(network)),
    )


def _tensor(network: FileNetwork, name: str) -> FileTensorFigures:
    tensor = network.in_file(name)
    quantization = tensor.quantization
    return FileTensorFigures(
        tensor=name,
        name=network.output_names.get(name, tensor.name),
        shape=tensor.dims,
        type=tensor.element.value,
        scale=quantization.scale if quantization else None,
        zero_point=quantization.zero_point if quantization else None,
    )


def _parameters(operator: Operator) -> dict[str, Any]:
    """Return the fields of an operator that others have not, but for its weights."""
    return {
        field.name: _plain(getattr(operator, field.name))
        for field in fields(operator)
        if field.name not in NOT_PARAMETERS
    }


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, frozenset):
        return sorted(map(_plain, value))
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _steps(network: FileNetwork) -> Iterator[StepFigures]:
    names = iter(program_names(len(network.device_steps)))
    for step in network.steps:
        operator = step.operator if isinstance(step, HostStep) else None
        yield StepFigures(
            where="host" if operator else "accelerator",
            name=operator.name if operator else next(names),
            kind=operator.KIND if operator else PROGRAM,
            place=operator.place if operator else "",
            parameters=_parameters(operator) if operator else {},
            reads=step.reads,
            leaves=step.leaves,
            read_bytes=_bytes(network, step.reads),
            written_bytes=_bytes(network, step.leaves),
        )


def program_names(count: int) -> tuple[str, ...]:
    """Return the names of a network's programs."""
    if count == 1:
        return (PROGRAM,)
    return tuple(f"{PROGRAM} {number}" for number in range(1, count + 1))


def _bytes(network: FileNetwork, names: tuple[str, ...]) -> int:
    tensors = map(network.in_file, names)
    return sum(math.prod(each.dims) * ELEMENT_BYTES[each.element.value] for each in tensors)


def step_tables(file: FileFigures | None) -> list[Table]:
    """Return the steps of a file's network with the host's bytes; no table for another network."""
    if file is None:
        return []
    read = sum(step.read_bytes for step in file.host_steps)
    written = sum(step.written_bytes for step in file.host_steps)
    note = "The host computes nothing: the accelerator computes every operator."
    if file.host_steps:
        note = (
            f"The host reads {read:,} bytes and writes {written:,}; host time is not in any figure."
        )
    rows = tuple(
        (
            step.name,
            step.where,
            step.kind,
            step.place,
            f"{step.read_bytes:,}",
            f"{step.written_bytes:,}",
        )
        for step in file.steps
    )
    title = f"Steps, with the arithmetic of {file.arithmetic}"
    words = ("step", "computed by", "kind", "in the file")
    return [Table(title, words, ("bytes read", "written"), rows, notes=(note,))]
