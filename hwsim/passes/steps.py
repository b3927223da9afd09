"""Shares a quantized file's network between host and accelerator."""

from hwsim.errors import InputError, WithoutStageError
from hwsim.graph import Graph, Stage
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Convolution, Operator
from hwsim.graph.steps import DeviceStep, FileNetwork, HostStep, Step
from hwsim.passes.host_parts import HostParts, host_parts
from hwsim.passes.lower import Lowered, lower_as_in_file
from hwsim.passes.table_stages import Tables

# By name, what it reads and what it leaves.
Waiting = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]


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
    hosts: Waiting = {each.name: (each.inputs, each.outputs) for each in parts.host}
    waiting: Waiting = {
        stage.name: (tuple(tensor.name for tensor in stage.inputs), (stage.output.name,))
        for stage in graph.stages
    }
    operators = {operator.name: operator for operator in parts.host}
    stages = {stage.name: stage for stage in graph.stages}
    made = {name for _, left in (*hosts.values(), *waiting.values()) for name in left}
    there = {name for reads, _ in (*hosts.values(), *waiting.values()) for name in reads} - made
    turns: list[Operator | list[Stage]] = []
    while hosts or waiting:
        turns += (operators[name] for name in _take(hosts, there))
        taken = [stages[name] for name in _take(waiting, there)]
        if taken:
            turns.append(taken)
    programs = iter(_programs(graph, [turn for turn in turns if isinstance(turn, list)]))
    return tuple(
        DeviceStep(next(programs)) if isinstance(turn, list) else HostStep(turn) for turn in turns
    )


def _take(waiting: Waiting, there: set[str]) -> list[str]:
    """Take out all that can be computed of what is there; note there what it leaves."""
    taken: list[str] = []
    for name, (reads, left) in tuple(waiting.items()):
        if there.issuperset(reads):
            del waiting[name]
            there.update(left)
            taken.append(name)
    return taken


def _programs(graph: Graph, parts: list[list[Stage]]) -> list[Graph]:
    """Return a graph of each part, which leaves what others read and what the whole leaves."""
    if len(parts) == 1:
        return [graph]
    last_part = {
        tensor.name: number
        for number, stages in enumerate(parts)
        for stage in stages
        for tensor in stage.inputs
    }
    last_part |= {tensor.name: len(parts) for tensor in graph.outputs}
    found: list[Graph] = []
    for number, stages in enumerate(parts):
        left = {stage.output.name: stage.output for stage in stages}
        read = {tensor.name: tensor for stage in stages for tensor in stage.inputs}
        inputs = tuple(tensor for name, tensor in read.items() if name not in left)
        outputs = tuple(each for name, each in left.items() if last_part[name] > number)
        found.append(Graph(graph.name, inputs, tuple(stages), outputs, graph.origin))
    return found
