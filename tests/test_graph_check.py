"""Every graph is checked when it is made: a refusal names the layer and the value."""

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.compiler import compile_graph
from hwsim.errors import InputError
from hwsim.frontends.builtin import build_network
from hwsim.graph import (
    Graph,
    Shape,
    Source,
    Stage,
    Tensor,
)
from hwsim.passes.baselines import materialized, plain
from tests.drawn import preset_with, shapes_of_graphs, with_drawn_constants
from tests.saved_graphs import without_constants
from tests.sound_stages import output_with, sound_stage
from tests.test_graph_links import chain


@settings(deadline=None)
@given(shapes_of_graphs(), st.integers(0, 2**31))
def test_legal_graphs_are_made_and_rewritten(graph: Graph, seed: int) -> None:
    with_constants = with_drawn_constants(graph, seed)
    assert with_constants.is_quantized
    assert without_constants(with_constants).macs == graph.macs == materialized(graph).macs
    assert not plain(graph).is_condensed
    assert plain(with_constants).macs == plain(graph).macs


@pytest.mark.parametrize("name", ["", " ", "a\nb", "\udc80", 7, None, "x" * 256])
def test_names_are_bounded_text(name: Any) -> None:
    with pytest.raises(InputError, match=r"^a layer's name .*") as caught:
        sound_stage(name=name)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"^a graph's name .*"):
        Graph.chain(name, (sound_stage(),))


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        (chain(), r"stages = \[Stage.* must be of type tuple"),
        (iter(chain()), "stages = .* must be of type tuple"),
        ((stage for stage in chain()), "stages = <generator .* must be of type tuple"),
        (None, "stages = None must be of type tuple"),
        ((*chain(), "pool"), r"stages\[3\] = 'pool' must be of type Stage"),
    ],
)
def test_stages_are_a_tuple_of_stages(stages: Any, message: str) -> None:
    graph = Graph.chain("g", chain())
    with pytest.raises(InputError, match=f"^graph g: {message}$") as caught:
        Graph("g", graph.inputs, stages, graph.outputs)
    assert "\n" not in str(caught.value)


def test_a_repeated_name_among_many_is_found_at_once() -> None:
    tensor = Tensor("0", Shape(1, 1, 1))
    stages: list[Stage] = []
    for index in range(1, 30_000):
        output = Tensor(str(index), Shape(1, 1, 1))
        stages.append(Stage(str(index), (Source.whole(tensor, (1, 1)),), output, 1, None))
        tensor = output
    stages[-1] = replace(stages[-1], name="29998")
    start = time.process_time()
    with pytest.raises(InputError, match=r"two layers are named '29998': names must differ"):
        Graph.chain("g", stages)
    assert time.process_time() - start < 1


def test_a_depthwise_layer_counts_its_macs_and_a_reduction_none() -> None:
    depthwise = sound_stage(filters=8, groups=8, output=output_with(shape=Shape(8, 6, 5)))
    assert depthwise.macs == 8 * 9 * 6 * 5
    assert Graph.chain("g", (depthwise,)).macs == depthwise.macs
    graph = build_network("condensation-net-mini")
    unfused = materialized(graph)
    assert sum(stage.is_reduction for stage in unfused.stages) == 8
    assert unfused.macs == graph.macs
    assert not unfused.is_condensed


def test_names_of_a_baseline_are_legal_whatever_the_network_s_are() -> None:
    names = ["x" * 255, "x" * 127 + " maps", "x" * 127 + " reduction"]
    tensor = Tensor("x" * 254, Shape(8, 6, 5))
    stages: list[Stage] = []
    for name in names:
        source = Source.whole(tensor, (1, 1))
        stages.append(Stage.inferred(name, [source], name, 16, channel_pool=2))
        tensor = stages[-1].output
    found = materialized(Graph.chain("g", stages))
    assert len(found.stages) == 6


def test_a_reduction_of_more_blocks_than_a_descriptor_counts_names_the_layer() -> None:
    source = Source.whole(Tensor("in", Shape(65535, 1, 1)), (1, 1))
    stage = Stage.inferred("wide", [source], "out", 8)
    config = preset_with("nano", buffers={"feature_bytes": 1 << 17})
    with pytest.raises(InputError, match=r"^layer wide: 65535 channels are 8192 input blocks of 8"):
        compile_graph(Graph.chain("g", (stage,)), config)
