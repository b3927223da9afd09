"""The timeline adds up, keeps its bounds, and its closed form equals steps block by block."""

from dataclasses import replace
from itertools import pairwise, product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsim.arch import pipeline
from hwsim.arch.config import load_config
from hwsim.compiler import compile_graph
from hwsim.frontends.builtin import build_network
from hwsim.graph import Graph, Shape, Source, Stage, Tensor
from hwsim.isa.descriptor import Compute, Load
from hwsim.isa.fields import QUEUE_DEPTH, Destination
from hwsim.machine import Machine
from hwsim.program.traffic import add_traffic
from hwsim.testbenches.cases import BRANCHES, DEPTHWISE, case_graph
from hwsim.timeline import Roofline, Timeline, time_program, whole
from hwsim.timeline.read_channel import ReadChannel
from hwsim.timeline.tile_shape import SHAPE_FIELDS, tile_shape
from hwsim.timeline.walk import Walk
from tests.drawn import (
    branching_graphs,
    configs,
    drawn_inputs,
    preset_with,
    shapes_of_graphs,
    with_drawn_constants,
)
from tests.test_machine import compiled, watched

MEMORY = {"latency_cycles": 60, "bandwidth_bytes_per_cycle": 8}  # a word in every cycle
drawing = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


def timed(network: str, preset: str, k: int | None = None, **sections: object) -> Timeline:
    return time_program(compile_graph(build_network(network, k=k), preset_with(preset, **sections)))


@drawing
@given(st.data())
def test_busy_and_waiting_cycles_add_up(data: st.DataObject) -> None:
    timeline = time_program(compiled(data.draw(shapes_of_graphs()), data.draw(configs(8))))
    last = 0
    for stage in timeline.stages:
        assert stage.busy_cycles + sum(stage.waiting_cycles.values()) == stage.cycles
        assert all(cycles > 0 for cycles in stage.waiting_cycles.values())
        last += stage.cycles
    assert last == timeline.stages[-1].end_cycle < timeline.cycles


@drawing
@given(st.data())
def test_units_never_overlap_themselves(data: st.DataObject) -> None:
    program = compiled(data.draw(shapes_of_graphs()), data.draw(configs(8)))
    timeline = time_program(program)
    for before, after in pairwise(timeline.tiles):
        assert before.issue_end <= after.issue_start
    # Of the COMPUTEs of a tile the last one is drained.
    drained = [tile for tile in timeline.tiles if tile.drain_start < tile.drain_end]
    assert len(drained) == sum(
        isinstance(each, Compute) and each.last for each in program.descriptors
    )
    assert all(tile.issue_end < tile.drain_start for tile in drained)
    for before, after in pairwise(drained):
        assert before.drain_end <= after.drain_start
    for earlier, later in zip(timeline.loads, timeline.loads[1:], strict=False):
        assert earlier.last_cycle <= later.first_cycle
    for first, second in zip(timeline.stores, timeline.stores[1:], strict=False):
        assert first.last_cycle <= second.first_cycle


def test_the_roofline_of_all_is_that_of_the_resource_that_they_need_most() -> None:
    """Each resource works for one stage while another works for the next."""
    apart = [Roofline(10, 1, 2, 3), Roofline(1, 1, 9, 4)]
    assert (whole(apart).cycles, whole(apart).bound) == (11, "MAC array")
    sharing = [replace(each, shares_memory=True) for each in apart]
    assert (whole(sharing).cycles, whole(sharing).bound) == (18, "reads and writes")


@drawing
@given(st.data())
def test_no_run_goes_below_the_roofline(data: st.DataObject) -> None:
    """No run takes less than a resource is needed, nor is the array needed longer than kept."""
    drawn = data.draw(configs(8))
    memory = drawn.memory.model_copy(update={"shared": data.draw(st.booleans())})
    config = drawn.model_copy(update={"memory": memory, "residency": data.draw(st.booleans())})
    graph = data.draw(shapes_of_graphs() | branching_graphs(weight_bits=8))
    timeline = time_program(compiled(graph, config))
    kept = [0] * len(timeline.stages)
    for tile in timeline.tiles:
        kept[tile.stage] += tile.issue_end - tile.issue_start
    for stage, cycles in zip(timeline.stages, kept, strict=True):
        assert stage.roofline.issue_cycles <= cycles
    assert whole([stage.roofline for stage in timeline.stages]).cycles <= timeline.cycles


