"""Maps that stay in the feature buffer: the same values, no missing wait, fewer bytes."""

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hwsim.arch.config import Config, load_config
from hwsim.compiler import compile_graph, plan_network
from hwsim.compiler.count import stage_descriptors
from hwsim.compiler.residency import Choice, Residency, fewest_bytes, map_words
from hwsim.graph import Graph, Shape, Source, Stage, Tensor
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.isa.descriptor import Compute, Store
from hwsim.isa.fields import DESCRIPTOR_BYTES, StoreDestination
from hwsim.machine import Machine
from hwsim.machine.order import OrderError, check_order
from hwsim.program.program import Plan, Program
from hwsim.program.relocate import relocate
from hwsim.program.traffic import add_traffic, planned_traffic, traffic_by_stage
from hwsim.testbenches.cases import case_graph
from hwsim.timeline import time_program
from tests.drawn import (
    branching_graphs,
    configs,
    drawn_inputs,
    in_memory,
    preset_with,
    shapes_of_graphs,
    with_drawn_constants,
)
from tests.test_machine import assert_equals_golden, compiled, execute, seeds


def staying(config: Config) -> Config:
    return config.model_copy(update={"residency": True})


def compiled_to_stay(graph: Graph, config: Config) -> Program:
    """Compile a drawn graph with the maps that stay; skip one that no accelerator runs at all."""
    compiled(graph, config)
    return compile_graph(graph, staying(config))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), seeds)
def test_drawn_graphs_equal_golden(data: st.DataObject, seed: int) -> None:
    config = data.draw(configs(8))
    shapes = data.draw(branching_graphs(weight_bits=8) | shapes_of_graphs())
    graph = with_drawn_constants(shapes, seed)
    program = compiled_to_stay(graph, config)
    assume(program.residents)
    check_order(program)
    assert not program.residents.keys() & {tensor.name for tensor in graph.outputs}
    inputs = drawn_inputs(graph, seed)
    assert_equals_golden(graph, inputs, execute(program, inputs))
    assert planned_traffic(program) == traffic_by_stage(program)


def moved_bytes(program: Plan) -> int:
    """Return the bytes of features and weights."""
    moved = add_traffic(planned_traffic(program)).bytes
    return moved.features + moved.weights


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_other_set_of_maps_moves_fewer_bytes(data: st.DataObject) -> None:
    """Every set of maps of small graphs is tried, in a buffer that holds some of the maps.

    Descriptors are moved, too. Stages that take turns may move less than any set of whole maps.
    """
    graph = data.draw(branching_graphs(max_stages=4, weight_bits=8))
    config = preset_with("nano", buffers={"feature_bytes": data.draw(st.integers(8, 200)) * 8})
    compiled(graph, config)
    choice = Choice(graph, config)
    sets = [
        frozenset(names)
        for count in range(len(choice.candidates) + 1)
        for names in combinations(sorted(choice.candidates), count)
    ]
    found = [residency for each in sets if (residency := choice.placed(each)) is not None]
    assume(len(found) == len(sets))  # else the gaps decide, which the search does not follow
    least = min(moved_words(graph, config, residency) for residency in found)
    chosen = fewest_bytes(graph, config, lambda: None)
    assert moved_words(graph, config, chosen) <= least
    assert chosen.interleaved or moved_words(graph, config, chosen) == least
    program = compile_graph(graph, staying(config))
    features = moved_words(graph, config, chosen) - descriptor_words(graph, config, chosen)
    assert moved_bytes(program) == features * config.word_bytes


def descriptor_words(graph: Graph, config: Config, residency: Residency) -> int:
    """Return the words of the descriptors of all stages, without END and the rest of the page."""
    stages = zip(graph.stages, residency.schedules, strict=True)
    count = sum(stage_descriptors(stage, schedule, config) for stage, schedule in stages)
    return count * DESCRIPTOR_BYTES // config.word_bytes


def moved_words(graph: Graph, config: Config, residency: Residency) -> int:
    """Return the words of features, weights and descriptors that a residency moves."""
    read = sum(each.read_words + each.weight_read_words for each in residency.schedules)
    stored = sum(
        map_words(stage.output, config)
        for stage in graph.stages
        if stage.output.name not in residency.places
    )
    return read + stored + descriptor_words(graph, config, residency)


def resident_program(name: str = "chain", preset: str = "nano", **sections: object) -> Program:
    config = staying(preset_with(preset, **sections))
    program = compile_graph(case_graph(name, config), config)
    assert program.residents
    check_order(program)
    return program


def test_only_image_and_output_are_moved_where_all_maps_have_room() -> None:
    program = resident_program()
    moved = add_traffic(planned_traffic(program)).bytes
    ends = [program.region(tensor) for tensor in (*program.graph.inputs, *program.graph.outputs)]
    assert [moved.features_read, moved.features_written] == [end.size_bytes for end in ends]
    assert len(program.residents) == len(program.graph.stages) - 1
    assert program.peak_feature_bytes == max(end.size_bytes for end in ends)


def test_a_map_stays_only_where_it_leaves_room_for_rings() -> None:
    """The smaller the buffer, the fewer maps stay, and the more bytes are moved."""
    kept, moved = [], []
    for feature_bytes in (64 << 10, 8 << 10, 4 << 10, 2 << 10):
        config = staying(preset_with("nano", buffers={"feature_bytes": feature_bytes}))
        program = compile_graph(case_graph("chain", config), config)
        kept.append(len(program.residents))
        moved.append(moved_bytes(program))
    assert kept == sorted(kept, reverse=True)
    assert moved == sorted(moved)
    assert kept[0] > kept[-1]


