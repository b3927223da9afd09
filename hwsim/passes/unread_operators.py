"""Drops operators that only lead to what nobody reads."""

from dataclasses import replace

from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Operator


def read_operators(operators: list[Operator], outputs: tuple[str, ...]) -> tuple[Operator, ...]:
    """Return the operators on which some output depends, in the same order."""
    read = set(outputs)
    kept: list[Operator] = []
    for operator in reversed(operators):
        if read.intersection(operator.outputs):
            kept.append(operator)
            read.update(operator.inputs)
    return tuple(reversed(kept))


def with_operators(
    graph: OperatorGraph, operators: list[Operator], outputs: tuple[str, ...] | None = None
) -> OperatorGraph:
    """Return the graph with other operators, without those nobody reads.

    Its outputs are the same where no others are given.
    """
    outputs = graph.outputs if outputs is None else outputs
    return replace(graph, operators=read_operators(operators, outputs), outputs=outputs)
