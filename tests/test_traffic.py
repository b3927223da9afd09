"""The bytes of descriptors, of the machine, and the least of the network agree."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hwsim.arch.config import Config, load_config
from hwsim.compiler import compile_graph, plan_of_any_size
from hwsim.frontends.builtin import build_network
from hwsim.graph import Stage
from hwsim.machine import Machine
from hwsim.machine.memory import Memory
from hwsim.passes.baselines import materialized, plain
from hwsim.program.blocking import ceil_div
from hwsim.program.program import Program, Traffic
from hwsim.program.traffic import add_traffic, planned_traffic, traffic_by_stage
from hwsim.timeline import time_program
from tests.drawn import (
    configs,
    drawn_inputs,
    in_memory,
    preset_with,
    shapes_of_graphs,
    with_drawn_constants,
)
from tests.test_machine import compiled

seeds = st.integers(0, 2**32 - 1)
without_residency = configs(8).map(in_memory)
drawing = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def run(data: st.DataObject, seed: int, kinds: st.SearchStrategy[Config]) -> tuple[Program, Memory]:
    config = data.draw(kinds)
    graph = with_drawn_constants(data.draw(shapes_of_graphs()), seed)
    program = compiled(graph, config)
    return program, Machine(program, drawn_inputs(graph, seed)).run()


def touched(memory: Memory, *classes: Traffic) -> np.ndarray:
    """Return how often each byte of memory crossed the bus in these classes."""
    counts = np.zeros(memory.data.size, int)
    for transfer in memory.transfers:
        if transfer.traffic in classes:
            counts[transfer.address : transfer.address + transfer.size_bytes] += 1
    return counts


@drawing
@given(st.data(), seeds)
def test_descriptors_and_machine_count_the_same_bytes(data: st.DataObject, seed: int) -> None:
    program, memory = run(data, seed, configs(8))
    assert add_traffic(traffic_by_stage(program)).bytes == memory.byte_counts()


@drawing
@given(st.data())
def test_a_plan_says_what_the_descriptors_will_say(data: st.DataObject) -> None:
    program = compiled(data.draw(shapes_of_graphs()), data.draw(configs(8)))
    assert planned_traffic(program) == traffic_by_stage(program)


@pytest.mark.parametrize("preset", ["nano", "edge", "mid"])
@pytest.mark.parametrize("network", ["tiny-yolov2", "condensation-net"])
def test_a_plan_of_a_real_network_says_what_its_descriptors_say(preset: str, network: str) -> None:
    graph = build_network(network)
    for one in (graph, plain(graph), materialized(graph), materialized(graph, pooled=False)):
        program = compile_graph(one, load_config(preset))
        assert planned_traffic(plan_of_any_size(one, load_config(preset))) == traffic_by_stage(
            program
        )


def leaves_a_rest(stage: Stage) -> bool:
    """Return True where pool windows end before the map does: not all of it is computed."""
    pool, computed = stage.spatial_pool, stage.convolution_shape
    return any(
        (pool.pooled(size, axis) - 1) * pool.stride[axis] + pool.window[axis] - pool.before(axis)
        < size
        for axis, size in enumerate((computed.height, computed.width))
    )


@drawing
@given(st.data(), seeds)
def test_every_byte_written_is_read_or_is_the_output(data: st.DataObject, seed: int) -> None:
    program, memory = run(data, seed, without_residency)
    assume(not any(map(leaves_a_rest, program.graph.stages)))
    written = touched(memory, Traffic.FEATURES_WRITTEN)
    read = touched(memory, Traffic.FEATURES_READ)
    output = program.region(program.graph.outputs[0])
    read[output.address : output.end] += 1
    assert not (written.astype(bool) & ~read.astype(bool)).any()
    stored = sum(program.region(stage.output).size_bytes for stage in program.graph.stages)
    assert written.sum() == stored, "features are written once; partial sums never"


@drawing
@given(st.data(), seeds)
def test_reads_cover_what_the_network_needs_and_no_more_where_it_fits(
    data: st.DataObject, seed: int
) -> None:
    program, memory = run(data, seed, without_residency)
    assume(not any(map(leaves_a_rest, program.graph.stages)))
    read = sum(
        transfer.size_bytes
        for transfer in memory.transfers
        if transfer.traffic in {Traffic.FEATURES_READ, Traffic.WEIGHTS}
    )
    distinct = sum(
        program.region(part.stage.sources[0].tensor).size_bytes + part.weights.size_bytes
        for part in program.stages
    )
    assert read >= distinct
    fits = all(
        part.schedule.read_words * program.config.word_bytes <= program.config.buffers.feature_bytes
        and part.weights.size_bytes <= program.config.buffers.weight_bytes
        and len(part.schedule.stripes) == 1
        for part in program.stages
    )
    if fits:
        assert read == distinct


@drawing
@given(st.data())
def test_condensing_saves_exactly_the_maps(data: st.DataObject) -> None:
    """B - C is exactly each condensed layer's k x C maps, written once and read once."""
    config = data.draw(without_residency)
    graph = data.draw(shapes_of_graphs())
    fused = add_traffic(traffic_by_stage(compiled(graph, config)))
    unfused = add_traffic(traffic_by_stage(compiled(materialized(graph), config)))
    maps = sum(
        2
        * ceil_div(stage.filters, config.array.input_lanes)
        * stage.output.shape.height
        * stage.output.shape.width
        * config.word_bytes
        for stage in graph.stages
        if stage.channel_pool > 1
    )
    assert 2 * (unfused.bytes.features_written - fused.bytes.features_written) == maps


