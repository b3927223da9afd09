"""Tensors that are alive together never overlap, and take little more than their sum."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.arch.config import Config, load_config
from hwsim.compiler.allocate import feature_memory
from hwsim.compiler.place import Lived, Placement, least_bytes, place
from hwsim.frontends.builtin import NETWORKS, build_network
from hwsim.graph import Graph, Source
from hwsim.graph.lifetimes import lifetimes
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.program import blocking
from tests.darknet_files import network_file
from tests.drawn import branching_graphs
from tests.loading import loaded_graph


def assert_sound(found: Placement) -> None:
    """Check that no two tensors overlap while both are alive."""
    ends = [start + one.size_bytes for one, start in zip(found.tensors, found.offsets, strict=True)]
    for one, other in combinations(range(len(ends)), 2):
        if found.tensors[one].meets(found.tensors[other]):
            apart = ends[one] <= found.offsets[other] or ends[other] <= found.offsets[one]
            assert apart, (found, one, other)
    assert min(found.offsets) >= 0
    assert found.peak_bytes == max(ends)


@st.composite
def lives(draw: st.DrawFn) -> list[Lived]:
    stages = draw(st.integers(1, 12))
    found: list[Lived] = []
    for _ in range(draw(st.integers(1, 16))):
        first = draw(st.integers(0, stages - 1))
        found.append(Lived(draw(st.integers(1, 50)), first, draw(st.integers(first, stages - 1))))
    return found


@settings(deadline=None, max_examples=200)
@given(lives())
def test_drawn_lives_never_overlap(tensors: list[Lived]) -> None:
    found = place(tensors)
    assert found.tensors == tuple(tensors)
    assert_sound(found)
    assert found.peak_bytes >= least_bytes(tensors)
    assert found == place(tensors)


@given(lives())
def test_the_bound_is_the_largest_sum_of_a_stage(tensors: list[Lived]) -> None:
    sums = [
        sum(one.size_bytes for one in tensors if one.first <= stage <= one.last)
        for stage in range(12)
    ]
    assert least_bytes(tensors) == max(sums)


def test_no_reader_is_asked_about_a_tensor_that_is_no_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With thousands of layers, to look at all for each tensor takes minutes."""
    graphs, asked = ProgramGraphs.of(build_network("tiny-yolov2-mini")), list[Source]()
    is_packed = blocking.is_packed

    def asking(source: Source, config: Config) -> bool:
        asked.append(source)
        return is_packed(source, config)

    monkeypatch.setattr(blocking, "is_packed", asking)
    feature_memory(graphs, load_config("nano"))
    assert [source.tensor.is_image for source in asked] == [True]


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=12))
def test_a_chain_takes_its_largest_input_and_output_together(sizes: list[int]) -> None:
    last = len(sizes) - 2  # the number of the last stage
    found = place([Lived(size, max(0, n - 1), min(n, last)) for n, size in enumerate(sizes)])
    assert_sound(found)
    assert found.peak_bytes == max(one + other for one, other in pairwise(sizes))
    assert set(found.offsets[::2]) == {0}, "so the input is where it was when graphs were chains"


def test_the_search_finds_what_the_largest_first_misses() -> None:
    """Laid first, both tensors of 4 bytes begin at 0: 3 bytes then lie above them, and 1 on top."""
    tensors = [Lived(1, 0, 2), Lived(4, 3, 3), Lived(3, 2, 3), Lived(4, 0, 1)]
    assert place(tensors).peak_bytes == least_bytes(tensors) == 7


@settings(deadline=None)
@given(branching_graphs(max_stages=8))
def test_every_tensor_of_a_graph_is_kept_while_it_is_needed(graph: Graph) -> None:
    config = load_config("nano")
    memory = feature_memory(ProgramGraphs.of(graph), config)
    needed = lifetimes(graph)
    for number, stage in enumerate(graph.stages):
        reads = {source.tensor.name for source in stage.sources}
        for name in (*reads, stage.output.name):
            assert needed[name][0] <= number <= needed[name][1]
    assert all(needed[tensor.name][0] == 0 for tensor in graph.inputs)
    assert all(needed[tensor.name][1] == len(graph.stages) - 1 for tensor in graph.outputs)
    regions = [memory.tensors[tensor.name] for tensor in graph.tensors]
    for one, other in combinations(regions, 2):
        lived, lives_too = needed[one.name], needed[other.name]
        if lived[0] <= lives_too[1] and lives_too[0] <= lived[1]:
            assert one.end <= other.address or other.end <= one.address
    assert memory.peak_bytes == max(region.end for region in regions)
    assert memory.peak_bytes >= memory.least_bytes


PUBLISHED = ("yolov2-tiny-voc", "yolov3-tiny", "yolov4-tiny")


@pytest.mark.parametrize("preset", ["nano", "edge", "mid"])
@pytest.mark.parametrize("name", [*NETWORKS, *PUBLISHED])
def test_networks_take_no_more_memory_than_their_largest_stage(name: str, preset: str) -> None:
    """No placement takes less, nor does any other order of the stages."""
    graph = loaded_graph(network_file(f"{name}.cfg") if name in PUBLISHED else name)
    memory = feature_memory(ProgramGraphs.of(graph), load_config(preset))
    own = [
        sum(memory.tensors[tensor.name].size_bytes for tensor in (*stage.inputs, stage.output))
        for stage in graph.stages
    ]
    assert memory.peak_bytes == memory.least_bytes == max(own)
