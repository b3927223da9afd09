"""Shares the operators of a quantized file's network between the host and the accelerator."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from hwsim.errors import InputError
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Axis, Concat, Operator, Reshape
from hwsim.graph.pointwise import Dequantize, Quantize
from hwsim.passes.small_work import with_small_work


@dataclass(frozen=True)
class HostParts:
    """The operators of the host, in the file's order, and those of the accelerator.

    The inputs of `device` come from outside or from the host; its outputs go there.
    """

    host: tuple[Operator, ...]
    device: OperatorGraph


def host_parts(graph: OperatorGraph, left_to_host: Collection[str] = ()) -> HostParts:
    """Return both parts of a network.

    `left_to_host` names operators that the host computes besides those that always are its work.
    Raises `InputError` if nothing is left for the accelerator.
    """
    graph = _without_identities(graph)
    work = {
        operator.name
        for operator in graph.operators
        if operator.name in left_to_host or _is_host_work(graph, operator)
    }
    by_host = with_small_work(graph, work)
    by_host |= _reshapes_for_host(graph, by_host)
    host = tuple(operator for operator in graph.operators if operator.name in by_host)
    device = tuple(operator for operator in graph.operators if operator.name not in by_host)
    if not device:
        raise InputError(f"network {graph.name}: nothing is left for the accelerator")
    made = {name for operator in device for name in operator.outputs}
    read = {name for operator in device for name in operator.inputs}
    wanted = {name for operator in host for name in operator.inputs} | set(graph.outputs)
    inputs = tuple(graph.tensors[name] for name in graph.tensors if name in read - made)
    outputs = tuple(name for name in graph.tensors if name in made & wanted)
    return HostParts(host, replace(graph, inputs=inputs, operators=device, outputs=outputs))


def _is_host_work(graph: OperatorGraph, operator: Operator) -> bool:
    """Return True for what the accelerator does not compute wherever it stands."""
    if operator.IS_ON_HOST:
        return True
    if isinstance(operator, Quantize | Dequantize):
        ends = (*graph.read(operator), graph.left(operator))
        return any(tensor.quantization is None for tensor in ends)
    return isinstance(operator, Concat) and operator.axis is not Axis.CHANNELS


def _reshapes_for_host(graph: OperatorGraph, by_host: Collection[str]) -> set[str]:
    """Return the names of the reshapes that only the host or nobody reads."""
    found: set[str] = set()
    device_reads: set[str] = set()
    for operator in reversed(graph.operators):
        if operator.name in by_host:
            continue
        if isinstance(operator, Reshape) and not device_reads.intersection(operator.outputs):
            found.add(operator.name)
        else:
            device_reads.update(operator.inputs)
    return found


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
