"""Stages whose bands are written in turns: the same values and bytes, and no missing wait."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from hwsim.arch.config import load_config
from hwsim.compiler import compile_graph, plan_network
from hwsim.compiler.compile import write_program
from hwsim.flows.network import load, placed, program_graphs
from hwsim.graph import Graph, Shape, Source, Stage, Tensor
from hwsim.isa.descriptor import Compute, Descriptor, Load, Store
from hwsim.isa.fields import Destination, StoreDestination
from hwsim.isa.stream import words_behind_weights
from hwsim.machine.order import OrderError, check_order
from hwsim.program.program import Program
from hwsim.program.traffic import add_traffic, planned_traffic, traffic_by_stage
from hwsim.testbenches.cases import with_constants
from hwsim.testbenches.interleaved_graphs import drawn_plan, with_few_words
from hwsim.timeline import time_program
from tests.drawn import drawn_inputs, with_drawn_constants
from tests.test_machine import assert_equals_golden, execute
from tests.tflite_judges import NETWORKS

NANO = load_config("nano")
MANY = 10_000


def drawn_program(seed: int) -> Program:
    plan = drawn_plan(NANO, seed)
    return compile_graph(with_drawn_constants(plan.graph, seed), plan.config)


def weight_words(descriptor: Descriptor, program: Program) -> int:
    """Return by how many words a descriptor fills the weight queue, or empties it."""
    if isinstance(descriptor, Load) and descriptor.destination == Destination.WEIGHTS:
        return descriptor.row_words
    if isinstance(descriptor, Compute) and descriptor.release:
        words = descriptor.weight_blocks * program.config.weight_block_words
        return -words - words_behind_weights(descriptor, program.config)
    return 0


def check_turns(program: Program) -> None:
    """Check the order that tokens enforce, and that weights never wait for a later COMPUTE."""
    check_order(program)
    turns = {
        stage for each in program.interleaved for stage in range(each.first_stage, each.last_stage)
    }
    held = 0
    for owner, descriptor in zip(program.owners, program.descriptors, strict=True):
        held += weight_words(descriptor, program)
        if owner in turns:
            assert 0 <= held <= program.config.weight_words


@pytest.mark.parametrize("seed", range(12))
def test_drawn_programs_equal_golden(seed: int) -> None:
    program = drawn_program(seed)
    check_turns(program)
    inputs = drawn_inputs(program.graph, seed)
    assert_equals_golden(program.graph, inputs, execute(program, inputs))
    assert planned_traffic(program) == traffic_by_stage(program)
    timeline = time_program(program)
    assert sum(stage.cycles for stage in timeline.stages) == timeline.stages[-1].end_cycle
    assert all(min(stage.waiting_cycles.values(), default=0) >= 0 for stage in timeline.stages)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, MANY, MANY // 20))
def test_many_drawn_programs_keep_their_order(first: int) -> None:
    for seed in range(first, first + MANY // 20):
        check_turns(write_program(drawn_plan(NANO, seed)))


def test_maps_live_in_rings_of_few_rows() -> None:
    """STOREs into a ring come round to its first row again, and no one passes its end."""
    program = drawn_program(1)
    heights = {stage.stage.output.name: stage.stage.output.shape.height for stage in program.stages}
    rings = {name: place for name, place in program.residents.items() if place.rows < heights[name]}
    assert rings
    word_bytes = program.config.word_bytes
    for stage, own in zip(program.stages, program.by_stage, strict=True):
        place = rings.get(stage.stage.output.name)
        if place is None:
            continue
        rows = Counter[int]()
        for each in own:
            if isinstance(each, Store):
                assert each.destination == StoreDestination.FEATURES
                word = each.address // word_bytes - place.first_word
                first = word % place.block_words // place.row_words
                last = first + each.rows * each.row_words // place.row_words
                assert last <= place.rows
                rows[first] += 1
        assert rows[0] > 1


def test_a_stage_that_is_too_far_ahead_is_named() -> None:
    """Rows are overwritten unread where all bands of a stage stand in front of its reader's."""
    plan = drawn_plan(NANO, 1)
    (turns, *others) = plan.interleaved
    order = tuple(sorted(turns.order))
    spoilt = replace(plan, interleaved=(replace(turns, order=order), *others))
    with pytest.raises(OrderError, match=r"reads word|overwrites word"):
        check_order(write_program(spoilt))


