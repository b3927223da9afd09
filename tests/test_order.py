"""The tokens of every program order all accesses, however late a unit is."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsim.arch.config import load_config
from hwsim.compiler import compile_graph
from hwsim.frontends.builtin import NETWORKS, build_network
from hwsim.graph import Graph, Shape, Source, Stage, Tensor
from hwsim.isa.descriptor import Compute, Descriptor, End, Load, Store
from hwsim.isa.fields import Destination
from hwsim.isa.tokens import HALF
from hwsim.machine.order import OrderError, check_order
from hwsim.passes.baselines import materialized
from hwsim.program.program import Program
from hwsim.testbenches.cases import BRANCHES, case_graph
from hwsim.timeline import time_program
from tests.drawn import branching_graphs, configs, preset_with, shapes_of_graphs
from tests.test_machine import compiled


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_drawn_programs(data: st.DataObject) -> None:
    config = data.draw(configs(8))
    graph = data.draw(branching_graphs(weight_bits=8) | shapes_of_graphs())
    check_order(compiled(graph, config))


@pytest.mark.parametrize("preset", ["nano", "edge", "mid"])
@pytest.mark.parametrize("network", NETWORKS)
def test_built_in_networks(network: str, preset: str) -> None:
    graph = build_network(network, height=64, width=96)
    for variant in (graph, materialized(graph)) if graph.is_condensed else (graph,):
        check_order(compile_graph(variant, load_config(preset)))


def test_no_load_of_weights_keeps_back_the_page_of_the_computes_that_make_room() -> None:
    """On half as many output lanes as input lanes, k = 8 makes bundles of 16 COMPUTEs, a page."""
    source = Source.whole(Tensor("input", Shape(1, 2, 13)), (3, 3), padding=1)
    stage = Stage.inferred("pooled", [source], "output", 128, channel_pool=8)
    graph = Graph.chain("one", [stage])
    config = preset_with("edge", array={"output_lanes": 8}, buffers={"weight_bytes": 1024})
    program = compiled(graph, config)
    loads = [each for each in program.descriptors if isinstance(each, Load)]
    weights = [load for load in loads if load.destination == Destination.WEIGHTS]
    assert len(weights) >= 16
    assert time_program(program).cycles > 0  # the time of a load that never ends is unknown


def program_of(name: str) -> Program:
    """Return the program of a case, whose rings of rows are small."""
    config = preset_with("nano", buffers={"feature_bytes": 4096}, residency=False)
    return compile_graph(case_graph(name, config), config)


def spoilt(program: Program, kind: type[Descriptor], **changes: int) -> Program:
    """Return the program with fields of all descriptors of a kind replaced."""
    return replace(
        program,
        descriptors=tuple(
            one._replace(**changes) if isinstance(one, kind) else one for one in program.descriptors
        ),
    )


@pytest.mark.parametrize(
    ("name", "kind", "changes", "message"),
    [
        ("tiles", Compute, {"wait_staged": 0}, "COMPUTE, overwrites word .* of staging"),
        ("tiles", Store, {"wait_drains": 0}, "STORE, reads word .* of staging"),
        ("tiles", Compute, {"wait_chunks": 0}, "COMPUTE, reads word .* of the feature buffer"),
        ("chain", Load, {"wait_stores": 0}, "LOAD, reads word .* of memory"),
        ("tiles", Load, {"wait_computes": 0}, "LOAD, overwrites word .* of the feature buffer"),
        (BRANCHES, Load, {"wait_stores": 0}, "LOAD, reads word .* of memory"),
        ("slice", Store, {"wait_drains": 9}, "STORE, waits for event 9 of"),
        ("slice", End, {"wait_stores": 0}, "END, drops store 3: 0 are certain"),
        ("slice", Compute, {"wait_staged": HALF}, f"event -{HALF}, {HALF} or more before 0"),
    ],
)
def test_a_missing_wait_is_named(
    name: str, kind: type[Descriptor], changes: dict[str, int], message: str
) -> None:
    program = program_of(name)
    check_order(program)
    with pytest.raises(OrderError, match=message):
        check_order(spoilt(program, kind, **changes))


def test_a_load_waits_for_the_rows_that_it_reads() -> None:
    """The first LOADs wait for the first STOREs of the layer before, the last ones for all."""
    program = program_of("chain")
    first, second, *_ = (
        program.descriptors[part.first_descriptor : part.last_descriptor] for part in program.stages
    )
    stores = sum(isinstance(each, Store) for each in first)
    waits = [
        each.wait_stores
        for each in second
        if isinstance(each, Load) and each.destination == Destination.FEATURES
    ]
    assert waits == sorted(waits)
    assert 0 < waits[0] < stores == waits[-1]


def many_chunks(filters: int) -> Program:
    """Return the program of a stage that loads 4,095 chunks for each of its many short bands."""
    config = preset_with(
        "nano",
        buffers={"accumulator_depth": 2, "feature_bytes": 1 << 22, "weight_bytes": 40_000 * 8},
    )
    source = Source.whole(Tensor("input", Shape(4095 * 8, 32, 1)), (1, 1))
    stage = Stage.inferred("many chunks", [source], "output", filters)
    return compile_graph(Graph.chain("many chunks", [stage]), config)


@pytest.mark.parametrize("filters", [8, 16])
def test_counts_of_chunks_can_always_be_compared(filters: int) -> None:
    """With 8 filters bands are loaded as there is room for them, with 16 all of them at once."""
    check_order(many_chunks(filters))


def test_a_load_that_gets_too_far_ahead_is_named() -> None:
    with pytest.raises(OrderError, match=r"LOAD, counts chunk 32769, 32768 or more ahead of"):
        check_order(spoilt(many_chunks(filters=8), Load, wait_computes=0))


def test_memory_that_is_overwritten_too_early_is_named() -> None:
    """A store into the place of rows that are loaded ahead is found."""
    program = program_of("slice")
    _, stored, *_ = [n for n, one in enumerate(program.descriptors) if isinstance(one, Store)]
    store = program.descriptors[stored]
    *_, ahead = [
        one
        for one in program.descriptors[:stored]
        if isinstance(one, Load) and one.destination == Destination.FEATURES
    ]
    assert isinstance(store, Store)
    descriptors = list(program.descriptors)
    descriptors[stored] = store._replace(address=ahead.address)
    with pytest.raises(OrderError, match=r"STORE, overwrites word .* of memory"):
        check_order(replace(program, descriptors=tuple(descriptors)))
