"""Leaves to the host what the accelerator does not compute."""

from dataclasses import replace

from hwsim.errors import InputError
from hwsim.graph.operator_graph import OperatorGraph


def without_host_operators(graph: OperatorGraph) -> OperatorGraph:
    """Return the graph without the operators of the host, which then read its outputs.

    Raises `InputError` where an operator of the accelerator reads what the host computes.
    """
    by_host = {
        name for operator in graph.operators if operator.IS_ON_HOST for name in operator.outputs
    }
    kept = tuple(operator for operator in graph.operators if not operator.IS_ON_HOST)
    for operator in kept:
        for name in operator.inputs:
            if name in by_host:
                raise InputError(
                    f"layer {operator.name} reads tensor '{name}', which the host computes: "
                    "nothing may follow an operator of the host"
                )
    read_by_host = [
        name for operator in graph.operators if operator.IS_ON_HOST for name in operator.inputs
    ]
    wanted = dict.fromkeys((*graph.outputs, *read_by_host))
    outputs = tuple(name for name in wanted if name not in by_host)
    return replace(graph, operators=kept, outputs=outputs)
