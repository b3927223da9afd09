"""Lets a fully connected operator read the map that a reshape before it has flattened."""

from dataclasses import replace

import numpy as np

from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import FullyConnected, Operator, Reshape
from hwsim.passes.unread_operators import with_operators


def fold_reshapes(graph: OperatorGraph) -> OperatorGraph:
    """Return the graph in which fully connected operators read maps, their weights permuted.

    A reshape that leaves the shape as it is vanishes. A flattened map has its channels innermost.
    """
    reshapes = {
        operator.outputs[0]: operator
        for operator in graph.operators
        if isinstance(operator, Reshape)
    }
    operators: list[Operator] = []
    for operator in graph.operators:
        folded = operator
        while isinstance(folded, FullyConnected) and folded.inputs[0] in reshapes:
            folded = _folded(graph, folded, reshapes[folded.inputs[0]])
        operators.append(folded)
    return with_operators(graph, operators)


def _folded(graph: OperatorGraph, operator: FullyConnected, reshape: Reshape) -> FullyConnected:
    """Return the operator on what the reshape reads."""
    weights = operator.constants.weights
    shape = graph.tensors[reshape.inputs[0]].shape
    in_file_order = weights.transpose(0, 2, 3, 1).reshape(
        len(weights), shape.height, shape.width, shape.channels
    )
    permuted = np.ascontiguousarray(in_file_order.transpose(0, 3, 1, 2))
    return replace(
        operator,
        inputs=reshape.inputs,
        constants=replace(operator.constants, weights=permuted),
        origins=(*operator.computes, *reshape.computes),
    )
