"""One node of an `.onnx` with the values that it reads, as what makes operators asks for it.

Whatever a node may not be is an `InputError` of one line, which does not name the node.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError, shown
from hwsim.frontends.onnx_file import StoredNode, StoredValue
from hwsim.frontends.onnx_growing import Growing
from hwsim.frontends.onnx_values import (
    Constant,
    Dequantized,
    Draft,
    Integers,
    JoinedDraft,
    QuantizedConstant,
    Reals,
    Steps,
    Value,
)
from hwsim.frontends.onnx_views import View
from hwsim.graph import Quantization
from hwsim.graph.file_tensors import Element
from hwsim.graph.operators import Shuffle

BYTES = ("int8", "uint8")
HALF_BYTES = ("int4", "uint4")
LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}


@dataclass(frozen=True)
class Call:
    """One node; `values` has what the nodes before it left, by the file's names."""

    node: StoredNode
    stored: Mapping[str, StoredValue]
    values: Mapping[str, Value]
    graph: Growing
    operator_set: int

    @property
    def name(self) -> str:
        """The name of the node's operator in the graph."""
        return f"{self.node.word.lower()}_{self.node.index}"

    @property
    def place(self) -> str:
        return self.node.place

    @property
    def left(self) -> str:
        """The file's name of the first output."""
        return self.node.outputs[0]

    def ends(self, *inputs: str) -> dict[str, Any]:
        """Return the fields that every operator has, for one that reads these tensors."""
        return {
            "name": self.name, "inputs": inputs, "outputs": (self.name,), "place": self.place,
        }  # fmt: skip

    def attribute(self, name: str, default: Any = None) -> Any:
        return self.node.attributes.get(name, default)

    def integer(self, name: str, default: int) -> int:
        value = self.attribute(name, default)
        if type(value) is not int:
            raise InputError(f"{name} {shown(value)}: must be an integer")
        return value

    def real(self, name: str, default: float) -> float:
        value = self.attribute(name, default)
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(f"{name} {shown(value)}: must be a finite number")
        return float(value)

    def integers(self, name: str, default: Sequence[int]) -> tuple[int, ...]:
        value = self.attribute(name, list(default))
        if not isinstance(value, list) or not all(type(each) is int for each in value):
            raise InputError(f"{name} {shown(value)}: must be integers")
        return tuple(value)

    def has(self, place: int) -> bool:
        """Return True if an input, counted from 0, is there; a node may leave out optional ones."""
        return place < len(self.node.inputs) and bool(self.node.inputs[place])

    def value(self, place: int) -> Value:
        if not self.has(place):
            raise InputError(f"it has no input {place}")
        name = self.node.inputs[place]
        if name not in self.values:
            raise InputError(f"input {place} is left by no node that is taken")
        return self.values[name]

    def constant(self, place: int) -> NDArray[Any]:
        """Return an input that the file must have as a constant."""
        value = self.value(place)
        if isinstance(value, QuantizedConstant):
            return value.real
        if not isinstance(value, Constant):
            raise InputError(f"input {place} must be a constant, it is computed")
        return value.values

    def sizes(self, place: int) -> tuple[int, ...]:
        """Return an input of integers, such as a shape, which must be a constant."""
        values = self.constant(place)
        if values.dtype.kind not in "iu":
            raise InputError(f"input {place} of {values.dtype}: must be integers")
        return tuple(int(each) for each in values.reshape(-1))

    def is_constant(self, place: int) -> bool:
        return isinstance(self.value(place), Constant | QuantizedConstant)

    def integers_of(self, value: Value) -> Integers:
        """Return the integers for which real numbers stand.

        Raises `InputError` for real numbers that nothing has quantized.
        """
        match value:
            case Dequantized(integers):
                return integers
            case Integers():
                return value
            case Draft(operator) | JoinedDraft(operator):
                raise InputError(
                    f"it reads real numbers of {operator.place}: a QuantizeLinear must be between"
                )
            case Reals():
                raise InputError("it reads real numbers: only a quantized network is computed")
        raise InputError("it reads a constant: not supported")

    def map(self, place: int) -> Integers:
        """Return an input [1, C, H, W] of integers, or of real numbers that stand for them."""
        found = self.integers_of(self.value(place))
        order = found.view.channel_order
        if order is not None:
            return self._shuffled(found, order)
        if not found.view.is_map:
            raise InputError(
                f"input {place} of {list(found.view.sizes)}: rows and columns behind channels are "
                "wanted, it comes otherwise out of reshapes or transposes"
            )
        return found

    def _shuffled(self, read: Integers, order: tuple[int, ...]) -> Integers:
        """Return a map whose channels are in the order in which a view shows them."""
        name = f"{self.name}.shuffle"
        shuffle = Shuffle(
            name=name, inputs=(read.tensor,), outputs=(name,), place=self.place, order=order
        )
        shape = read.view.shape
        view = View.of_map((1, shape.channels, shape.height, shape.width))
        tensor = self.graph.add(shuffle, f"{self.left}.shuffle", view, read.steps)
        return Integers(tensor, view, read.steps)

    def like(self, place: int, found: Integers) -> Value:
        """Return integers, or the real numbers that they stand for where an input has these."""
        return found if isinstance(self.value(place), Integers) else Dequantized(found)

    def steps(self, scale: int, zero_point: int, element: str | None = None) -> Steps:
        """Return the one scale and zero point of two inputs."""
        scales, zero_points = self.scales(scale, zero_point)
        kind = element or self._element(zero_point)
        if kind not in BYTES:
            raise InputError(f"integers of {kind}: must be {' or '.join(BYTES)}")
        if scales.size != 1 or zero_points.size != 1:
            raise InputError(
                f"{scales.size} scales and {zero_points.size} zero points: must be one of a map"
            )
        own, (low, high) = int(zero_points.flat[0]), LIMITS[kind]
        if not low <= own <= high:
            raise InputError(f"zero point {own}: must be {low} to {high}")
        return Steps(Element(kind), Quantization(float(scales.flat[0]), own))

    def scales(self, scale: int, zero_point: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        scales = self.constant(scale)
        if scales.dtype != np.float32:
            raise InputError(f"scales of {scales.dtype}: must be float32")
        if scales.ndim > 1 or not scales.size:
            raise InputError(f"scales of shape {list(scales.shape)}: must be one, or one by index")
        if not (np.isfinite(scales) & (scales > 0)).all():
            raise InputError("a scale that is not a finite number above 0")
        zero_points = np.zeros(scales.shape, np.int64)
        if self.has(zero_point):
            zero_points = self.constant(zero_point)
            if zero_points.dtype.kind not in "iu" or zero_points.size != scales.size:
                raise InputError(
                    f"{zero_points.size} zero points of {zero_points.dtype} for {scales.size} "
                    "scales"
                )
        return scales.reshape(-1), zero_points.reshape(-1).astype(np.int64)

    def _element(self, zero_point: int) -> str:
        if not self.has(zero_point):
            return "uint8"
        return str(self.constant(zero_point).dtype)

    def bits(self, place: int) -> int:
        """Return the width of an integer of an input in the file, which reading makes bytes."""
        stored = self.stored.get(self.node.inputs[place])
        return 4 if stored is not None and stored.type in HALF_BYTES else 8

    def axis(self, number: int, rank: int) -> int:
        if not -rank <= number < rank:
            raise InputError(f"axis {number} of a tensor of {rank} axes")
        return number % rank

    def view(self, place: int) -> View:
        value = self.value(place)
        if isinstance(value, Constant | QuantizedConstant):
            raise InputError(f"input {place} must be computed, it is a constant")
        return value.view
