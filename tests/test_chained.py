"""Depthwise sources are computed nine taps at a time where the array can, and that is faster."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsim.arch.chain import has_chain, strip_cycles
from hwsim.arch.config import Config
from hwsim.compiler import compile_graph
from hwsim.compiler.pack import pack_weights
from hwsim.graph import Graph, Padding, Stage
from hwsim.isa.descriptor import Compute
from hwsim.machine.order import check_order
from hwsim.program.blocking import block_stage
from hwsim.timeline.tile_shape import tile_shape
from tests.drawn import configs, drawn_inputs, pairs, preset_with, with_drawn_constants
from tests.test_diagonal import depthwise
from tests.test_machine import assert_equals_golden, compiled, execute

EDGE, NANO = preset_with("edge"), preset_with("nano")
NINE = (3, 3)


def tiles_of(stage: Stage, config: Config) -> list[Compute]:
    program = compile_graph(Graph.chain("g", [stage]), config)
    return [each for each in program.descriptors if isinstance(each, Compute)]


@pytest.mark.parametrize(
    ("preset", "array", "has"),
    [
        ("nano", {}, False),  # 8 input lanes
        ("edge", {}, True),
        ("edge", {"output_lanes": 32}, True),
        ("edge", {"output_lanes": 8}, False),
        ("mid", {}, True),
    ],
)
def test_arrays_with_nine_input_lanes_have_the_chain(
    preset: str, array: dict[str, int], has: bool
) -> None:
    config = preset_with(preset, array=array)
    assert has_chain(config) is has
    assert {bool(tile.chained) for tile in tiles_of(depthwise(64, NINE), config)} == {has}


@pytest.mark.parametrize(
    ("kernel", "starts"),
    [
        ((3, 3), [(0, 0)]),
        ((4, 3), [(0, 0), (1, 0)]),
        ((5, 5), [(0, 0), (0, 2), (2, 0), (2, 2)]),
        ((7, 7), [(row, column) for row in (0, 3, 4) for column in (0, 3, 4)]),
        ((3, 9), [(0, 0), (0, 3), (0, 6)]),
    ],
)
def test_a_kernel_is_cut_into_nines_of_which_the_last_overlap(
    kernel: tuple[int, int], starts: list[tuple[int, int]]
) -> None:
    (own,) = block_stage(depthwise(20, kernel), EDGE).sources
    assert own.chained
    assert [part.first for part in own.kernel_parts] == starts
    seen = np.zeros(kernel, int)
    for part in own.kernel_parts:
        assert (part.kernel, part.weight_words) == (NINE, EDGE.weight_block_words)
        new = slice(part.rows.start + part.repeated[0], part.rows.stop)
        seen[new, slice(part.columns.start + part.repeated[1], part.columns.stop)] += 1
    assert np.unique(seen).tolist() == [1]


@pytest.mark.parametrize(
    ("kernel", "change", "chained"),
    [
        (NINE, {"stride": (2, 2)}, True),
        (NINE, {"stride": (1, 2)}, True),
        (NINE, {"stride": (3, 1)}, False),
        (NINE, {"dilation": (2, 1)}, False),
        ((2, 3), {}, False),
        ((1, 7), {}, False),
        ((5, 5), {"stride": (2, 2)}, False),  # 32 cycles per pixel where there are 25 taps
        ((7, 7), {"stride": (2, 2)}, False),
        ((5, 5), {"stride": (1, 2)}, True),
    ],
    ids=str,
)
def test_only_what_the_chain_does_faster_is_chained(
    kernel: tuple[int, int], change: dict[str, Any], chained: bool
) -> None:
    stage = replace_source(depthwise(20, kernel), **change)
    (own,) = block_stage(stage, EDGE).sources
    assert (own.diagonal, own.chained) == (True, chained)


def replace_source(stage: Stage, **change: Any) -> Stage:
    source = replace(stage.sources[0], **change)
    return Stage.inferred("depthwise", [source], "output", source.channels)


def test_all_sources_of_a_stage_are_chained_or_none() -> None:
    """A tile has one order of its pixels."""
    source = depthwise(16, NINE).sources[0]
    around = replace(source, kernel=(1, 1), padding=Padding(1, 1, 1, 1))
    spread = replace(source, kernel=(2, 2), dilation=(2, 2), padding=Padding(2, 2, 2, 2))
    for other, chained in ((source, True), (around, False), (spread, False)):
        stage = Stage.inferred("sum", [source, other], "output", 16)
        blocking = block_stage(stage, EDGE)
        assert [own.chained for own in blocking.sources] == [chained, chained]


@pytest.mark.parametrize(
    ("rows", "columns", "stride", "cycles"),
    [
        (2, 8, (1, 1), 4 * 10),  # 2 + 4 / width cycles per pixel
        (8, 32, (1, 1), 4 * 34 * 4),
        (3, 8, (1, 1), 2 * 4 * 10 - 1),  # of the last column, a word less
        (1, 1, (1, 1), 11),
        (4, 8, (2, 2), 4 * 4 * 17 - 1),  # 8 + 4 / width
        (4, 8, (1, 2), 2 * 4 * 17),
        (4, 8, (2, 1), 4 * 4 * 10 - 1),
    ],
    ids=str,
)
def test_a_block_takes_four_words_per_column_of_a_strip(
    rows: int, columns: int, stride: tuple[int, int], cycles: int
) -> None:
    assert strip_cycles(rows, columns, stride) == cycles
    tile = tiles_of(depthwise(16, NINE), EDGE)[0]
    strides = {"stride_rows": stride[0], "stride_columns": stride[1]}
    shape = tile_shape(tile._replace(rows=rows, columns=columns, **strides), EDGE)
    assert (shape.duration, shape.last_tap, shape.unused) == (cycles, 0, 0)
    assert shape.busy_cycles == rows * columns


def test_taps_that_an_earlier_part_has_are_zero() -> None:
    graph = with_drawn_constants(Graph.chain("one", [depthwise(16, (4, 3))]), seed=1)
    (stage,) = graph.stages
    assert stage.constants is not None
    (weights,) = stage.constants.weights
    data = np.frombuffer(pack_weights(stage, EDGE), np.int8)[: 2 * 256].reshape(2, 16, 16)
    np.testing.assert_array_equal(data[0, :, :9], weights[:, 0, :3].reshape(16, 9))
    np.testing.assert_array_equal(data[1, :, 6:9], weights[:, 0, 3])
    assert not data[1, :, :6].any()
    assert not data[:, :, 9:].any()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.sampled_from([4, 8]), st.integers(0, 2**32 - 1))
def test_drawn_geometries_equal_golden_and_keep_the_order(
    data: st.DataObject, bits: int, seed: int
) -> None:
    kernel, stride = data.draw(pairs(7)), data.draw(pairs(2))
    kernel = max(kernel[0], 3), max(kernel[1], 3)
    sides = [kernel[axis % 2] - 1 - data.draw(st.integers(0, 2)) for axis in range(4)]
    stage = depthwise(data.draw(st.integers(2, 40)), kernel)
    stage = replace_source(stage, stride=stride, padding=Padding(*sides))
    limbs = data.draw(st.sampled_from([1, 2]))
    stage = replace(stage, weight_bits=bits, weight_limbs=limbs)
    graph = with_drawn_constants(Graph.chain("drawn", [stage]), seed)
    wide = configs(bits).filter(has_chain)
    program = compiled(graph, data.draw(wide))
    inputs = drawn_inputs(graph, seed)
    assert_equals_golden(graph, inputs, execute(program, inputs))
    check_order(program)
