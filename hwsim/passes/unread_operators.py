"""Drops operators that only lead to what nobody reads."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hwsim.graph.file_tensors import FileTensor
from hwsim.graph.infer_operators import inferred_shape
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Operator
from hwsim.graph.read_operators import read_operators


def with_operators(
    graph: OperatorGraph, operators: list[Operator], outputs: tuple[str, ...] | None = None
) -> OperatorGraph:
    """Return the graph with other operators, without those nobody reads.

    Its outputs are the same where no others are given. A tensor that no file has is like the first
    one that its operator reads, but for its shape.
    """
    outputs = graph.outputs if outputs is None else outputs
    kept = read_operators(operators, outputs)
    in_file = _with_added(graph.in_file, kept) if graph.in_file else graph.in_file
    return replace(graph, operators=kept, outputs=outputs, in_file=in_file)


def _with_added(
    in_file: Mapping[str, FileTensor], operators: Sequence[Operator]
) -> dict[str, FileTensor]:
    """Return the tensors of a file with those that passes have added."""
    found = dict(in_file)
    for operator in operators:
        (name,) = operator.outputs
        if name not in found:
            read = [found[each] for each in operator.inputs]
            shape = inferred_shape(operator, [tensor.shape for tensor in read])
            dims = 1, shape.height, shape.width, shape.channels
            found[name] = replace(read[0], name=name, dims=dims, layout=None)
    return found
