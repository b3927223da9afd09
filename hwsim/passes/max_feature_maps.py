"""Makes virtual maps of max-feature-maps: the maximum of two halves of what one operator leaves.

The filters of a convolution or a fully connected operator are put into another order, in which the
two that are compared stand side by side, and the channel pool of the stage condenses them. The maps
of both halves are never written.
"""

from collections import Counter
from dataclasses import replace

import numpy as np

from hwsim.graph.file_constants import QuantizedWeights
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Convolution, FullyConnected, Maximum, Operator, Slice
from hwsim.graph.spatial_pool import SpatialPool
from hwsim.passes.unread_operators import with_operators

HALVES = 2
Weighted = Convolution | FullyConnected


def fuse_max_feature_maps(graph: OperatorGraph) -> OperatorGraph:
    """Return the graph without maxima of two halves that nobody else reads."""
    made = {operator.outputs[0]: operator for operator in graph.operators}
    readers = Counter(name for operator in graph.operators for name in operator.inputs)
    readers.update(graph.outputs)
    condensed: dict[str, Operator] = {}  # by the name of the operator with the filters
    gone: set[str] = set()  # operators
    for operator in graph.operators:
        halves = _halves(graph, operator, made)
        if halves is None:
            continue
        before = made.get(halves[0].inputs[0])
        alone = [readers[half.outputs[0]] for half in halves] == [1, 1]
        if not isinstance(before, Weighted) or not alone or readers[before.outputs[0]] != HALVES:
            continue
        if _can_condense(before):
            condensed[before.name] = _condensed(before, halves, operator)
            gone.update(each.name for each in (*halves, operator))
    operators = [
        condensed.get(operator.name, operator)
        for operator in graph.operators
        if operator.name not in gone
    ]
    return with_operators(graph, operators)


def _halves(
    graph: OperatorGraph, operator: Operator, made: dict[str, Operator]
) -> tuple[Slice, Slice] | None:
    """Return the two slices of one tensor, its first half first, whose maximum an operator is."""
    if not isinstance(operator, Maximum) or operator.constant is not None:
        return None
    found = [made.get(name) for name in operator.inputs]
    slices = [each for each in found if isinstance(each, Slice)]
    if len(slices) != HALVES or slices[0].inputs != slices[1].inputs:
        return None
    first, second = sorted(slices, key=lambda each: each.first_channel)
    (whole,) = graph.read(first)
    half = whole.shape.channels // HALVES
    wanted = [(0, half), (half, half)]
    has = [(each.first_channel, each.channels) for each in (first, second)]
    return (first, second) if has == wanted and whole.shape.channels % HALVES == 0 else None


def _can_condense(operator: Weighted) -> bool:
    if operator.channel_pool != 1 or operator.constants is None:
        return False
    if isinstance(operator, FullyConnected):
        return True
    # The filters of a group stand together, and a pool before the maximum would be another one.
    return operator.groups == 1 and operator.spatial_pool == SpatialPool.NONE


def _condensed(operator: Weighted, halves: tuple[Slice, Slice], maximum: Operator) -> Operator:
    assert operator.constants is not None
    order = np.arange(operator.filters).reshape(HALVES, -1).T.reshape(-1)
    others = [name for each in (*halves, maximum) for name in each.computes]
    return replace(
        operator,
        outputs=maximum.outputs,
        origins=(*operator.computes, *others),
        channel_pool=HALVES,
        constants=_reordered(operator.constants, order),
    )


def _reordered(constants: QuantizedWeights, order: np.ndarray) -> QuantizedWeights:
    real = constants.real_bias
    return replace(
        constants,
        weights=np.ascontiguousarray(constants.weights[order]),
        scales=constants.scales if constants.scales.size == 1 else constants.scales[order],
        bias=constants.bias[order],
        real_bias=None if real is None else real[order],
    )
