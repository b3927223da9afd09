"""All witnesses agree on legal layers that no built-in network has."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from hwsim.compiler import compile_graph
from hwsim.flows.progress import silent
from hwsim.flows.simulation import Subject
from hwsim.flows.witnesses import verify_program
from hwsim.graph import Graph, Padding, Shape, Source, SpatialPool, Stage, Tensor
from hwsim.testbenches.drawn_pools import USUAL
from hwsim.timeline import time_program
from tests.drawn import drawn_inputs, preset_with, with_drawn_constants

NONE, STRIDE_2, STRIDE_1 = USUAL
IMAGE = Tensor("image", Shape(3, 20, 21), is_image=True)


def dense(
    stored: Tensor,
    channels: int,
    kernel: tuple[int, int],
    padding: int,
    k: int = 1,
    pool: SpatialPool = NONE,
) -> Stage:
    source = Source.whole(stored, kernel, padding)
    return Stage.inferred(
        f"layer {stored.name}", [source], f"{stored.name}+", channels * k, 0.1, k, pool
    )


def depthwise(
    stored: Tensor, kernel: tuple[int, int], padding: int, pool: SpatialPool = NONE
) -> Stage:
    channels = stored.shape.channels
    source = Source.whole(stored, kernel, padding, groups=channels)
    return Stage.inferred(
        f"layer {stored.name}", [source], f"{stored.name}+", channels, 0.1, 1, pool
    )


def wide_paddings() -> Graph:
    """Return layers with paddings of kernel - 1, on an image's packed taps and after them."""
    first = dense(IMAGE, 12, (3, 3), 2, k=2, pool=STRIDE_2)
    second = dense(first.output, 20, (5, 5), 4)
    third = dense(second.output, 9, (2, 3), 1, pool=STRIDE_1)
    return Graph.chain("wide paddings", (first, second, third))


def without_paddings() -> Graph:
    """Return layers without padding: an image's, a depthwise one, kernels that are not square."""
    first = dense(IMAGE, 16, (3, 3), 0)
    second = depthwise(first.output, (3, 3), 2)
    third = dense(second.output, 8, (1, 5), 0, k=2, pool=STRIDE_2)
    return Graph.chain("without paddings", (first, second, third))


def large_kernels() -> Graph:
    """Return layers with the largest kernel, and with an image whose taps are not packed."""
    image = Tensor("image", Shape(3, 9, 12), is_image=True)
    first = dense(image, 9, (5, 5), 2)
    second = dense(first.output, 8, (15, 15), 14)
    return Graph.chain("large kernels", (first, second))


def kernels_in_parts() -> Graph:
    """Return layers whose kernels are several COMPUTEs: one on each axis, one dilated, in a sum."""
    first = dense(Tensor("input", Shape(5, 11, 6)), 8, (16, 17), 10, pool=STRIDE_2)
    tall = Source.whole(first.output, (16, 2))
    wide = replace(tall, kernel=(1, 31), dilation=(1, 2), padding=Padding(0, 40, 0, 20))
    tall = replace(tall, padding=Padding(15, 0, 0, 1))
    second = Stage.inferred("second", [wide, tall], "sum", 4)
    return Graph("kernels in parts", first.inputs, (first, second), (second.output,))


def depthwise_layers() -> Graph:
    """Return depthwise layers with more channels than lanes, even kernels, and pools."""
    first = depthwise(Tensor("input", Shape(20, 13, 9)), (3, 3), 1, pool=STRIDE_1)
    second = dense(first.output, 10, (4, 2), 1, k=4)
    third = depthwise(second.output, (1, 1), 0, pool=STRIDE_2)
    return Graph.chain("depthwise layers", (first, second, third))


def single_pixel() -> Graph:
    """Return layers on a map of one pixel, for which most taps lie outside."""
    first = dense(Tensor("input", Shape(16, 1, 1)), 16, (3, 3), 2)
    second = depthwise(first.output, (2, 2), 1, pool=STRIDE_2)
    return Graph.chain("single pixel", (first, second))


SLOW = pytest.mark.slow
GRAPHS = [
    wide_paddings,
    depthwise_layers,
    kernels_in_parts,
    pytest.param(without_paddings, marks=SLOW),
    pytest.param(large_kernels, marks=SLOW),
    pytest.param(single_pixel, marks=SLOW),
]


@pytest.mark.verilator
@pytest.mark.parametrize("make", GRAPHS)
def test_every_witness_computes_it(make: Callable[[], Graph]) -> None:
    graph = with_drawn_constants(make(), seed=5)
    program = compile_graph(graph, preset_with("nano", residency=False))
    subject = Subject("program", "A", "unusual layers", program, time_program(program))
    found = verify_program(subject, drawn_inputs(graph, seed=6), silent).figures
    assert list(found.failures()) == []
    assert [stage.verilog_cycles for stage in found.layers] == [
        stage.timeline_cycles for stage in found.layers
    ]
