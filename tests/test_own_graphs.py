"""A network that is not built in runs by its content: its graph, made in Python."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import hwsim
from hwsim.errors import ComparisonError, InputError
from hwsim.golden.reference import run_stage
from hwsim.graph import Graph, Shape, Source, SpatialPool, Stage, Tensor
from hwsim.graph.file import load_graph, save_graph
from tests.branched import branched
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


def two_cameras() -> Graph:
    """Return a network of two images, of which the second is half as large, and of two heads."""
    one = branched(64, 80)
    (image,) = one.inputs
    other = Tensor("other", Shape(3, 32, 40))
    stages = {stage.name: stage for stage in one.stages}
    small = Source.whole(other, (3, 3), padding=1)
    stem = replace(stages["stem"], sources=(*stages["stem"].sources, small))
    stages["stem"] = stem
    return replace(one, inputs=(image, other), stages=tuple(stages.values()))


@pytest.mark.parametrize("make", [branched, two_cameras])
def test_a_network_that_branches_runs(make: Callable[[], Graph]) -> None:
    graph = make()
    executed = hwsim.run(graph, image="photo.jpg", check=True)
    names = [stage.name for stage in graph.stages]
    assert [tensor.name for tensor in executed.tensors] == names
    noise = [tensor.signal_to_noise_db for tensor in executed.tensors]
    assert all(ratio is not None and ratio > 15 for ratio in noise), noise


def test_a_wrong_value_of_a_branch_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(stage: Stage, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        y = run_stage(stage, tensors)
        if stage.name == "join":
            y[0, 14, 3, 2] ^= 1
        return y

    monkeypatch.setattr("hwsim.golden.reference.run_stage", wrong)
    with pytest.raises(
        ComparisonError, match=r"^join differs from .* in 1 of 5,760 elements, .*14"
    ):
        hwsim.run(branched(), image="photo.jpg", check=True)


def test_two_inputs_are_not_verified_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said before the long work begins."""
    monkeypatch.delattr("hwsim.flows.verification.quantized")
    with pytest.raises(InputError, match=r"^graph branched: 2 inputs: only one is supported here$"):
        hwsim.verify(two_cameras(), "nano", image="photo.jpg")


@pytest.mark.verilator
def test_a_network_that_branches_is_verified_layer_by_layer() -> None:
    found = hwsim.verify(branched(), "nano", image="photo.jpg")
    assert found.failures == ()
    assert [layer.layer for layer in found.layers] == [stage.name for stage in branched().stages]
    assert not any(layer.different_elements for layer in found.layers)