def test_computes_that_do_not_wait_for_rows_are_named() -> None:
    program = drawn_program(1)
    early = tuple(
        each._replace(wait_chunks=0) if isinstance(each, Compute) and each.awaits_stores else each
        for each in program.descriptors
    )
    with pytest.raises(OrderError, match=r"COMPUTE, reads word .* of the feature buffer"):
        check_order(replace(program, descriptors=early))


def test_bands_of_a_stage_stay_in_their_order() -> None:
    for each in drawn_plan(NANO, 2).interleaved:
        for stage in range(each.first_stage, each.last_stage + 1):
            bands = [band for owner, band in each.order if owner == stage]
            assert all(later == before + 1 for before, later in pairwise([-1, *bands]))


@pytest.mark.parametrize(("stride", "wide", "rows"), [(1, (), 2), (1, (1,), 1), (2, (), 1)])
def test_a_band_of_a_chained_stage_fills_its_strips(
    stride: int, wide: tuple[int, ...], rows: int
) -> None:
    """A strip makes two rows with a stride of 1, which take the array as long as one.

    With wide factors the drain of `edge` takes as long for each of them.
    """
    tensor, stages = Tensor("input", Shape(16, 24, 40)), list[Stage]()
    for number, (groups, step, filters) in enumerate([(1, 1, 16), (16, stride, 16), (1, 1, 32)]):
        size = 1 if groups == 1 else 3
        steps = (step, step)
        source = Source.whole(tensor, (size, size), size // 2, stride=steps, groups=groups)
        stages.append(Stage.inferred(f"stage{number}", [source], f"map{number}", filters))
        tensor = stages[-1].output
    config = with_few_words(load_config("edge"), 480)
    graph = with_constants(Graph.chain("chained", stages), config, 1, wide)
    program = compile_graph(graph, config)
    (turns,) = program.interleaved
    assert turns.first_stage < 1 <= turns.last_stage
    check_turns(program)
    bands = [band.stored for (band,) in program.stages[1].schedule.band_sets]
    assert bands == [rows] * (graph.stages[1].output.shape.height // rows)
    inputs = drawn_inputs(graph, 1)
    assert_equals_golden(graph, inputs, execute(program, inputs))


@pytest.mark.parametrize(
    ("network", "features", "total"),
    [
        ("resnet8_int8.tflite", 0.94, 0.65),
        ("vww_96_int8.tflite", 0.90, 0.55),
        ("kws_dscnn_int8.tflite", 0.90, 0.52),
        ("mobilenet_v2_224_int8.tflite", 0.90, 0.65),
        ("tiny-yolov2", 0.45, 0.08),
    ],
)
def test_what_real_networks_save(network: str, features: float, total: float) -> None:
    """Maps that stay save so much of features, and of all bytes, beside the same in memory."""
    path = NETWORKS / network
    if network.endswith(".tflite") and not path.exists():
        pytest.skip(f"{path} is not there")
    whole = load(path if network.endswith(".tflite") else network)
    graph, config = placed(whole, "edge")
    moved = []
    for each in (config, config.without_residency):
        plan = plan_network(program_graphs(whole, graph), each)
        parts = [part for program in plan.programs for part in planned_traffic(program)]
        moved.append(add_traffic(parts).bytes)
    stays, written = moved
    assert stays.features <= (1 - features) * written.features
    assert stays.total <= (1 - total) * written.total
