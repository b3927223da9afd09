"""One operator of a `.tflite` with the tensors of its file, as what makes operators asks for it.

Whatever an operator may not be is an `InputError` of one line, which does not name the operator.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError, shown
from hwsim.escape import quoted
from hwsim.frontends.tflite_file import StoredOperator, StoredTensor
from hwsim.graph import Quantization
from hwsim.graph.file_tensors import AXES, Element, FileTensor
from hwsim.graph.kernels import Kernels
from hwsim.graph.operators import Activation

MOST_ELEMENTS = 1 << 26  # of one tensor
TYPES = {
    "int8": np.int8,
    "uint8": np.uint8,
    "int32": np.int32,
    "int64": np.int64,
    "float32": np.float32,
}
ACTIVATIONS = (
    Activation.LINEAR,
    Activation.RELU,
    Activation.RELU_N1_TO_1,
    Activation.RELU6,
)  # by the schema's numbers
NO_TENSOR = -1


@dataclass(frozen=True)
class Call:
    """One operator of a file; `names` has each tensor's name in the graph by its number."""

    operator: StoredOperator
    tensors: Sequence[StoredTensor]
    names: Sequence[str]
    kernels: Kernels

    @property
    def name(self) -> str:
        """The name of the operator in the graph."""
        return operator_name(self.operator)

    @property
    def place(self) -> str:
        return f"operator {self.operator.index} {self.operator.word}"

    def option(self, name: str) -> Any:
        """Return an option by the schema's name of its field."""
        if self.operator.options is None:
            raise InputError("it has no options, or those of another operator")
        return self.operator.options[name]

    @property
    def activation(self) -> Activation:
        number = self.option("FusedActivationFunction")
        if not 0 <= number < len(ACTIVATIONS):
            raise InputError(f"fused activation {number}: only none, ReLU, ReLU6 and ReLU -1 to 1")
        return ACTIVATIONS[number]

    def has_input(self, place: int) -> bool:
        """Return True if an input, counted from 0, is there; a file may leave out optional ones."""
        inputs = self.operator.inputs
        return place < len(inputs) and inputs[place] != NO_TENSOR

    def input(self, place: int) -> StoredTensor:
        """Return an input, computed or constant."""
        if not self.has_input(place):
            raise InputError(f"it has no input {place}")
        return self.tensors[self.operator.inputs[place]]

    def is_constant(self, place: int) -> bool:
        return self.input(place).data is not None

    def read(self, place: int) -> FileTensor:
        """Return an input that is computed."""
        if self.is_constant(place):
            raise InputError(f"input {place} must be computed, it is a constant")
        return file_tensor(self.input(place))

    @property
    def left(self) -> FileTensor:
        """The output of an operator that has one."""
        return file_tensor(self.tensors[self._output(0)])

    def ends(self, *places: int) -> dict[str, Any]:
        """Return the fields that every operator has, for one that reads these inputs."""
        if len(self.operator.outputs) != 1:
            raise InputError(f"it leaves {len(self.operator.outputs)} tensors: it must leave one")
        return {
            "name": self.name,
            "inputs": tuple(self._name(place) for place in places),
            "outputs": (self.names[self._output(0)],),
            "place": self.place,
        }

    def ends_of_part(self, place: int, part: int) -> dict[str, Any]:
        """Return the same for what leaves output `part` of an operator of several."""
        return {
            "name": output_name(self.operator, part),
            "inputs": (self._name(place),),
            "outputs": (self.names[self._output(part)],),
            "place": self.place,
        }

    def ends_of_all(self, places: Sequence[int], outputs: int) -> dict[str, Any]:
        """Return the same for one that reads these inputs and leaves so many tensors."""
        count = len(self.operator.outputs)
        if count != outputs:
            raise InputError(f"it leaves {count} tensors: it must leave {outputs}")
        for number in self.operator.outputs:
            file_tensor(self.tensors[number])
        return {
            "name": self.name,
            "inputs": tuple(self._name(place) for place in places),
            "outputs": tuple(self.names[number] for number in self.operator.outputs),
            "place": self.place,
        }

    def integers(self, place: int) -> tuple[int, ...]:
        """Return an input of integers, such as a shape or axes, which must be a constant."""
        values = self.values(place, ("int32", "int64"))
        return tuple(values.reshape(-1).tolist())

    def values(self, place: int, types: Sequence[str]) -> NDArray[Any]:
        """Return an input that must be a constant of one of some types, with the file's axes."""
        stored = self.input(place)
        if stored.data is None:
            raise InputError(f"input {place} must be a constant, it is computed")
        if stored.type not in types:
            raise InputError(f"input {place} of {stored.type}: must be {' or '.join(types)}")
        if not stored.is_plain:
            raise InputError(f"input {place} is sparse or a variable: not supported")
        kind = np.dtype(TYPES[stored.type]).newbyteorder("<")
        expected = elements(stored.dims) * kind.itemsize
        if len(stored.data) != expected:
            raise InputError(
                f"input {place} has {len(stored.data)} bytes of data: {list(stored.dims)} of "
                f"{stored.type} are {expected}"
            )
        return np.frombuffer(stored.data.tobytes(), kind).reshape(stored.dims)

    def axis(self, number: int, rank: int) -> int:
        """Return an axis counted from the end, -1 to -4, of one that a file has in either way."""
        if not -rank <= number < rank:
            raise InputError(f"axis {number} of a tensor of {rank} axes")
        return number - rank if number >= 0 else number

    def _name(self, place: int) -> str:
        self.input(place)
        return self.names[self.operator.inputs[place]]

    def _output(self, place: int) -> int:
        if place >= len(self.operator.outputs):
            raise InputError("it leaves no tensor")
        return self.operator.outputs[place]


