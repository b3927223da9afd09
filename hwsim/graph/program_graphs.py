"""The graphs of a network's programs, which run one after the other on one memory."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from hwsim.graph.lifetimes import lifetimes
from hwsim.graph.stages import Graph
from hwsim.graph.steps import FileNetwork, HostStep, Step
from hwsim.graph.tensors import Tensor


@dataclass(frozen=True)
class ProgramGraphs:
    """A network's graph `whole`, and the part of it that each program computes.

    `moments` names, in their order, the stages and the operators of the host. `lifetimes` has, by a
    tensor's name, the numbers of the first and of the last moment at which it must keep its place.
    """

    whole: Graph
    parts: tuple[Graph, ...]
    moments: tuple[str, ...]
    lifetimes: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, graph: Graph) -> "ProgramGraphs":
        """Return those of a network that one program computes."""
        moments = tuple(stage.name for stage in graph.stages)
        return cls(graph, (graph,), moments, lifetimes(graph))

    @classmethod
    def of_steps(cls, network: FileNetwork) -> "ProgramGraphs":
        """Return those of a network that host and accelerator compute in steps."""
        moments: list[str] = []
        lives = {tensor.name: (0, 0) for tensor in network.operators.inputs}
        for name, reads, left in (work for step in network.steps for work in _work(step)):
            now = len(moments)
            moments.append(name)
            lives |= {each: (lives[each][0], now) for each in reads}
            lives |= dict.fromkeys(left, (now, now))
        last = len(moments) - 1
        lives |= {output: (lives[output][0], last) for output in network.operators.outputs}
        placed = {tensor.name: lives[tensor.name] for tensor in network.graph.tensors}
        parts = tuple(step.graph for step in network.device_steps)
        return cls(network.graph, parts, tuple(moments), placed)

    def is_first_input(self, tensor: Tensor) -> bool:
        """Return True for what is in memory before the first program runs."""
        first, _ = self.lifetimes[self.whole.stages[0].output.name]
        return self.lifetimes[tensor.name][0] <= first

    def with_tensors(self, tensors: Iterable[Tensor]) -> "ProgramGraphs":
        """Return the graphs with these tensors in the place of those that have their names."""
        new = tuple(tensors)
        parts = tuple(graph.with_tensors(new) for graph in self.parts)
        return replace(self, whole=self.whole.with_tensors(new), parts=parts)


def _work(step: Step) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Yield the names of each moment's work, of what it reads and of what it leaves."""
    if isinstance(step, HostStep):
        yield step.operator.name, step.reads, step.leaves
    else:
        for stage in step.graph.stages:
            yield stage.name, tuple(tensor.name for tensor in stage.inputs), (stage.output.name,)
