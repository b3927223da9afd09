"""The memory map: first the tensors of features, then weights and program, which are only read."""

from itertools import pairwise

from hwsim.arch.config import Config
from hwsim.compiler.pack import tensor_bytes
from hwsim.graph import Graph
from hwsim.program.blocking import is_packed
from hwsim.program.program import WINDOW_BYTES, Region, Traffic
from hwsim.program.schedule import Schedule

REGION_ALIGNMENT = WINDOW_BYTES  # so that a window can begin at any region


def allocate_chain(sizes_bytes: list[int]) -> tuple[list[int], int]:
    """Return the offsets of a chain's tensors, and the bytes that they take together.

    A tensor must keep its place while the one before it and the one after it are in use, and no
    longer. So tensors lie in turn at the beginning and at the end of the memory. It then has the
    size of the largest input and output together, and no smaller memory could hold them.
    """
    high_water_bytes = max((one + other for one, other in pairwise(sizes_bytes)), default=0)
    offsets = [
        0 if index % 2 == 0 else high_water_bytes - size for index, size in enumerate(sizes_bytes)
    ]
    return offsets, high_water_bytes


def tensor_regions(graph: Graph, config: Config) -> tuple[dict[str, Region], int]:
    """Return the regions of the stored tensors, from address 0 on, and their bytes together."""
    first = graph.stages[0]
    names = [tensor.name for tensor in graph.tensors]
    sizes = [tensor_bytes(graph.inputs[0].shape, is_packed(first), config)]
    sizes += [tensor_bytes(stage.output.shape, False, config) for stage in graph.stages]
    offsets, peak_bytes = allocate_chain(sizes)
    regions = {
        name: Region(name, Traffic.FEATURES_READ, offset, size)
        for name, offset, size in zip(names, offsets, sizes, strict=True)
    }
    return regions, peak_bytes


def weight_regions(
    graph: Graph, schedules: list[Schedule], config: Config, start: int
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
