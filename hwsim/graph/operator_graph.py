"""A network as its file has it: operators in the order in which they are computed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from hwsim.graph.check_operators import check_operator_graph
from hwsim.graph.infer_operators import operator_macs
from hwsim.graph.operators import Operator
from hwsim.graph.tensors import Shape, Tensor


@dataclass(frozen=True)
class OperatorGraph:
    """Operators in a topological order, with the tensors that come from and go outside.

    Any number of operators may read a tensor. Only those of `inputs` have a shape of their own, all
    others follow. Raises `InputError` for what breaks a rule of `hwsim/graph/check_operators.py`.
    """

    name: str
    inputs: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        assert self.tensors

    @cached_property
    def tensors(self) -> Mapping[str, Tensor]:
        """Every tensor by its name: the inputs, then what the operators leave."""
        return check_operator_graph(self)

    def shapes(self, operator: Operator) -> tuple[Shape, ...]:
        """Return the shapes of what an operator reads."""
        return tuple(self.tensors[name].shape for name in operator.inputs)

    def macs(self, operator: Operator) -> int:
        """Return the useful multiply-accumulates of an operator for one frame."""
        return operator_macs(operator, self.shapes(operator))

    @property
    def total_macs(self) -> int:
        """Useful multiply-accumulates of one frame."""
        return sum(map(self.macs, self.operators))
