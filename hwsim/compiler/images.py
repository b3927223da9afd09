"""The layout of images in memory, which all that read one must share."""

from dataclasses import replace

from hwsim.arch.config import Config
from hwsim.graph import Graph, Tensor
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.program.blocking import is_packed


def with_shared_layouts(graphs: ProgramGraphs, config: Config) -> ProgramGraphs:
    """Return the graphs in which every image is read packed by all its readers, or by none.

    An image that some cannot read packed lies in memory as any other map.
    """
    whole = graphs.whole
    mixed = [tensor for tensor in whole.inputs if _is_read_in_two_ways(whole, tensor, config)]
    if not mixed:
        return graphs
    return graphs.with_tensors(replace(tensor, is_image=False) for tensor in mixed)


def _is_read_in_two_ways(graph: Graph, tensor: Tensor, config: Config) -> bool:
    sources = (source for stage in graph.stages for source in stage.sources)
    return len({is_packed(source, config) for source in sources if source.tensor == tensor}) > 1
