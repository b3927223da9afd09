"""Lets convolutions pad what they read themselves, in place of an operator before them."""

from dataclasses import replace

from hwsim.graph import Padding
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Convolution, Operator, Pad
from hwsim.passes.unread_operators import with_operators


def fold_pads(graph: OperatorGraph) -> OperatorGraph:
    """Return the graph in which no convolution reads a map that was only padded.

    Both frames hold zeros, which are the tensor's zero point. Added channels stay as they are.
    """
    pads = {
        operator.outputs[0]: operator
        for operator in graph.operators
        if isinstance(operator, Pad) and operator.channels == (0, 0)
    }
    operators: list[Operator] = []
    for operator in graph.operators:
        folded = operator
        while isinstance(folded, Convolution) and folded.inputs[0] in pads:
            pad = pads[folded.inputs[0]]
            folded = replace(
                folded,
                inputs=pad.inputs,
                padding=_both(folded.padding, pad.padding),
                origins=(*folded.computes, *pad.computes),
            )
        operators.append(folded)
    return with_operators(graph, operators)


def _both(inner: Padding, outer: Padding) -> Padding:
    return Padding(
        inner.top + outer.top,
        inner.left + outer.left,
        inner.bottom + outer.bottom,
        inner.right + outer.right,
    )
