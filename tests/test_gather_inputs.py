"""Inputs in cells: every pixel where the memory format says, every value that of the network."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsim.arch.config import load_config
from hwsim.compiler import compile_graph, plan_graph
from hwsim.errors import InputError
from hwsim.graph import Graph, Padding, Shape, Source, Stage, Tensor
from hwsim.graph.cells import Cells
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.passes.gather_inputs import gather_inputs
from hwsim.program.traffic import planned_traffic
from tests.drawn import configs, drawn_inputs, preset_with, with_drawn_constants
from tests.test_machine import assert_equals_golden, compiled, execute, seeds

many = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def strided(
    shape: Shape, kernel: tuple[int, int], padding: Padding, stride: tuple[int, int] = (2, 2)
) -> Graph:
    source = replace(Source.whole(Tensor("input", shape), kernel, stride=stride), padding=padding)
    return Graph.chain("strided", [Stage.inferred("first", [source], "maps", 16)])


MOBILENET = strided(Shape(3, 96, 96), (3, 3), Padding(bottom=1, right=1))
RESNET = strided(Shape(3, 224, 224), (7, 7), Padding.even(3))
KEYWORDS = strided(Shape(1, 49, 10), (10, 4), Padding(4, 1, 5, 1))


@st.composite
def strided_sources(draw: st.DrawFn, tensor: Tensor, stride: tuple[int, int]) -> Source:
    """Draw a dense source of all channels whose kernel, with its padding, fits the tensor."""
    kernel = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    size = tensor.shape.height, tensor.shape.width
    sides = [0, 0, 0, 0]
    for axis in (0, 1):
        before = draw(st.integers(0, kernel[axis] - 1))
        least = max(0, kernel[axis] - size[axis] - before)
        sides[axis], sides[axis + 2] = (
            before,
            draw(st.integers(least, max(least, kernel[axis] - 1))),
        )
    source = Source.whole(tensor, kernel, stride=stride)
    return replace(source, padding=Padding(*sides))


@st.composite
def strided_graphs(draw: st.DrawFn) -> Graph:
    """Draw a network of one input that one or two layers with strides read, and one behind them."""
    side = st.integers(1, 20)
    tensor = Tensor("input", Shape(draw(st.integers(1, 9)), draw(side), draw(side)))
    stages = []
    for number in range(draw(st.integers(1, 2))):
        stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 6)))
        source = draw(strided_sources(tensor, stride))
        filters = draw(st.integers(1, 20))
        stages.append(Stage.inferred(f"stage{number}", [source], f"maps{number}", filters, 0.1))
    behind = Source.whole(stages[-1].output, (1, 1), stride=(2, 2))
    stages.append(Stage.inferred("behind", [behind], "head", 5))
    outputs = tuple(stage.output for stage in (*stages[:-2], stages[-1]))
    return Graph("strided", (tensor,), tuple(stages), outputs)


@many
@given(st.data(), seeds)
def test_layers_that_read_cells_equal_golden(data: st.DataObject, seed: int) -> None:
    graph = with_drawn_constants(data.draw(strided_graphs()), seed)
    program = compiled(graph, data.draw(configs(8)))
    inputs = drawn_inputs(graph, seed)
    assert_equals_golden(graph, inputs, execute(program, inputs))


@many
@given(strided_graphs(), st.sampled_from([8, 16, 32]))
def test_cells_are_chosen_for_fewer_cycles_alone(graph: Graph, lanes: int) -> None:
    """Cells save cycles, or words where they save none; the network's own sizes stay known."""
    before = ProgramGraphs.of(graph)
    after = gather_inputs(before, lanes)

    def cost(of: ProgramGraphs) -> tuple[int, int]:
        read = of.whole.only_input.shape
        blocks = -(-read.channels // lanes)
        cycles = sum(
            stage.output.shape.elements * stage.sources[0].taps * blocks
            for stage in of.whole.stages
            if stage.sources[0].tensor == of.whole.only_input
        )
        return cycles, blocks * read.height * read.width

    assert cost(after) <= cost(before)
    assert after.whole.macs == graph.macs
    assert [stage.output for stage in after.whole.stages] == [s.output for s in graph.stages]
    assert after.parts == (after.whole,)


@many
@given(
    st.builds(Shape, st.integers(1, 5), st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.data(),
)
def test_every_pixel_is_in_its_cell(
    shape: Shape, size: tuple[int, int], data: st.DataObject
) -> None:
    top, left = (data.draw(st.integers(0, side - 1)) for side in size)
    cells = Cells(shape, *size, top, left)
    values = np.arange(shape.elements).reshape(shape.channels, shape.height, shape.width)
    gathered = cells.gather(values, zero_point=-1)
    assert gathered.shape == (
        cells.gathered.channels,
        cells.gathered.height,
        cells.gathered.width,
    )
    for c, y, x in np.ndindex(values.shape):
        (row, in_row), (column, in_column) = divmod(y + top, size[0]), divmod(x + left, size[1])
        channel = (in_row * size[1] + in_column) * shape.channels + c
        assert gathered[channel, row, column] == values[c, y, x]
    assert np.count_nonzero(gathered == -1) == gathered.size - values.size


@pytest.mark.parametrize(
    ("graph", "cells", "kernel", "padding"),
    [
        (MOBILENET, Cells(Shape(3, 96, 96), 2, 2), (2, 2), Padding(bottom=1, right=1)),
        (KEYWORDS, Cells(Shape(1, 49, 10), 2, 2, 0, 1), (5, 2), Padding(2, 0, 2, 0)),
        (RESNET, Cells(Shape(3, 224, 224), 2, 2, 1, 1), (4, 4), Padding(1, 1, 1, 1)),
    ],
    ids=["MobileNet", "keywords", "ResNet"],
)
def test_the_first_layers_of_light_networks_read_cells(
    graph: Graph, cells: Cells, kernel: tuple[int, int], padding: Padding
) -> None:
    plan = plan_graph(graph, load_config("edge"))
    (source,) = plan.stages[0].stage.sources
    assert plan.cells(graph.only_input) == cells
    assert (source.kernel, source.stride, source.padding) == (kernel, (1, 1), padding)
    assert plan.graph == graph


def test_an_input_stays_where_cells_save_nothing() -> None:
    shape, config = Shape(3, 96, 96), load_config("edge")
    plain = strided(shape, (3, 3), Padding.even(1), stride=(1, 1))
    full = strided(Shape(64, 24, 24), (2, 2), Padding(), stride=(2, 2))
    for graph in (plain, full):
        assert plan_graph(graph, config).cells(graph.only_input) is None


OTHER_KINDS = {
    "depthwise": {"groups": 3},
    "a slice": {"channels": 2},
    "dilated": {"dilation": (2, 2)},
}


@pytest.mark.parametrize("kind", OTHER_KINDS.values(), ids=OTHER_KINDS)
def test_an_input_stays_where_another_kind_of_source_reads_it(kind: dict[str, Any]) -> None:
    (first,) = MOBILENET.stages
    source = Source.whole(MOBILENET.only_input, (3, 3), padding=2, stride=(2, 2))
    other = Stage.inferred("other", [replace(source, **kind)], "more maps", 3)
    graph = Graph("two", MOBILENET.inputs, (first, other), (first.output, other.output))
    assert plan_graph(graph, load_config("edge")).cells(graph.only_input) is None


def test_an_input_stays_where_the_host_writes_no_cells() -> None:
    config = preset_with("edge", host={"space_to_depth": False})
    assert plan_graph(MOBILENET, config).cells(MOBILENET.only_input) is None


def test_useful_bytes_and_macs_are_those_of_the_network() -> None:
    plans = [
        plan_graph(MOBILENET, preset_with("edge", host={"space_to_depth": wanted}))
        for wanted in (True, False)
    ]
    cells, plain = (planned_traffic(plan)[0] for plan in plans)
    assert cells.useful_bytes.features_read == plain.useful_bytes.features_read == 3 * 96 * 96
    assert cells.useful_bytes.weights == plain.useful_bytes.weights
    assert cells.bytes.features_read == 48 * 48 * 16 < plain.bytes.features_read
    assert {plan.stages[0].stage.macs for plan in plans} == {MOBILENET.macs}


def test_the_bound_of_a_sum_counts_no_tap_that_the_kernel_has_not() -> None:
    """Cells of 2x2 hold 16 channels of taps, of which a 3x3 kernel over 3 channels has 27 of 48."""
    graph = with_drawn_constants(MOBILENET, seed=1)
    (stage,) = graph.stages
    assert stage.constants is not None
    bias = np.full_like(stage.constants.bias, 2**31 - 1)
    wide = replace(stage, constants=replace(stage.constants, bias=bias))
    with pytest.raises(InputError, match="fan-in 27 x 128"):
        compile_graph(replace(graph, stages=(wide,)), load_config("edge"))
