"""Leaves to the host what would cost a program of the accelerator for little work.

A program that has neither a convolution nor a fully connected operator is not worth its start, nor
that its maps go there and back. So the host also computes the other operators, *small* ones,

* between two of its own on which a convolution depends;
* behind its own, where no convolution follows.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Convolution, FullyConnected, Operator


def with_small_work(graph: OperatorGraph, work: Collection[str]) -> set[str]:
    """Return the names of all operators that the host computes, if `work` can only be its own."""
    ahead = _Ahead.of(graph, work)
    by_host: set[str] = set()
    # By tensor: how many programs have run before the host can read it, and before another program
    # can. What a program leaves, it can read itself.
    for_host = {tensor.name: 0 for tensor in graph.inputs}
    for_device = dict(for_host)
    for operator in graph.operators:
        host = max(for_host[name] for name in operator.inputs)
        device = max(for_device[name] for name in operator.inputs)
        is_fresh = not _is_large(operator) and device == host  # no program has left what it reads
        ends_here = host > 0 and operator.name not in ahead.followed
        if operator.name in work or (is_fresh and (ends_here or operator.name in ahead.leading)):
            by_host.add(operator.name)
            device = host
        else:
            host = device + 1
        for name in operator.outputs:
            for_host[name], for_device[name] = host, device
    return by_host


@dataclass
class _Ahead:
    """The operators by what comes behind them."""

    followed: set[str] = field(default_factory=set)  # a large operator of a program depends on them
    leading: set[str] = field(default_factory=set)  # small ones lead to followed ones of the host

    @classmethod
    def of(cls, graph: OperatorGraph, work: Collection[str]) -> "_Ahead":
        found = cls()
        followed_by: set[str] = set()  # tensors
        leading_by: set[str] = set()
        for operator in reversed(graph.operators):
            outputs, is_own = set(operator.outputs), operator.name in work
            if outputs & followed_by:
                found.followed.add(operator.name)
            if outputs & leading_by:
                found.leading.add(operator.name)
            is_large = _is_large(operator) and not is_own
            if is_large or operator.name in found.followed:
                followed_by.update(operator.inputs)
            if operator.name in (found.followed if is_own else found.leading) and not is_large:
                leading_by.update(operator.inputs)
        return found


def _is_large(operator: Operator) -> bool:
    return isinstance(operator, Convolution | FullyConnected)
