"""A quantized file's network, shared between host and accelerator in ordered steps."""

from dataclasses import dataclass
from functools import cached_property

from hwsim.errors import InputError
from hwsim.graph.file_tensors import Element, FileTensor
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Operator
from hwsim.graph.short_repr import short_repr
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
    the runtime whose arithmetic host and accelerator compute with. With `fast_rescale`, the
    accelerator's stages have factors of 16 bits, and may store something else than that runtime;
    so they may where its own factors are real.

    Raises `InputError` unless every tensor that is read is there and is left once, and there is a
    `DeviceStep`.
    """

    operators: OperatorGraph
    kernels: Kernels
    steps: tuple[Step, ...]
    fast_rescale: bool = False

    def __post_init__(self) -> None:
        if not self.device_steps:
            raise InputError(f"network {self.name}: no step is the accelerator's")
        there = {tensor.name for tensor in self.operators.inputs}
        for step in self.steps:
            _check_there(self.name, there, step.reads)
            twice = there.intersection(step.leaves)
            if twice:
                raise InputError(f"network {self.name}: tensor '{min(twice)}' is left twice")
            there.update(step.leaves)
        _check_there(self.name, there, self.operators.outputs)

    def __repr__(self) -> str:
        inputs = {name: str(tensor) for name, tensor in self.inputs.items()}
        names = self.output_names
        outputs = {names[name]: str(tensor) for name, tensor in self.outputs.items()}
        steps = f"{len(self.steps)} steps, {len(self.device_steps)} of the accelerator"
        return short_repr(self, self.name, inputs, outputs, f"{steps}; {self.arithmetic}")

    @property
    def arithmetic(self) -> str:
        """The runtime's kernels, and what is not as they have it, in a few words."""
        return arithmetic_text(self.kernels, self.fast_rescale, self.operators.calibration)

    @property
    def is_exact(self) -> bool:
        """True where the accelerator's stages store what the runtime does, to the bit."""
        return self.kernels.is_exact and not self.fast_rescale

    @property
    def name(self) -> str:
        """The name of the file without its ending."""
        return self.operators.name

    @property
    def device_steps(self) -> tuple[DeviceStep, ...]:
        """The steps of the accelerator."""
        return tuple(step for step in self.steps if isinstance(step, DeviceStep))

    @property
    def host_steps(self) -> tuple[HostStep, ...]:
        """The steps of the host."""
        return tuple(step for step in self.steps if isinstance(step, HostStep))

    @cached_property
    def graph(self) -> Graph:
        """The stages of all programs as one graph, whose inputs and outputs the host has, too."""
        first, *others = (step.graph for step in self.device_steps)
        if not others:
            return first
        stages = tuple(stage for step in self.device_steps for stage in step.graph.stages)
        stored = {stage.output.name for stage in stages}
        read = {tensor.name: tensor for each in (first, *others) for tensor in each.inputs}
        wanted = {name for step in self.host_steps for name in step.reads}
        wanted |= set(self.operators.outputs)
        return Graph(
            first.name,
            tuple(tensor for name, tensor in read.items() if name not in stored),
            stages,
            tuple(stage.output for stage in stages if stage.output.name in wanted),
            first.origin,
        )

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
        """Return a tensor as the file has it; one that a pass has added, as it is stored."""
        if name in self.operators.in_file:
            return self.operators.in_file[name]
        tensor = next(each for each in self.graph.tensors if each.name == name)
        shape = tensor.shape
        dims = 1, shape.height, shape.width, shape.channels
        return FileTensor(name, dims, Element.INT8, tensor.quantization)


def arithmetic_text(kernels: str, fast_rescale: bool, calibration: str | None) -> str:
    """Return whose arithmetic a network has, and what hwsim has quantized it on, in a few words."""
    rescale = ", fast rescale" if fast_rescale else ""
    quantized = "" if calibration is None else f", quantized by hwsim on {calibration}"
    return f"{kernels} kernels{rescale}{quantized}"


def _check_there(network: str, there: set[str], names: tuple[str, ...]) -> None:
    for name in names:
        if name not in there:
            raise InputError(f"network {network}: no step leaves tensor '{name}'")
