"""Stores anew what no stage can read, and what nobody outside can read, as an address alone.

A stage reads slices of stored maps, each pixel as it is or doubled. These need a `Copy`:

* an output of the graph that no stage stores;
* a map that is doubled twice: the first doubling is stored;
* a doubled map under a stride or a dilation;
* joined maps under all but convolutions without groups and fully connected layers.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import (
    Concat,
    Convolution,
    Copy,
    FullyConnected,
    Operator,
    Pool,
    Slice,
    SpaceToDepth,
    Upsample,
)
from hwsim.passes.names import derived_name
from hwsim.passes.unread_operators import with_operators

ADDRESSES = (Slice, Upsample, Concat)  # what a stage can read in place of what they leave


def with_copies(graph: OperatorGraph) -> OperatorGraph:
    """Return the graph with a `Copy` wherever an address does not do.

    An output keeps its name: the copy leaves it, and the address what the copy reads.
    """
    rewriting = _Rewriting({operator.name for operator in graph.operators} | set(graph.tensors))
    for operator in graph.operators:
        rewriting.take(operator)
    made, swapped = rewriting.made, dict[str, str]()
    outputs = list(graph.outputs)
    for place, name in enumerate(outputs):
        if name not in made:  # an input, which nothing leaves
            outputs[place] = rewriting.copy(name)
        elif isinstance(made[name], ADDRESSES):
            copied = rewriting.copy(name)
            swapped |= {name: copied, copied: name}
    operators = [_renamed(operator, swapped) for operator in made.values()]
    return with_operators(graph, operators, tuple(outputs))


def _renamed(operator: Operator, names: Mapping[str, str]) -> Operator:
    """Return an operator that reads and leaves tensors by other names."""
    inputs, outputs = (
        tuple(names.get(name, name) for name in ends)
        for ends in (operator.inputs, operator.outputs)
    )
    return replace(operator, inputs=inputs, outputs=outputs)


@dataclass
class _Rewriting:
    """The operators so far, by the tensor that each leaves, and the copies that they read."""

    taken: set[str]  # names of operators and tensors
    made: dict[str, Operator] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)  # by what they copy

    def take(self, operator: Operator) -> None:
        match operator:
            case Upsample() if self._is_doubled(operator.inputs[0]):
                operator = self._with_inputs(operator, self.copy)
            case Concat() | Slice() | Upsample() | Copy():
                pass
            case FullyConnected() | Convolution(groups=1):
                pass
            case _:
                operator = self._with_inputs(operator, self._in_one)
        if _skips_pixels(operator):
            operator = self._with_inputs(operator, self._without_doubling)
        self.made[operator.outputs[0]] = operator

    def _with_inputs(self, operator: Operator, stored: Callable[[str], str]) -> Operator:
        return replace(operator, inputs=tuple(map(stored, operator.inputs)))

    def _in_one(self, name: str) -> str:
        """Return a tensor of the same values that is no concatenation."""
        return self.copy(name) if isinstance(self.made.get(name), Concat) else name

    def copy(self, name: str) -> str:
        """Return the copy of a tensor, which is made when it is first asked for."""
        if name not in self.copies:
            copied = derived_name(name, "copy", self.taken)
            origin = self.made.get(name)
            self.made[copied] = Copy(
                name=copied,
                inputs=(name,),
                outputs=(copied,),
                place=origin.place if origin else "",
                origins=origin.computes if origin else (),
            )
            self.copies[name] = copied
        return self.copies[name]

    def _is_doubled(self, name: str) -> bool:
        return any(isinstance(made, Upsample) for made in self._way(name))

    def _way(self, name: str) -> Iterator[Operator]:
        """Yield the slices and the upsampling between a tensor and the stored one that it shows."""
        made = self.made.get(name)
        while isinstance(made, Slice | Upsample):
            yield made
            made = self.made.get(made.inputs[0])

    def _without_doubling(self, name: str) -> str:
        """Return a tensor of the same values in which every doubled part is stored."""
        made = self.made.get(name)
        if not isinstance(made, Concat):
            return self.copy(name) if self._is_doubled(name) else name
        inputs = tuple(self._without_doubling(part) for part in made.inputs)
        if inputs == made.inputs:
            return name
        joined = derived_name(name, "stored", self.taken)
        self.made[joined] = replace(
            made, name=joined, inputs=inputs, outputs=(joined,), origins=made.computes
        )
        return joined


def _skips_pixels(operator: Operator) -> bool:
    """Return True where windows begin at every other pixel, or have gaps."""
    match operator:
        case Convolution():
            return (operator.stride, operator.dilation) != ((1, 1), (1, 1))
        case Pool():
            return operator.stride != (1, 1)
    return isinstance(operator, SpaceToDepth)