def changed(program: Program, index: int, **fields: int) -> Program:
    descriptors = list(program.descriptors)
    descriptors[index] = descriptors[index]._replace(**fields)
    return replace(program, descriptors=tuple(descriptors))


def test_computes_that_do_not_wait_for_their_maps_are_named() -> None:
    program = resident_program()
    early = tuple(
        each._replace(wait_chunks=0) if isinstance(each, Compute) and each.awaits_stores else each
        for each in program.descriptors
    )
    with pytest.raises(
        OrderError, match=r"COMPUTE, reads word .* of the feature buffer, whose wri"
    ):
        check_order(replace(program, descriptors=early))


@pytest.mark.parametrize(
    ("is_last", "message"), [(False, "COMPUTE, reads word"), (True, "STORE, overwrites word")]
)
def test_a_store_into_the_rows_of_loads_is_named(is_last: bool, message: str) -> None:
    """Over rows that are loaded it meets their readers, over those still to come their LOAD."""
    program = resident_program("chain", buffers={"feature_bytes": 8 << 10})
    index = next(
        index
        for index, each in enumerate(program.descriptors)
        if isinstance(each, Store) and each.destination == StoreDestination.FEATURES
    )
    (ring,) = program.stages[0].schedule.rings
    line = ring.end_word - 1 if is_last else ring.first_word
    spoilt = changed(program, index, address=line * program.config.word_bytes)
    with pytest.raises(OrderError, match=f"{message} {line} of the feature buffer"):
        check_order(spoilt)


def test_nothing_stays_across_programs() -> None:
    """A map that a later program reads lies in memory, as if the host read it."""
    config = staying(load_config("nano"))
    graphs = ProgramGraphs.of(case_graph("chain", config))
    whole = graphs.whole
    halves = whole.stages[:2], whole.stages[2:]
    parts = (
        Graph("first", whole.inputs, halves[0], (halves[0][-1].output,)),
        Graph("second", (halves[0][-1].output,), halves[1], whole.outputs),
    )
    plan = plan_network(replace(graphs, parts=parts), config)
    first, second = plan.programs
    between = halves[0][-1].output.name
    assert between in plan.tensors
    assert between not in first.residents | second.residents
    assert first.residents.keys() | second.residents.keys() == {
        stage.output.name for stage in (halves[0][0], halves[1][0])
    }


def test_a_program_that_is_moved_keeps_its_places_on_the_chip() -> None:
    program = resident_program()
    moved = relocate(program, 1 << 20)
    for before, after in zip(program.descriptors, moved.descriptors, strict=True):
        if isinstance(before, Store) and before.destination == StoreDestination.FEATURES:
            assert before == after
    inputs = drawn_inputs(program.graph, 1)
    assert_equals_golden(program.graph, inputs, execute(moved, inputs))


def test_without_residency_the_program_is_the_same_as_ever() -> None:
    config = in_memory(load_config("nano"))
    program = compile_graph(case_graph("chain", config), config)
    assert not program.residents
    for each in program.descriptors:
        assert not isinstance(each, Store) or each.destination == StoreDestination.MEMORY
        assert not isinstance(each, Compute) or not each.awaits_stores


def test_a_stage_waits_for_the_rows_that_it_reads() -> None:
    """Its first COMPUTEs wait for the first STOREs of the map, its last ones for all of them."""
    program = resident_program()
    first, second, *_ = (
        program.descriptors[part.first_descriptor : part.last_descriptor] for part in program.stages
    )
    stores = sum(isinstance(each, Store) for each in first)
    waits = [each.wait_chunks for each in second if isinstance(each, Compute)]
    assert waits == sorted(waits)
    assert waits[0] < stores == waits[-1]


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_the_cycles_of_stages_add_up(data: st.DataObject) -> None:
    """No stage waits for less than nothing, however early the next one begins."""
    config = data.draw(configs(8))
    program = compiled_to_stay(data.draw(branching_graphs(weight_bits=8)), config)
    assume(program.residents)
    timeline = time_program(program)
    end = 0
    for stage in timeline.stages:
        assert program.interleaved or stage.start_cycle == end
        assert stage.start_cycle <= stage.end_cycle <= stage.stored_cycle
        assert min(stage.waiting_cycles.values(), default=0) >= 0
        assert stage.busy_cycles + sum(stage.waiting_cycles.values()) == stage.cycles
        end = stage.end_cycle


def test_outputs_are_handed_on_in_the_order_of_the_stages() -> None:
    """A map is complete on the chip before the response to the last STORE of an earlier output."""
    image = Tensor("input", Shape(8, 2, 2))
    stages: list[Stage] = []
    read = image
    for name in ("kept", "written", "kept too", "last"):
        source = image if name == "written" else read
        stages.append(Stage.inferred(name, [Source.whole(source, (1, 1))], f"{name} map", 8))
        read = read if name == "written" else stages[-1].output
    outputs = (stages[1].output, stages[3].output)
    graph = with_drawn_constants(Graph("branches", (image,), tuple(stages), outputs), 1)
    program = compile_graph(graph, staying(load_config("nano")))
    assert program.residents.keys() == {"kept map", "kept too map"}
    found: list[str] = []
    Machine(
        program, drawn_inputs(graph, 1), on_stage=lambda stage, _: found.append(stage.name)
    ).run()
    assert found == [stage.name for stage in stages]
