"""Depthwise sources read one weight block for all their taps, where lanes see their channels."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsim.compiler import compile_graph
from hwsim.compiler.pack import pack_weights
from hwsim.graph import Graph, Padding, Shape, Source, Stage, Tensor
from hwsim.isa.descriptor import Compute
from hwsim.program.blocking import block_stage
from tests.drawn import configs, drawn_inputs, pairs, preset_with, with_drawn_constants
from tests.test_machine import assert_equals_golden, compiled, execute

EDGE, NANO = preset_with("edge"), preset_with("nano")


def depthwise(channels: int, kernel: tuple[int, int], **geometry: Any) -> Stage:
    """Return a depthwise stage whose padding, unless given, is as much as its kernel reaches."""
    rows, columns = kernel
    around = Padding(rows - 1, columns - 1, rows - 1, columns - 1)
    stored = Tensor("input", Shape(channels, 9, 8))
    source = Source.whole(stored, kernel, groups=channels)
    source = replace(source, **{"padding": around} | geometry)
    return Stage.inferred("depthwise", [source], "output", source.channels)


@pytest.mark.parametrize(
    ("preset", "kernel", "parts"),
    [
        ("edge", (2, 3), [(2, 3)]),
        ("edge", (2, 9), [(1, 9), (1, 9)]),
        ("edge", (1, 16), [(1, 8), (1, 8)]),  # 15 taps is the most of a side
        ("nano", (3, 3), [(1, 3), (2, 3)]),
        ("nano", (2, 4), [(2, 4)]),
        ("nano", (9, 1), [(4, 1), (5, 1)]),
    ],
)
def test_a_kernel_is_cut_into_the_fewest_parts(
    preset: str, kernel: tuple[int, int], parts: list[tuple[int, int]]
) -> None:
    config = preset_with(preset)
    (own,) = block_stage(depthwise(20, kernel), config).sources
    assert (own.diagonal, own.chained) == (True, False)
    assert [part.kernel for part in own.kernel_parts] == parts
    assert {part.weight_words for part in own.kernel_parts} == {config.weight_block_words}
    seen = np.zeros(kernel, int)
    for part in own.kernel_parts:
        seen[part.rows, part.columns] += 1
        assert part.taps_per_block == part.kernel[0] * part.kernel[1]
    assert np.unique(seen).tolist() == [1]


@pytest.mark.parametrize(
    ("change", "filters", "diagonal"),
    [
        ({}, 32, True),
        ({"first_channel": 16, "channels": 24, "groups": 24}, 24, True),
        ({"stride": (2, 3)}, 32, True),
        ({"kernel": (1, 2)}, 32, True),
        ({"kernel": (1, 1)}, 32, False),  # nothing to save
        ({"first_channel": 8, "channels": 24, "groups": 24}, 24, False),  # in other lanes
        ({}, 64, False),  # two filters for each channel
        ({"groups": 16}, 32, False),
        ({"groups": 1}, 32, False),
    ],
    ids=str,
)
def test_only_lanes_that_see_their_own_channel_are_diagonal(
    change: dict[str, Any], filters: int, diagonal: bool
) -> None:
    stored = Tensor("input", Shape(40, 9, 8))
    source = replace(Source.whole(stored, (3, 3)), **{"channels": 32, "groups": 32} | change)
    graph = Graph.chain("g", [Stage.inferred("stage", [source], "output", filters)])
    program = compile_graph(graph, EDGE)
    tiles = [each for each in program.descriptors if isinstance(each, Compute)]
    assert {bool(tile.diagonal) for tile in tiles} == {diagonal}


def test_fewer_output_lanes_than_input_lanes_see_all_channels() -> None:
    """A lane of an odd output block would need a channel that lies in no lane of its number."""
    graph = Graph.chain("g", [depthwise(32, (3, 3))])
    for lanes, diagonal in ((8, False), (16, True)):
        program = compile_graph(graph, preset_with("edge", array={"output_lanes": lanes}))
        tiles = [each for each in program.descriptors if isinstance(each, Compute)]
        assert {bool(tile.diagonal) for tile in tiles} == {diagonal}


def test_the_weights_of_a_lane_are_its_taps() -> None:
    """Byte t of a lane's word is tap t; nine taps of 16 channels are one weight block."""
    graph = with_drawn_constants(Graph.chain("one", [depthwise(16, (3, 3))]), seed=1)
    (stage,) = graph.stages
    assert stage.constants is not None
    (weights,) = stage.constants.weights
    data = pack_weights(stage, EDGE)
    assert len(data) == 256 + 256  # and the parameters
    words = np.frombuffer(data[:256], np.int8).reshape(16, 16)
    np.testing.assert_array_equal(words[:, :9], weights.reshape(16, 9))
    assert not words[:, 9:].any()


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.sampled_from([4, 8]), st.integers(0, 2**32 - 1))
def test_drawn_geometries_equal_golden(data: st.DataObject, bits: int, seed: int) -> None:
    kernel, stride, dilation = data.draw(pairs(9)), data.draw(pairs(8)), data.draw(pairs(4))
    reach = [(taps - 1) * step for taps, step in zip(kernel, dilation, strict=True)]
    sides = [reach[axis % 2] + data.draw(st.integers(0, 2)) for axis in range(4)]
    stage = depthwise(
        data.draw(st.integers(2, 40)),
        kernel,
        stride=stride,
        dilation=dilation,
        padding=Padding(*sides),
    )
    limbs = data.draw(st.sampled_from([1, 2]))
    stage = replace(stage, weight_bits=bits, weight_limbs=limbs)
    graph = with_drawn_constants(Graph.chain("drawn", [stage]), seed)
    program = compiled(graph, data.draw(configs(bits)))
    inputs = drawn_inputs(graph, seed)
    assert_equals_golden(graph, inputs, execute(program, inputs))