@drawing
@given(st.data(), st.integers(0, 2**32 - 1))
def test_bytes_are_those_of_the_machine(data: st.DataObject, seed: int) -> None:
    graph = with_drawn_constants(data.draw(shapes_of_graphs()), seed)
    program = compiled(graph, data.draw(configs(8)))
    executed = Machine(program, drawn_inputs(graph, seed)).run().byte_counts()
    stages = time_program(program).stages
    assert add_traffic([stage.traffic for stage in stages]).bytes == executed


@pytest.mark.parametrize("preset", ["nano", "edge", "mid"])
@pytest.mark.parametrize("network", ["tiny-yolov2", "condensation-net"])
def test_layers_stay_within_five_percent_of_the_roofline(preset: str, network: str) -> None:
    config = load_config(preset)
    for stage in timed(network, preset, residency=False).stages:
        assert stage.cycles <= 1.05 * stage.roofline.cycles
        # Only weights may come while the layer before still runs.
        early_cycles = stage.traffic.bytes.weights // config.word_bytes
        least = replace(
            stage.roofline, read_cycles=stage.roofline.read_cycles - early_cycles
        ).cycles
        assert least <= stage.cycles


@pytest.mark.parametrize(
    ("network", "most"), [("tiny-yolov2", 14.7e6), ("condensation-net", 28.5e6)]
)
def test_whole_networks_on_edge_stay_within_their_budget(network: str, most: float) -> None:
    assert timed(network, "edge").cycles <= most


