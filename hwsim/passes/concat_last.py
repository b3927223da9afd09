"""Moves concatenations behind the slices, the upsampling and the pools that read them.

Each of these treats every channel for itself. So a slice of joined maps is some of them joined,
and the pool of joined maps is their pools joined.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from hwsim.errors import InputError
from hwsim.graph.check_operators import MOST_PARTS
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Axis, Concat, MaxPool, Operator, Slice, Upsample
from hwsim.passes.names import derived_name
from hwsim.passes.unread_operators import with_operators


def concat_last(graph: OperatorGraph) -> OperatorGraph:
    """Return the graph in which no slice, upsampling, pool or concatenation reads a concatenation.

    Raises `InputError` where a concatenation then joins more parts than a stage may add up.
    """
    rewriting = _Rewriting.of(graph)
    for operator in graph.operators:
        rewriting.take(operator)
    return with_operators(graph, rewriting.operators)


@dataclass
class _Rewriting:
    """The operators so far, and the parts that each concatenation among them joins."""

    channels: dict[str, int]  # of each tensor
    taken: set[str]  # names of operators and tensors
    operators: list[Operator] = field(default_factory=list)
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by the joined tensor

    @classmethod
    def of(cls, graph: OperatorGraph) -> "_Rewriting":
        channels = {name: tensor.shape.channels for name, tensor in graph.tensors.items()}
        return cls(channels, {operator.name for operator in graph.operators} | set(channels))

    def take(self, operator: Operator) -> None:
        joined = tuple(part for name in operator.inputs for part in self.parts.get(name, (name,)))
        match operator:
            case Concat(axis=Axis.CHANNELS):
                self._join(operator, joined)
            case Slice() if operator.inputs[0] in self.parts:
                self._join(operator, tuple(self._slices(operator, joined)))
            case Upsample() | MaxPool() if operator.inputs[0] in self.parts:
                each = {part: self._of_part(operator, part) for part in dict.fromkeys(joined)}
                self._join(operator, tuple(each[part] for part in joined))
            case _:
                self.operators.append(operator)

    def _join(self, operator: Operator, parts: tuple[str, ...]) -> None:
        """Let a concatenation leave what `operator` left."""
        if len(parts) > MOST_PARTS:
            place = f"{operator.place}: " if operator.place else ""
            raise InputError(
                f"{place}layer {operator.name} joins {len(parts)} stored maps: at most {MOST_PARTS}"
            )
        (output,) = operator.outputs
        self.parts[output] = parts
        self.operators.append(
            Concat(
                name=operator.name,
                inputs=parts,
                outputs=(output,),
                place=operator.place,
                origins=operator.computes,
            )
        )

    def _slices(self, operator: Slice, parts: Sequence[str]) -> Iterator[str]:
        """Yield the tensors that together are a slice of joined parts."""
        start = 0
        first, last = operator.first_channel, operator.first_channel + operator.channels
        for part in parts:
            channels = self.channels[part]
            low, high = max(first - start, 0), min(last - start, channels)
            if high - low == channels:
                yield part
            elif low < high:
                own = replace(operator, first_channel=low, channels=high - low)
                yield self._of_part(own, part)
            start += channels

    def _of_part(self, operator: Operator, part: str) -> str:
        """Let a further operator read one part only; return the tensor that it leaves."""
        name = derived_name(operator.name, f"of {part}", self.taken)
        origins = operator.computes
        own = replace(operator, name=name, inputs=(part,), outputs=(name,), origins=origins)
        self.operators.append(own)
        self.channels[name] = own.channels if isinstance(own, Slice) else self.channels[part]
        return name