def operator_name(operator: StoredOperator) -> str:
    """Return the name of an operator in the graph."""
    return f"{operator.word.lower()}_{operator.index}"


def output_name(operator: StoredOperator, part: int) -> str:
    """Return the name of a tensor that an operator leaves."""
    own = operator_name(operator)
    return own if len(operator.outputs) == 1 else f"{own}.{part + 1}"


def elements(dims: Sequence[int]) -> int:
    """Return the number of a tensor's elements. Raises `InputError` for one without or too many."""
    if any(side < 1 for side in dims):
        raise InputError(f"a tensor of {list(dims)}: each axis must be at least 1")
    if math.prod(dims) > MOST_ELEMENTS:
        raise InputError(f"a tensor of {list(dims)}: at most {MOST_ELEMENTS:,} elements")
    return math.prod(dims)


def file_tensor(stored: StoredTensor) -> FileTensor:
    """Return a tensor that is computed. Raises `InputError` for one that is not supported."""
    whose = f"tensor {stored.index} {quoted(stored.name)}"
    try:
        elements(stored.dims)
        if stored.type not in tuple(Element):
            raise InputError(f"type {stored.type}: must be {', '.join(Element)}")
        if any(side < 0 for side in stored.signature[1:]):
            raise InputError(f"dynamic shape {list(stored.signature)}: only the batch may be open")
        if len(stored.dims) > AXES or (len(stored.dims) == AXES and stored.dims[0] != 1):
            raise InputError(f"shape {list(stored.dims)}: must be a batch of 1 and at most 3 axes")
        if not stored.is_plain:
            raise InputError("it is sparse or a variable: not supported")
        element = Element(stored.type)
        scale = None if element is Element.FLOAT32 else scale_of(stored)
    except InputError as error:
        raise InputError(f"{whose}: {error}") from None
    return FileTensor(stored.name, stored.dims, element, scale)


def scale_of(stored: StoredTensor) -> Quantization:
    """Return the one scale and zero point of a tensor of integers, in the file's own numbers."""
    if len(stored.scales) != 1 or len(stored.zero_points) != 1:
        raise InputError(
            f"{len(stored.scales)} scales and {len(stored.zero_points)} zero points: must be one"
        )
    scale = float(stored.scales[0])
    zero_point = int(stored.zero_points[0])
    low, high = (0, 255) if stored.type == "uint8" else (-128, 127)
    if not (math.isfinite(scale) and scale > 0):
        raise InputError(f"scale {scale:g}: must be a finite number above 0")
    if not low <= zero_point <= high:
        raise InputError(f"zero point {shown(zero_point)}: must be {low} to {high}")
    return Quantization(scale, zero_point)
