"""The machine, which executes compiled programs, equals golden in every element."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hwsim.arch.config import Config, load_config
from hwsim.compiler import compile_graph
from hwsim.errors import InputError
from hwsim.frontends.builtin import build_network
from hwsim.golden.reference import run_graph
from hwsim.graph import Graph, Padding, Shape, Source, Stage, Tensor
from hwsim.isa.descriptor import Compute
from hwsim.isa.tokens import HALF
from hwsim.machine import DeadlockError, Machine
from hwsim.machine.convolution import WINDOW_FIELDS, accumulate, gather
from hwsim.machine.machine import Order
from hwsim.passes.baselines import materialized
from hwsim.program.program import Program
from hwsim.testbenches.cases import BRANCHES, case_graph
from tests.drawn import (
    branching_graphs,
    configs,
    drawn_inputs,
    shapes_of_graphs,
    with_drawn_constants,
    with_drawn_slopes,
)

seeds = st.integers(0, 2**32 - 1)


def always(*units: int) -> Order:
    return lambda _: list(units)


LOADS_FIRST, TILES_FIRST = always(0, 1, 2, 3, 4), always(0, 2, 1, 3, 4)
STORES_FIRST, RESPONSES_LATE = always(0, 3, 4, 2, 1), always(0, 3, 2, 1, 4)


def shuffled(seed: int) -> Order:
    """Return an order in which units run: a new random one every time."""
    rng = random.Random(seed)
    return lambda units: rng.sample(range(units), units)


def execute(
    program: Program, inputs: Mapping[str, NDArray[np.int8]], order: Order = LOADS_FIRST
) -> list[NDArray[np.int8]]:
    outputs: list[NDArray[np.int8]] = []
    machine = Machine(program, inputs, order, lambda _, out: outputs.append(out.copy()))
    machine.run()
    return outputs


def assert_equals_golden(
    graph: Graph, inputs: Mapping[str, NDArray[np.int8]], outputs: Iterable[NDArray[np.int8]]
) -> None:
    tensors = run_graph(graph, {name: torch.from_numpy(x)[None] for name, x in inputs.items()})
    expected = [tensors[stage.output.name] for stage in graph.stages]
    for stage, output, reference in zip(graph.stages, outputs, expected, strict=True):
        np.testing.assert_array_equal(output, reference[0].numpy(), err_msg=stage.name)


def compiled(graph: Graph, config: Config) -> Program:
    """Compile a drawn graph; skip one that its configuration cannot run, as is said elsewhere."""
    try:
        return compile_graph(graph, config)
    except InputError as error:
        skipped = ("holds no tile", "exceeds array")
        assume(not any(text in str(error) for text in skipped))
        raise


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.sampled_from([4, 8]), seeds)
def test_drawn_graphs_equal_golden(data: st.DataObject, weight_bits: int, seed: int) -> None:
    config = data.draw(configs(weight_bits))
    shapes = data.draw(shapes_of_graphs(weight_bits=weight_bits))
    graph = with_drawn_slopes(with_drawn_constants(shapes, seed), seed)
    program = compiled(graph, config)
    inputs = drawn_inputs(graph, seed)
    assert_equals_golden(graph, inputs, execute(program, inputs))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.sampled_from([4, 8]), seeds)
def test_drawn_branching_graphs_equal_golden(
    data: st.DataObject, weight_bits: int, seed: int
) -> None:
    config = data.draw(configs(weight_bits))
    shapes = data.draw(branching_graphs(weight_bits=weight_bits))
    graph = with_drawn_slopes(with_drawn_constants(shapes, seed), seed)
    program = compiled(graph, config)
    inputs = drawn_inputs(graph, seed)
    assert_equals_golden(graph, inputs, execute(program, inputs))


def test_only_the_drain_waits_for_staging() -> None:
    """A COMPUTE without `last` stores nothing, so that its `wait_staged` does not count."""
    config = load_config("nano")
    graph = case_graph(BRANCHES, config)
    program = compile_graph(graph, config)
    never = HALF  # counters begin at 0
    descriptors = tuple(
        one._replace(wait_staged=never) if isinstance(one, Compute) and not one.last else one
        for one in program.descriptors
    )
    assert descriptors != program.descriptors
    inputs = drawn_inputs(graph, 1)
    outputs = execute(replace(program, descriptors=descriptors), inputs)
    assert_equals_golden(graph, inputs, outputs)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), seeds)
def test_any_order_that_the_tokens_allow_gives_the_same_values(
    data: st.DataObject, seed: int
) -> None:
    config = data.draw(configs(8))
    shapes = data.draw(shapes_of_graphs() | branching_graphs(weight_bits=8))
    graph = with_drawn_constants(shapes, seed)
    program = compiled(graph, config)
    inputs = drawn_inputs(graph, seed)
    fixed = (LOADS_FIRST, TILES_FIRST, STORES_FIRST, RESPONSES_LATE)
    for order in (*fixed, shuffled(seed), shuffled(seed + 1)):
        assert_equals_golden(graph, inputs, execute(program, inputs, order))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.booleans(), seeds)
def test_virtual_maps_store_the_same_bytes_as_materialized_ones(
    data: st.DataObject, pooled: bool, seed: int
) -> None:
    config = data.draw(configs(8))
    graph = with_drawn_slopes(with_drawn_constants(data.draw(shapes_of_graphs()), seed), seed)
    inputs = drawn_inputs(graph, seed)
    unfused = materialized(graph, pooled)
    fused_outputs = execute(compiled(graph, config), inputs)
    by_name = dict(
        zip(
            [stage.output.name for stage in unfused.stages],
            execute(compiled(unfused, config), inputs),
            strict=True,
        )
    )
    for stage, output in zip(graph.stages, fused_outputs, strict=True):
        np.testing.assert_array_equal(by_name[stage.output.name], output, err_msg=stage.name)


@pytest.mark.parametrize(
    ("changes", "packed"),
    [
        ({}, True),
        ({"stride": (2, 1), "padding": Padding.even(1)}, False),
        ({"kernel": (1, 3), "padding": Padding(0, 1, 0, 1)}, False),
        ({"dilation": (2, 2), "padding": Padding.even(2)}, False),
        ({"first_channel": 1, "channels": 2}, False),
    ],
)
def test_an_image_lies_packed_if_all_can_read_it_so(changes: dict[str, Any], packed: bool) -> None:
    image = Tensor("image", Shape(3, 12, 10), is_image=True)
    first = Source.whole(image, (3, 3), padding=1)
    stages = (
        Stage.inferred("one", [first], "maps", 4),
        Stage.inferred("other", [replace(first, **changes)], "other maps", 4),
    )
    shapes = Graph("two readers", (image,), stages, tuple(stage.output for stage in stages))
    graph = with_drawn_constants(shapes, seed=4)
    inputs = drawn_inputs(graph, seed=4)
    program = compile_graph(graph, load_config("nano"))
    assert_equals_golden(graph, inputs, execute(program, inputs))
    tiles = [each for each in program.descriptors if isinstance(each, Compute)]
    assert {bool(tile.packed) for tile in tiles} == {packed}


@pytest.mark.parametrize("preset", ["nano", "edge", "mid"])
@pytest.mark.parametrize("network", ["tiny-yolov2-mini", "condensation-net-mini"])
def test_mini_networks_equal_golden(preset: str, network: str) -> None:
    graph = with_drawn_constants(build_network(network, 48, 64), seed=1)
    inputs = drawn_inputs(graph, seed=2)
    program = compile_graph(graph, load_config(preset))
    assert_equals_golden(graph, inputs, execute(program, inputs))


def test_long_sums_of_full_scale_products_are_exact() -> None:
    """An odd sum beyond 2**24 is exact, although float32 could not hold it."""
    patches = np.full((2, 9216), -128, np.float32)
    weights = np.full((9216, 4), -127, np.float32)
    weights[0] = -1
    patches[:, 0] = 1
    assert (accumulate(patches, weights) == 9215 * 128 * 127 - 1).all()


def watched(tile: Compute, read: set[str]) -> Compute:
    """Return the tile in a form that records in `read` each of its fields that is used."""

    class Watched(Compute):
        def __getattribute__(self, name: str) -> Any:
            if name in Compute._fields:
                read.add(name)
            return super().__getattribute__(name)

    return Watched(*tile)


@pytest.mark.parametrize("network", ["tiny-yolov2-mini", "condensation-net-mini"])
def test_windows_depend_on_no_field_but_those_by_which_they_are_kept(network: str) -> None:
    """Windows depend only on the fields of their cache key, which packed and other tiles use."""
    config = load_config("edge")
    read: set[str] = set()
    for tile in compile_graph(build_network(network), config).descriptors:
        if isinstance(tile, Compute):
            buffer = np.zeros((config.feature_words, config.word_bytes), np.int8)
            gather(buffer, watched(tile, read))
    assert read == set(WINDOW_FIELDS)


def test_a_missing_wait_shows_as_a_wrong_value_or_an_endless_one_as_a_deadlock() -> None:
    """The tests above can fail: broken tokens give a wrong value or a deadlock."""
    config = load_config("nano")
    graph = with_drawn_constants(build_network("tiny-yolov2-mini"), seed=3)
    inputs = drawn_inputs(graph, seed=3)
    program = compile_graph(graph, config)

    def changed(name: str, value: int) -> Program:
        descriptors = tuple(
            descriptor._replace(**{name: value}) if name in descriptor._fields else descriptor
            for descriptor in program.descriptors
        )
        return replace(program, descriptors=descriptors)

    broken = changed("wait_drains", 0)
    with pytest.raises(AssertionError, match="conv"):
        assert_equals_golden(graph, inputs, execute(broken, inputs, STORES_FIRST))
    with pytest.raises(DeadlockError):
        execute(changed("wait_chunks", 20000), inputs)
