"""Files of every format number that was written are read."""

from pathlib import Path

from hwsim.graph import Graph, Padding, Shape, Source, SpatialPool, Stage, Tensor
from hwsim.graph.file import load_graph, save_graph
from tests.drawn import with_drawn_constants
from tests.saved_graphs import same

# The file of each format number stays readable: add another file when the number grows.
KEPT_1, KEPT_2 = (Path(__file__).parent / "kept" / f"graph-{n}.safetensors" for n in (1, 2))


def kept_chain() -> Graph:
    """Return the graph of the kept file of format 1: all kinds of layers that there were."""
    image = Tensor("image", Shape(3, 7, 6), is_image=True)
    first = Stage.inferred("conv", [Source.whole(image, (3, 3), padding=1)], "maps", 8, 0.125, 2,
                           SpatialPool.STRIDE_2, weight_bits=4)  # fmt: skip
    each = Source.whole(first.output, (2, 1), groups=4)
    second = Stage.inferred("depthwise", [each], "out", 4, None,
                            spatial_pool=SpatialPool.STRIDE_1)  # fmt: skip
    return with_drawn_constants(Graph.chain("kept", [first, second]), seed=1)


def kept_graph() -> Graph:
    """Return the graph of the kept file: several of all, and no field at its default."""
    image = Tensor("image", Shape(3, 12, 10), is_image=True)
    other = Tensor("other", Shape(6, 2, 3))
    geometry = Source(image, 1, 2, (3, 2), (2, 1), (1, 2), Padding(1, 2, 0, 1), 1, 2)
    first = Stage.inferred("stem", [geometry], "maps", 8, 0.125, 2, SpatialPool.STRIDE_2, 4)
    upsampled = Source(other, 2, 4, (1, 1), upsample=2, groups=2)
    second = Stage.inferred("sum", [Source.whole(first.output, (2, 3), padding=1), upsampled],
                            "added", 4)  # fmt: skip
    graph = Graph("kept", (image, other), (first, second), (second.output, first.output))
    return with_drawn_constants(graph, seed=1)


def test_a_file_of_format_1_is_read() -> None:
    assert same(load_graph(KEPT_1), kept_chain())


def test_the_kept_file_is_read_and_written_alike(tmp_path: Path) -> None:
    assert same(load_graph(KEPT_2), kept_graph())
    save_graph(kept_graph(), tmp_path / "graph.safetensors")
    assert (tmp_path / "graph.safetensors").read_bytes() == KEPT_2.read_bytes()


if __name__ == "__main__":
    save_graph(kept_graph(), KEPT_2)
