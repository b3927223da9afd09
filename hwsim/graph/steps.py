"""A quantized file's network, shared between host and accelerator in ordered steps."""

from dataclasses import dataclass

from hwsim.errors import InputError
from hwsim.graph.file_tensors import FileTensor
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Operator
from hwsim.graph.stages import Graph


@dataclass(frozen=True)
class HostStep:
    """An operator that the host computes."""

    operator: Operator

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of the tensors that the step reads."""
        return self.operator.inputs

    @property
    def leaves(self) -> tuple[str, ...]:
        """The names of the tensors that the step leaves for others."""
        return self.operator.outputs


@dataclass(frozen=True)
class DeviceStep:
    """Stages that the accelerator computes in one program."""

    graph: Graph

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of the tensors that the step reads."""
        return tuple(tensor.name for tensor in self.graph.inputs)

    @property
    def leaves(self) -> tuple[str, ...]:
        """The names of the tensors that the step leaves for others."""
        return tuple(tensor.name for tensor in self.graph.outputs)


Step = HostStep | DeviceStep


@dataclass(frozen=True)
class FileNetwork:
    """The operators of a file as steps, each of which reads what comes from outside or before it.

    Tensors have the names of `operators`, which also says what they are in the file. `kernels` is
    the runtime whose arithmetic host and accelerator compute with.

    Raises `InputError` unless every tensor that is read is there, and there is one `DeviceStep`.
    """

    operators: OperatorGraph
    kernels: Kernels
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        there = {tensor.name for tensor in self.operators.inputs}
        for step in self.steps:
            _check_there(self.name, there, step.reads)
            there.update(step.leaves)
        _check_there(self.name, there, self.operators.outputs)
        programs = sum(isinstance(step, DeviceStep) for step in self.steps)
        if programs != 1:
            raise InputError(
                f"network {self.name}: {programs} programs of the accelerator: only one is "
                "supported so far"
            )

    @property
    def name(self) -> str:
        """The name of the file without its ending."""
        return self.operators.name

    @property
    def graph(self) -> Graph:
        """The stages of the one program of the accelerator."""
        (found,) = (step.graph for step in self.steps if isinstance(step, DeviceStep))
        return found

    @property
    def inputs(self) -> dict[str, FileTensor]:
        """The inputs as the file has them, by the names that the operators have for them."""
        return {tensor.name: self.in_file(tensor.name) for tensor in self.operators.inputs}

    @property
    def outputs(self) -> dict[str, FileTensor]:
        """The outputs as the file has them, by the names that the operators have for them."""
        return {name: self.in_file(name) for name in self.operators.outputs}

    @property
    def output_names(self) -> dict[str, str]:
        """The file's own name of every output, or the operators' where that is empty or taken."""
        found: dict[str, str] = {}
        for name, tensor in self.outputs.items():
            is_own = bool(tensor.name) and tensor.name not in found.values()
            found[name] = tensor.name if is_own else name
        return found

    def in_file(self, name: str) -> FileTensor:
        """Return a tensor as the file has it."""
        return self.operators.in_file[name]


def _check_there(network: str, there: set[str], names: tuple[str, ...]) -> None:
    for name in names:
        if name not in there:
            raise InputError(f"network {network}: no step leaves tensor '{name}'")
