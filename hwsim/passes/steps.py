"""Shares a quantized file's network between host and accelerator."""

from hwsim.errors import InputError, WithoutStageError
from hwsim.graph import Graph
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Convolution
from hwsim.graph.steps import DeviceStep, FileNetwork, HostStep, Step
from hwsim.passes.host_parts import HostParts, host_parts
from hwsim.passes.lower import Lowered, lower_as_in_file
from hwsim.passes.table_stages import Tables

Waiting = dict[str, tuple[tuple[str, ...], str]]  # by name, what it reads and what it leaves


def in_steps(operators: OperatorGraph, kernels: Kernels, tables: Tables) -> FileNetwork:
    """Return the steps in which a network is computed as one runtime does.

    Raises `InputError` for what neither has an exact stage nor can be left to the host.
    """
    parts, lowered = shared(operators, kernels, tables)
    return FileNetwork(operators, kernels, in_turn(parts, lowered.graph))


def shared(operators: OperatorGraph, kernels: Kernels, tables: Tables) -> tuple[HostParts, Lowered]:
    """Return the host's part of a network, and the stages of the accelerator's.

    An operator without an exact stage is left to the host, but for convolutions. Raises
    `InputError` as `in_steps`.
    """
    left_to_host: set[str] = set()
    convolutions = {each.name for each in operators.operators if isinstance(each, Convolution)}
    while True:
        parts = host_parts(operators, left_to_host)
        try:
            return parts, lower_as_in_file(parts, kernels, tables)
        except WithoutStageError as error:
            more = error.operators - convolutions - left_to_host
            if not more or not _leaves_work(operators, left_to_host | more):
                raise
            left_to_host |= more


def _leaves_work(operators: OperatorGraph, left_to_host: set[str]) -> bool:
    """Return True if the accelerator has work when the host computes these operators."""
    try:
        host_parts(operators, left_to_host)
    except InputError:
        return False
    return True


def in_turn(parts: HostParts, graph: Graph) -> tuple[Step, ...]:
    """Return all work in steps, as few of the accelerator as there can be.

    Host and accelerator take turns, and each does all that it can before the other one goes on.
    """
    hosts: Waiting = {each.name: (each.inputs, each.outputs[0]) for each in parts.host}
    stages: Waiting = {
        stage.name: (tuple(tensor.name for tensor in stage.inputs), stage.output.name)
        for stage in graph.stages
    }
    operators = {operator.name: operator for operator in parts.host}
    made = {left for _, left in (*hosts.values(), *stages.values())}
    there = {name for reads, _ in (*hosts.values(), *stages.values()) for name in reads} - made
    steps: list[Step] = []
    while hosts or stages:
        steps += (HostStep(operators[name]) for name in _take(hosts, there))
        taken = _take(stages, there)
        if taken:
            steps.append(DeviceStep(_part(graph, frozenset(taken))))
    return tuple(steps)


def _take(waiting: Waiting, there: set[str]) -> list[str]:
    """Take out all that can be computed of what is there; note there what it leaves."""
    taken: list[str] = []
    for name, (reads, left) in tuple(waiting.items()):
        if there.issuperset(reads):
            del waiting[name]
            there.add(left)
            taken.append(name)
    return taken


def _part(graph: Graph, names: frozenset[str]) -> Graph:
    """Return the graph of one program, which leaves what others read and what the whole leaves."""
    own = tuple(stage for stage in graph.stages if stage.name in names)
    if own == graph.stages:
        return graph
    others = (stage for stage in graph.stages if stage.name not in names)
    wanted = {tensor.name for stage in others for tensor in stage.inputs}
    wanted |= {tensor.name for tensor in graph.outputs}
    made = {stage.output.name for stage in own}
    read = {tensor.name for stage in own for tensor in stage.inputs} - made
    return Graph(
        graph.name,
        tuple(tensor for tensor in graph.tensors if tensor.name in read),
        own,
        tuple(stage.output for stage in own if stage.output.name in wanted),
        graph.origin,
    )
