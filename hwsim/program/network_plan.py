"""The programs of a network over one memory map."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from hwsim.arch.config import Config
from hwsim.graph import Graph, Tensor
from hwsim.graph.cells import Cells
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.program.program import Plan, Program, Region, Window

Plan_co = TypeVar("Plan_co", bound=Plan, covariant=True)


@dataclass(frozen=True)
class NetworkPlan(Generic[Plan_co]):
    """Programs in the order in which they run: one for most networks.

    They have one window of features, in which the place of a tensor is free for others outside its
    lifetime, and one window of constants, with the weights of all in front of the descriptors.
    """

    graphs: ProgramGraphs
    programs: tuple[Plan_co, ...]
    tensors: Mapping[str, Region]
    peak_feature_bytes: int
    least_feature_bytes: int  # the largest sum of tensors that are alive together: a lower bound

    @property
    def graph(self) -> Graph:
        """The stages of all programs."""
        return self.graphs.whole

    @property
    def config(self) -> Config:
        return self.programs[0].config

    @property
    def size_bytes(self) -> int:
        """The bytes of memory, from address 0 on, that the programs use."""
        return max(program.size_bytes for program in self.programs)

    @property
    def features(self) -> Window:
        """The window that the runs read and write."""
        return _around([program.features for program in self.programs])

    @property
    def constants(self) -> Window:
        """The window that the runs only read."""
        return _around([program.constants for program in self.programs])

    def region(self, tensor: Tensor) -> Region:
        return self.tensors[tensor.name]

    def cells(self, tensor: Tensor) -> Cells | None:
        """Return the cells in which the host gathers an input; None if it does not."""
        found = (program.cells(tensor) for program in self.programs)
        return next((cells for cells in found if cells), None)


NetworkProgram = NetworkPlan[Program]


def _around(windows: list[Window]) -> Window:
    return Window(min(each.base for each in windows), max(each.limit for each in windows))
