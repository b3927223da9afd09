"""The operators on which outputs depend."""

from collections.abc import Sequence

from hwsim.graph.operators import Operator


def read_operators(operators: Sequence[Operator], outputs: tuple[str, ...]) -> tuple[Operator, ...]:
    """Return the operators on which some output depends, in the same order."""
    read = set(outputs)
    kept: list[Operator] = []
    for operator in reversed(operators):
        if read.intersection(operator.outputs):
            kept.append(operator)
            read.update(operator.inputs)
    return tuple(reversed(kept))