@pytest.mark.parametrize("preset", ["nano", "edge", "mid"])
@pytest.mark.parametrize("network", ["tiny-yolov2-mini", "condensation-net-mini", "tiny-yolov2"])
def test_closed_form_equals_stepping(
    preset: str, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = timed(network, preset)
    monkeypatch.setattr(Walk, "_is_closed_form", lambda *_: False)
    stepped = timed(network, preset)
    assert closed.cycles == stepped.cycles
    for one, other in zip(closed.stages, stepped.stages, strict=True):
        assert one.cycles == other.cycles


@pytest.mark.parametrize("latency_cycles", [1, 60, 200])
def test_slower_memory_never_makes_a_network_faster(latency_cycles: int) -> None:
    cycles = [
        timed("condensation-net-mini", "edge",
              memory={"latency_cycles": latency_cycles, "bandwidth_bytes_per_cycle": bandwidth}
              ).cycles
        for bandwidth in (16, 8, 4, 2)
    ]  # fmt: skip
    assert cycles == sorted(cycles)


def test_a_memory_too_slow_for_the_array_sets_the_pace() -> None:
    """A memory of a word per sixteen cycles sets the pace: only the weights' bytes count."""
    starved = timed("tiny-yolov2", "edge",
                    memory={"latency_cycles": 60, "bandwidth_bytes_per_cycle": 1})  # fmt: skip
    stage = starved.stages[7]
    assert stage.roofline.bound == "reads"
    assert stage.cycles == pytest.approx(stage.roofline.read_cycles, rel=0.01)


def test_the_drain_takes_its_next_tile_with_its_last_read() -> None:
    """The drain's queue is full here; a cycle later, and the loads behind it would be late.

    The Verilog takes as many cycles: hwsim verify condensation-net-mini --no-residency ...
    """
    memory = {"latency_cycles": 60, "bandwidth_bytes_per_cycle": 8}
    lanes = {"rescale_lanes": 4}
    found = timed("condensation-net-mini", "edge", memory=memory, array=lanes, residency=False)
    assert found.cycles == 73_706


def test_layers_of_one_pixel_are_timed() -> None:
    graph = build_network("tiny-yolov2-mini", 32, 32)
    output = graph.outputs[0].shape
    assert (output.height, output.width) == (1, 1)
    timeline = time_program(compile_graph(graph, load_config("nano")))
    assert all(stage.busy_cycles > 0 for stage in timeline.stages)


def test_a_tile_waits_until_the_loads_ahead_of_it_are_queued() -> None:
    """A tile waits for the loads before it to be queued, since a full queue delays all others."""
    tensor = Tensor("features", Shape(64, 104, 104))
    stage = Stage.inferred("conv", [Source.whole(tensor, (3, 3), padding=1)], "maps", 128)
    program = compile_graph(Graph.chain("conv", [stage]), load_config("edge"))
    walk = Walk(program).run()
    loads = tiles = held = 0
    for descriptor in program.descriptors:
        if isinstance(descriptor, Load):
            loads += 1
        elif isinstance(descriptor, Compute):
            if loads > QUEUE_DEPTH:
                room = walk.reads.popped[loads - 1 - QUEUE_DEPTH]
                assert room < walk.tiles[tiles].issue_start
                held += room + 100 > walk.tiles[tiles].issue_start
            tiles += 1
    assert held, "no tile had to wait"


def test_a_load_is_taken_when_at_most_two_bursts_in_front_of_the_last_have_no_address() -> None:
    """A load is accepted under the same rule if bursts of weights wait for room in front of it.

    Here each waits for 1,000 cycles. The last two bursts of weights are in front of the feature
    load's only burst when the burst before them is on the bus. That is three cycles after the array
    has read the words whose room this burst takes.
    """
    config = preset_with(
        "nano", buffers={"weight_bytes": 64 * 8}, bus={"burst_beats": 16}, memory=MEMORY
    )
    reads = ReadChannel(config, computes=[], stores=[])
    reads.first_page()
    weights = Load.single_run(Destination.WEIGHTS, 0, 64)
    features = Load.single_run(Destination.FEATURES, 0, 1)
    for load in (weights, weights, features, features):
        reads.add(load, delivered=0, stage=0)
    for cycle in (1000, 2000, 3000, 4000):
        assert reads.weight_cycle(reads.releases.words + 16) < cycle
        reads.release(16, cycle, cycle, block_words=1)
    reads.finish()
    assert reads.popped[3] == 2003
    first = reads.events[3].first_cycle
    assert first == 4003 + 60 + 16, "behind the last burst's sixteen words"


def test_bursts_behind_a_late_one_queue_up_on_a_slow_bus() -> None:
    """Room for three bursts of a load is made at once, and the bus takes two cycles for a word."""
    slow = MEMORY | {"bandwidth_bytes_per_cycle": 4}
    config = preset_with(
        "nano", buffers={"weight_bytes": 64 * 8}, bus={"burst_beats": 16}, memory=slow
    )
    reads = ReadChannel(config, computes=[], stores=[])
    reads.first_page()
    for words in (48, 64):
        reads.add(Load.single_run(Destination.WEIGHTS, 0, words), delivered=0, stage=0)
    assert reads.weight_cycle(64) < 1000
    reads.release(48, 1000, 1000, block_words=1)
    first = 1000 + pipeline.WEIGHT_ROOM + 60 + pipeline.LOAD_VISIBLE
    assert [reads.weight_cycle(64 + word) for word in (1, 17, 48)] == [
        first + 2 * (word - 1) for word in (1, 17, 48)
    ]


def test_the_shape_of_a_tile_depends_on_no_field_but_those_by_which_it_is_kept() -> None:
    read: set[str] = set()
    cases = product(
        map(load_config, ("nano", "edge")), ("image", "pool stride 2", BRANCHES, DEPTHWISE)
    )
    for config, case in cases:
        for tile in compile_graph(case_graph(case, config), config).descriptors:
            if isinstance(tile, Compute):
                tile_shape(watched(tile, read), config)
    assert read == set(SHAPE_FIELDS)
