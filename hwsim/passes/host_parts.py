"""Cuts a quantized file's network into what the host does before, the accelerator, and after it."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from hwsim.errors import InputError
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Axis, Concat, Convolution, FullyConnected, Operator, Reshape
from hwsim.graph.pointwise import Dequantize, Quantize


@dataclass(frozen=True)
class HostParts:
    """The operators in three parts, each in the order in which they are computed.

    The host computes `before` from the network's inputs, the accelerator `device`, and the host
    `after` from the outputs of that.
    """

    before: tuple[Operator, ...]
    device: OperatorGraph
    after: tuple[Operator, ...]


def host_parts(graph: OperatorGraph, left_to_host: Collection[str] = ()) -> HostParts:
    """Return the three parts of a network.

    `left_to_host` names operators that the host computes besides those that always are its work.
    Raises `InputError` for a convolution behind an operator that only the host computes.
    """
    graph = _without_identities(graph)
    work = {
        operator.name
        for operator in graph.operators
        if operator.name in left_to_host or _is_host_work(graph, operator)
    }
    before = _before(graph, work)
    after = _after(graph, work, {operator.name for operator in before})
    host = {operator.name for operator in (*before, *after)}
    device = tuple(operator for operator in graph.operators if operator.name not in host)
    made = {name for operator in device for name in operator.outputs}
    read = {name for operator in device for name in operator.inputs}
    wanted = {name for operator in after for name in operator.inputs} | set(graph.outputs)
    inputs = tuple(graph.tensors[name] for name in graph.tensors if name in read - made)
    outputs = tuple(name for name in graph.tensors if name in made & wanted)
    if not device:
        raise InputError(f"network {graph.name}: nothing is left for the accelerator")
    return HostParts(
        before, replace(graph, inputs=inputs, operators=device, outputs=outputs), after
    )


def _is_host_work(graph: OperatorGraph, operator: Operator) -> bool:
    """Return True for what the accelerator does not compute wherever it stands."""
    if operator.IS_ON_HOST:
        return True
    if isinstance(operator, Quantize | Dequantize):
        ends = (*graph.read(operator), graph.left(operator))
        return any(tensor.quantization is None for tensor in ends)
    return isinstance(operator, Concat) and operator.axis is not Axis.CHANNELS


def _before(graph: OperatorGraph, work: set[str]) -> tuple[Operator, ...]:
    """Return the host's work that needs inputs of the network alone."""
    there = {tensor.name for tensor in graph.inputs}
    found: list[Operator] = []
    for operator in graph.operators:
        if operator.name in work and there.issuperset(operator.inputs):
            found.append(operator)
            there.update(operator.outputs)
    return tuple(found)


def _after(graph: OperatorGraph, work: set[str], before: set[str]) -> tuple[Operator, ...]:
    """Return the host's other work, and all that depends on it.

    Reshapes that only the host or nobody reads go with it.
    """
    by_host: set[str] = set()
    names: set[str] = set()
    for operator in graph.operators:
        depends = bool(by_host.intersection(operator.inputs))
        if operator.name not in before and (depends or operator.name in work):
            if isinstance(operator, Convolution | FullyConnected):
                raise InputError(
                    f"{operator.place or operator.name}: {operator.KIND} reads what the host "
                    "computes from the accelerator's outputs"
                )
            by_host.update(operator.outputs)
            names.add(operator.name)
    device_reads: set[str] = set()
    for operator in reversed(graph.operators):
        if operator.name in names or operator.name in before:
            continue
        if isinstance(operator, Reshape) and not device_reads.intersection(operator.outputs):
            names.add(operator.name)
        else:
            device_reads.update(operator.inputs)
    return tuple(operator for operator in graph.operators if operator.name in names)


def _without_identities(graph: OperatorGraph) -> OperatorGraph:
    """Return the graph without operators that leave what they read as it is."""
    same: dict[str, str] = {}
    kept: list[Operator] = []
    for operator in graph.operators:
        renamed = replace(operator, inputs=tuple(same.get(name, name) for name in operator.inputs))
        left = operator.outputs[0]
        if _is_identity(graph, operator) and left not in graph.outputs:
            same[left] = renamed.inputs[0]
        else:
            kept.append(renamed)
    return replace(graph, operators=tuple(kept))


def _is_identity(graph: OperatorGraph, operator: Operator) -> bool:
    read, left = graph.read(operator)[0], graph.left(operator)
    match operator:
        case Quantize():
            return read.quantization is not None and read.quantization == left.quantization
        case Reshape():
            return read.shape == left.shape
    return False
