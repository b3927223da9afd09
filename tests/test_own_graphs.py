"""A network that is not built in runs by its content: its graph, made in Python."""

from dataclasses import replace
from pathlib import Path

import pytest

import hwsim
from hwsim.errors import InputError
from hwsim.graph import Graph, Shape, Source, SpatialPool, Stage, Tensor
from hwsim.graph.file import load_graph, save_graph
from tests.drawn import with_drawn_constants

pytestmark = pytest.mark.usefixtures("workplace")


def own_graph(channels: int = 3) -> Graph:
    """Return a network that ends in a kernel as large as its map."""
    image = Tensor("camera", Shape(channels, 24, 32), is_image=channels == 3)
    first = Stage.inferred("stem", [Source.whole(image, (3, 3), padding=1)], "maps", 32, 0.1, 2,
                           SpatialPool.STRIDE_2)  # fmt: skip
    each = Source.whole(first.output, (3, 3), padding=1, groups=16)
    second = Stage.inferred("depthwise", [each], "seen", 16, 0.1)
    head = Stage.inferred("head", [Source.whole(second.output, (12, 15))], "classes", 5)
    return Graph.chain("own network", [first, second, head])


def test_its_shapes_are_priced_and_run_with_seeded_weights() -> None:
    graph = own_graph()
    macs = 24 * 32 * 32 * 27 + 12 * 16 * 16 * 9 + 2 * 5 * 16 * 12 * 15
    assert hwsim.estimate(graph).totals.macs == macs
    executed = hwsim.run(graph, image="photo.jpg", check=True)
    assert [tensor.name for tensor in executed.tensors] == ["stem", "depthwise", "head"]
    noise = [tensor.signal_to_noise_db for tensor in executed.tensors]
    assert all(ratio is not None and ratio > 5 for ratio in noise)
    renamed = hwsim.run(replace(graph, name="another"), image="photo.jpg")
    assert renamed.tensors == executed.tensors


def test_a_graph_with_constants_runs_as_it_is(tmp_path: Path) -> None:
    graph = with_drawn_constants(own_graph(), seed=2)
    executed = hwsim.run(graph, image="photo.jpg", check=True)
    assert executed.to_dict()["run"]["weights"] == "graph"
    assert [tensor.signal_to_noise_db for tensor in executed.tensors] == [None] * 3
    save_graph(graph, tmp_path / "own.safetensors")
    again = hwsim.run(load_graph(tmp_path / "own.safetensors"), image="photo.jpg")
    assert again.tensors == executed.tensors
    with pytest.raises(InputError, match=r"^weights 'a.weights': graph own network has constants"):
        hwsim.run(graph, image="photo.jpg", weights="a.weights")


def test_a_graph_that_takes_no_photograph_is_refused() -> None:
    with pytest.raises(InputError, match=r"^graph own network: input of 8 channels: photographs"):
        hwsim.run(own_graph(channels=8), image="photo.jpg")
