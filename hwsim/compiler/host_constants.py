"""The constants of the host's operators, which lie in memory behind the accelerator's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwsim.graph.file_constants import Anchors, ConstantOperand, QuantizedWeights
from hwsim.graph.operators import Operator
from hwsim.graph.steps import FileNetwork, HostStep
from hwsim.program.program import WINDOW_BYTES

ALIGNMENT_BYTES = 64
ConstantName = Literal["weights", "weight scales", "bias", "operand", "slopes", "anchors"]
ConstantType = Literal["int8", "int32", "float32"]
Constant = tuple[ConstantName, NDArray[Any], float | None, int | None]
TYPES: dict[str, ConstantType] = {"int8": "int8", "int32": "int32", "float32": "float32"}
FIELDS: dict[str, ConstantName] = {
    "constant": "operand",
    "slopes": "slopes",
}  # of operators, with the array's name


@dataclass(frozen=True, eq=False)
class HostConstant:
    """An array of an operator, with channels innermost; numbers of several bytes little-endian.

    weights        int8 [filters, rows, columns, channels / groups]
    weight scales  float32 [filters], or [1] where all filters have one
    bias           int32 [filters], in steps of weight scale x input scale
    operand        int8 [rows, columns, channels], a constant in place of an input
    slopes         int8 [rows, columns, channels]
    anchors        float32 [boxes, 4] of y, x, height and width

    `step` is the number of the operator's step. The scale of weights is an array of its own.
    """

    step: int
    name: ConstantName
    values: NDArray[Any]
    address: int
    scale: float | None = None
    zero_point: int | None = None

    @property
    def type(self) -> ConstantType:
        return TYPES[self.values.dtype.name]


def host_constants(network: FileNetwork, first: int) -> tuple[HostConstant, ...]:
    """Return the constants of all steps of the host, one behind the other from `first` on."""
    found: list[HostConstant] = []
    address = first
    for number, step in enumerate(network.steps):
        if not isinstance(step, HostStep):
            continue
        for name, values, scale, zero_point in _arrays(step.operator):
            found.append(HostConstant(number, name, values, address, scale, zero_point))
            address += -(-values.nbytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
    return tuple(found)


def host_image(constants: Sequence[HostConstant]) -> bytes:
    """Return the bytes from the first constant on, as whole pages."""
    if not constants:
        return b""
    first, last = constants[0], constants[-1]
    end = last.address + last.values.nbytes
    memory = bytearray(-(-(end - first.address) // WINDOW_BYTES) * WINDOW_BYTES)
    for each in constants:
        start = each.address - first.address
        memory[start : start + each.values.nbytes] = each.values.tobytes()
    return bytes(memory)


def _arrays(operator: Operator) -> Iterator[Constant]:
    """Return every constant of an operator with its name, scale and zero point."""
    weights = getattr(operator, "constants", None)
    if isinstance(weights, QuantizedWeights):
        last = np.ascontiguousarray(weights.weights.transpose(0, 2, 3, 1))
        yield "weights", last, None, weights.zero_point
        yield "weight scales", weights.scales.astype("<f4"), None, None
        yield "bias", weights.bias.astype("<i4"), None, None
    anchors = getattr(operator, "anchors", None)
    if isinstance(anchors, Anchors):
        yield "anchors", anchors.values.astype("<f4"), None, None
    for field, name in FIELDS.items():
        operand = getattr(operator, field, None)
        if isinstance(operand, ConstantOperand):
            last = np.ascontiguousarray(operand.values.transpose(1, 2, 0))
            yield name, last, operand.quantization.scale, operand.quantization.zero_point
