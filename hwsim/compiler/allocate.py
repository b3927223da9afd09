"""The memory map: first the tensors of features, then weights and program, which are only read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hwsim.arch.config import Config
from hwsim.compiler.pack import tensor_bytes
from hwsim.compiler.place import Lived, least_bytes, place
from hwsim.graph import Graph
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.program.blocking import lies_packed
from hwsim.program.program import WINDOW_BYTES, Region, Traffic
from hwsim.program.schedule import Schedule

REGION_ALIGNMENT = WINDOW_BYTES  # so that a window can begin at any region


@dataclass(frozen=True)
class FeatureMemory:
    """The regions of the stored tensors, from address 0 on."""

    tensors: dict[str, Region]
    peak_bytes: int
    """The bytes that they take together."""
    least_bytes: int
    """The largest sum of what is alive during one stage: no memory could be smaller."""


def feature_memory(
    graphs: ProgramGraphs,
    config: Config,
    residents: Collection[str] = (),
    together: Collection[tuple[int, int]] = (),
) -> FeatureMemory:
    """Return the places of a network's tensors, for the moments at which each is needed.

    The `residents` stay on the chip and have none. What happens from one moment to another is one
    in `together`, which has first and last moments.
    """
    lived = _lived(graphs, config, residents)
    lived = {name: one.widened(together) for name, one in lived.items()}
    found = place(list(lived.values()))
    regions = {
        name: Region(name, Traffic.FEATURES_READ, offset, one.size_bytes)
        for (name, one), offset in zip(lived.items(), found.offsets, strict=True)
    }
    return FeatureMemory(regions, found.peak_bytes, least_bytes(list(lived.values())))


def least_feature_bytes(graphs: ProgramGraphs, config: Config) -> int:
    """Return the least memory that any places of the tensors take together."""
    return least_bytes(list(_lived(graphs, config).values()))


def _lived(
    graphs: ProgramGraphs, config: Config, residents: Collection[str] = ()
) -> dict[str, Lived]:
    graph, lives = graphs.whole, graphs.lifetimes
    return {
        tensor.name: Lived(
            tensor_bytes(tensor.shape, lies_packed(graph, tensor, config), config),
            *lives[tensor.name],
        )
        for tensor in graph.tensors
        if tensor.name not in residents
    }


def weight_regions(
    graph: Graph, schedules: Sequence[Schedule], config: Config, start: int
) -> list[Region]:
    """Return the regions of the stages' weights, one behind the other, from `start` on."""
    regions: list[Region] = []
    for stage, schedule in zip(graph.stages, schedules, strict=True):
        blocking = schedule.blocking
        size = blocking.output_blocks * blocking.weight_words * config.word_bytes
        regions.append(Region(f"{stage.name} weights", Traffic.WEIGHTS, aligned(start), size))
        start = regions[-1].end
    return regions


def aligned(address: int) -> int:
    """Return the first address, from this one on, at which a region may start."""
    return -(-address // REGION_ALIGNMENT) * REGION_ALIGNMENT