@pytest.mark.parametrize("k", [2, 4, 8])
@pytest.mark.parametrize("preset", ["nano", "edge", "mid"])
def test_saving_on_the_real_network_is_the_closed_form(preset: str, k: int) -> None:
    config = load_config(preset).without_residency
    graph = build_network("condensation-net", k=k)
    fused = add_traffic(traffic_by_stage(compile_graph(graph, config)))
    unfused = add_traffic(traffic_by_stage(compile_graph(materialized(graph), config)))
    maps = sum(
        2 * stage.filters * stage.output.shape.height * stage.output.shape.width
        for stage in graph.stages
        if stage.channel_pool > 1
    )
    assert unfused.bytes.features - fused.bytes.features == maps


@drawing
@given(st.data())
def test_condensing_needs_the_feature_memory_of_the_plain_network(data: st.DataObject) -> None:
    config = data.draw(without_residency)
    graph = data.draw(shapes_of_graphs())
    virtual, without = compiled(graph, config), compiled(plain(graph), config)
    assert virtual.peak_feature_bytes == without.peak_feature_bytes
    assert (
        add_traffic(traffic_by_stage(virtual)).bytes.features_written
        == add_traffic(traffic_by_stage(without)).bytes.features_written
    )


@pytest.mark.parametrize("preset", ["nano", "edge", "mid"])
def test_k_1_costs_what_the_plain_network_costs(preset: str) -> None:
    condensed = build_network("condensation-net", k=1)
    plain_network = build_network("tiny-yolov2-face")
    with_pool = compile_graph(condensed, load_config(preset))
    without_pool = compile_graph(plain_network, preset_with(preset, channel_pool=False))
    assert with_pool.descriptors == without_pool.descriptors
    assert traffic_by_stage(with_pool) == traffic_by_stage(without_pool)
    assert time_program(with_pool).cycles == time_program(without_pool).cycles


@pytest.mark.parametrize("preset", ["nano", "edge", "mid"])
@pytest.mark.parametrize("network", ["tiny-yolov2", "condensation-net"])
def test_program_is_at_most_two_percent_of_traffic(preset: str, network: str) -> None:
    program = compile_graph(build_network(network), load_config(preset))
    traffic = add_traffic(traffic_by_stage(program))
    assert traffic.bytes.program <= 0.02 * traffic.bytes.total
