"""A network as its file has it: operators in the order in which they are computed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hwsim.graph.check import WEIGHT_BITS
from hwsim.graph.check_operators import check_operator_graph
from hwsim.graph.file_constants import QuantizedWeights
from hwsim.graph.file_tensors import FileTensor
from hwsim.graph.infer_operators import operator_macs
from hwsim.graph.operators import Operator
from hwsim.graph.short_repr import short_repr
from hwsim.graph.tensors import Shape, Tensor


@dataclass(frozen=True)
class OperatorGraph:
    """Operators in a topological order, with the tensors that come from and go outside.

    Any number of operators may read a tensor. Only those of `inputs` have a shape of their own, all
    others follow. `in_file` has every tensor of a quantized network as its file has it, by the name
    that it has here; in a network of real values it is empty. `calibration` names the data that
    hwsim has quantized the file on; it is None where somebody else has. Raises `InputError` for
    what breaks a rule of `hwsim/graph/check_operators.py`.
    """

    name: str
    inputs: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    outputs: tuple[str, ...]
    in_file: Mapping[str, FileTensor] = field(default_factory=dict)
    calibration: str | None = None

    def __post_init__(self) -> None:
        assert self.tensors

    def __repr__(self) -> str:
        inputs = {tensor.name: str(tensor.shape) for tensor in self.inputs}
        outputs = {name: str(self.tensors[name].shape) for name in self.outputs}
        return short_repr(self, self.name, inputs, outputs, f"{len(self.operators)} operators")

    @cached_property
    def tensors(self) -> Mapping[str, Tensor]:
        """Every tensor by its name: the inputs, then what the operators leave."""
        return check_operator_graph(self)

    @cached_property
    def weight_bits(self) -> int:
        """The width that takes all weights of a quantized file: that of its widest."""
        constants = (getattr(operator, "constants", None) for operator in self.operators)
        widths = [each.bits for each in constants if isinstance(each, QuantizedWeights)]
        return max(widths, default=max(WEIGHT_BITS))

    def read(self, operator: Operator) -> tuple[Tensor, ...]:
        """Return the tensors that an operator reads."""
        return tuple(self.tensors[name] for name in operator.inputs)

    def left(self, operator: Operator) -> Tensor:
        """Return the tensor that an operator leaves, the first one of several."""
        return self.tensors[operator.outputs[0]]

    def shapes(self, operator: Operator) -> tuple[Shape, ...]:
        """Return the shapes of what an operator reads."""
        return tuple(tensor.shape for tensor in self.read(operator))

    def macs(self, operator: Operator) -> int:
        """Return the useful multiply-accumulates of an operator for one frame."""
        return operator_macs(operator, self.shapes(operator))

    @property
    def total_macs(self) -> int:
        """Useful multiply-accumulates of one frame."""
        return sum(map(self.macs, self.operators))
