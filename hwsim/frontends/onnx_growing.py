"""The operators of an `.onnx` so far, with the tensors between them; it grows node by node."""

from dataclasses import dataclass, field, replace

from hwsim.errors import InputError
from hwsim.frontends.onnx_values import (
    Dequantized,
    Draft,
    Integers,
    JoinedDraft,
    Reals,
    Steps,
    Value,
)
from hwsim.frontends.onnx_views import View
from hwsim.graph import Shape
from hwsim.graph.check_operators import check_operator
from hwsim.graph.check_quantized import REAL
from hwsim.graph.file_tensors import Element, FileTensor
from hwsim.graph.operators import Operator, Reshape
from hwsim.graph.pointwise import Dequantize, Quantize


@dataclass
class Growing:
    """Operators in their order, and every tensor as the file has it."""

    operators: list[Operator] = field(default_factory=list)
    in_file: dict[str, FileTensor] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)  # names of operators and tensors

    def shape(self, tensor: str) -> Shape:
        return self.in_file[tensor].shape

    def free_name(self, wanted: str) -> str:
        """Return a name that no operator and no tensor has."""
        name, number = wanted, 2
        while name in self.taken:
            name, number = f"{wanted}.{number}", number + 1
        return name

    def left_by(self, operator: Operator) -> Shape:
        """Return the shape that an operator leaves, which is not yet in the graph.

        Raises `InputError` for one that breaks a rule.
        """
        return check_operator(operator, [self.shape(name) for name in operator.inputs])[0]

    def add(self, operator: Operator, in_file: str, view: View, steps: Steps | None) -> str:
        """Take an operator into the graph; return the tensor that it leaves.

        `in_file` is the file's name of that tensor. Without `steps` it has real numbers.
        """
        name = self.free_name(operator.name)
        self.operators.append(replace(operator, name=name, outputs=(name,)))
        self.taken.add(name)
        self.note(name, in_file, view, steps)
        return name

    def note(self, tensor: str, in_file: str, view: View, steps: Steps | None) -> None:
        """Note a tensor as the file has it."""
        element = Element.FLOAT32 if steps is None else steps.element
        quantization = None if steps is None else steps.quantization
        self.taken.add(tensor)
        self.in_file[tensor] = FileTensor(
            in_file, view.sizes, element, quantization, layout=view.layout
        )

    def quantized(
        self, value: Value, steps: Steps, name: str, place: str, in_file: str
    ) -> Integers:
        """Return the integers of real numbers.

        `name` and `place` are those of the node that quantizes them.
        """
        match value:
            case Dequantized(integers):
                if integers.steps == steps:
                    return integers
                operator = _requantize(name, place, integers.tensor)
            case Reals(tensor):
                operator = _requantize(name, place, tensor)
            case Draft(own):
                operator = own
            case JoinedDraft(own, parts):
                inputs = tuple(
                    self.quantized(Dequantized(part), steps, own.name, own.place, in_file).tensor
                    for part in parts
                )
                operator = replace(own, inputs=inputs)
            case _:
                raise InputError("it quantizes a constant: not supported")
        return Integers(self.add(operator, in_file, value.view, steps), value.view, steps)

    def real(self, value: Value, name: str, place: str, in_file: str) -> Reals:
        """Return real numbers as a tensor of the graph, which the host leaves.

        Raises `InputError` for what the accelerator would have to leave in real numbers.
        """
        match value:
            case Reals():
                return value
            case Dequantized(integers):
                own = Dequantize(name=name, inputs=(integers.tensor,), outputs=(name,), place=place)
                return Reals(self.add(own, in_file, value.view, None), value.view)
            case Draft(operator) if isinstance(operator, REAL):
                inputs = tuple(self._real_input(each, operator) for each in operator.inputs)
                own_name = self.add(replace(operator, inputs=inputs), in_file, value.view, None)
                return Reals(own_name, value.view)
            case Draft(operator) | JoinedDraft(operator):
                raise InputError(
                    f"real numbers of {operator.place} reach it: a QuantizeLinear must be between"
                )
        raise InputError("it reads a constant: not supported")

    def _real_input(self, tensor: str, operator: Operator) -> str:
        """Return a tensor of real numbers for what an operator reads."""
        own = self.in_file[tensor]
        if own.element is Element.FLOAT32:
            return tensor
        name = f"{operator.name}.input"
        dequantize = Dequantize(name=name, inputs=(tensor,), outputs=(name,), place=operator.place)
        taken = self.free_name(name)
        self.operators.append(replace(dequantize, name=taken, outputs=(taken,)))
        self.taken.add(taken)
        self.in_file[taken] = replace(own, element=Element.FLOAT32, quantization=None)
        return taken

    def copied(self, tensor: str, in_file: str, view: View, place: str) -> str:
        """Return another tensor of the same values, for an output that another one has already."""
        own = self.in_file[tensor]
        steps = None if own.quantization is None else Steps(own.element, own.quantization)
        same = Reshape(
            name=f"{tensor}.copy", inputs=(tensor,), outputs=(tensor,), place=place, shape=own.shape
        )
        return self.add(same, in_file, view, steps)


def _requantize(name: str, place: str, tensor: str) -> Operator:
    return Quantize(name=name, inputs=(tensor,), outputs=(name,), place=place)
