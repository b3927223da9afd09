"""Kernels of more taps than a COMPUTE has fields for are several COMPUTEs, and no more bytes."""

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsim.arch.config import Config, load_config
from hwsim.compiler import compile_graph
from hwsim.graph import Graph, Padding, Shape, Source, Stage, Tensor
from hwsim.graph.check import LARGEST_KERNEL
from hwsim.isa.descriptor import Compute, Load, encode
from hwsim.isa.fields import Destination
from hwsim.program.program import Program
from hwsim.testbenches.drawn_pools import spatial_pools
from tests.drawn import configs, drawn_inputs, with_drawn_constants
from tests.test_machine import assert_equals_golden, compiled, execute, seeds

LARGE = st.integers(16, 40)


@st.composite
def large_sources(draw: st.DrawFn, tensor: Tensor) -> Source:
    """Draw a way of a large kernel over some channels of a tensor, by any other geometry."""
    channels = draw(st.integers(1, tensor.shape.channels))
    first = draw(st.integers(0, tensor.shape.channels - channels))
    large, other = draw(LARGE), draw(LARGE | st.integers(1, 15))
    kernel = draw(st.sampled_from([(large, other), (other, large)]))
    upsample = draw(st.sampled_from([1, 1, 2]))
    steps = st.tuples(st.integers(1, 3), st.integers(1, 8))
    stride, dilation = ((1, 1), (1, 1)) if upsample > 1 else (draw(steps), draw(steps))
    extent = [(taps - 1) * step + 1 for taps, step in zip(kernel, dilation, strict=True)]
    size = tensor.shape.height * upsample, tensor.shape.width * upsample
    sides = [0, 0, 0, 0]
    for axis in (0, 1):
        # Enough for the kernel to fit and for some more outputs, on both sides in any proportion.
        least = max(0, extent[axis] - size[axis])
        total = min(2 * (extent[axis] - 1), least + draw(st.integers(0, 6)))
        low = max(0, total - (extent[axis] - 1))
        sides[axis] = draw(st.integers(low, total - low))
        sides[axis + 2] = total - sides[axis]
    groups = math.gcd(channels, draw(st.sampled_from([1, 1, 2, 3])))
    return Source(
        tensor, first, channels, kernel, stride, dilation, Padding(*sides), upsample, groups
    )


@st.composite
def large_kernels(draw: st.DrawFn) -> Graph:
    """Draw a layer of a large kernel, and behind it one that adds a large kernel to a small one."""
    side = st.integers(1, 30)
    stored = Tensor("input", Shape(draw(st.integers(1, 12)), draw(side), draw(side)))
    source = draw(large_sources(stored))
    k = draw(st.sampled_from([1, 2]))
    filters = source.groups * k * draw(st.integers(1, 6))
    pool = draw(spatial_pools())
    first = Stage.inferred("first", [source], "features", filters, 0.1, k, pool)
    large = replace(Source.whole(first.output, (17, 16)), padding=Padding(8, 10, 8, 5))
    small = Source.whole(first.output, (1, 1))
    sources = draw(st.permutations([large, small]))
    second = Stage.inferred("second", sources, "output", draw(st.integers(1, 20)))
    return Graph("large kernels", (stored,), (first, second), (second.output,))


@st.composite
def roomy_configs(draw: st.DrawFn) -> Config:
    """Draw an accelerator whose buffers hold a tile of most large kernels, some their weights."""
    config = draw(configs(8)).model_dump()
    lanes_in, lanes_out = config["array"]["input_lanes"], config["array"]["output_lanes"]
    least = 16 if lanes_in == 4 else 8  # words of four lanes: a table has more than a weight block
    config["buffers"] |= {
        "feature_bytes": lanes_in * draw(st.integers(100, 4000)),
        "weight_bytes": lanes_in * lanes_out * draw(st.sampled_from([8000, 2000, 300, least])),
    }
    return Config.model_validate(config)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), seeds)
def test_large_kernels_equal_golden(data: st.DataObject, seed: int) -> None:
    graph = with_drawn_constants(data.draw(large_kernels()), seed)
    program = compiled(graph, data.draw(roomy_configs()))
    inputs = drawn_inputs(graph, seed)
    assert_equals_golden(graph, inputs, execute(program, inputs))


def layer(kernel: tuple[int, int]) -> Graph:
    source = Source.whole(Tensor("input", Shape(8, 40, 40)), kernel)
    return Graph.chain("layer", [Stage.inferred("layer", [source], "output", 8)])


def kernels(program: Program) -> list[tuple[int, int, int, int]]:
    """Return kernels, `first` and `last` of the COMPUTEs of a program's first tile."""
    computes = [each for each in program.descriptors if isinstance(each, Compute)]
    found = [(each.kernel_rows, each.kernel_columns, each.first, each.last) for each in computes]
    return found[: [last for *_, last in found].index(1) + 1]


@pytest.mark.parametrize(
    ("kernel", "parts"),
    [
        ((15, 15), [(15, 15, 1, 1)]),
        ((16, 1), [(8, 1, 1, 0), (8, 1, 0, 1)]),
        ((3, 31), [(3, 10, 1, 0), (3, 10, 0, 0), (3, 11, 0, 1)]),
        ((16, 17), [(8, 8, 1, 0), (8, 9, 0, 0), (8, 8, 0, 0), (8, 9, 0, 1)]),
    ],
)
def test_a_kernel_is_cut_into_the_fewest_parts(
    kernel: tuple[int, int], parts: list[tuple[int, int, int, int]]
) -> None:
    assert kernels(compile_graph(layer(kernel), load_config("nano"))) == parts


def test_the_parts_of_a_kernel_share_one_reading_of_the_map() -> None:
    program = compile_graph(layer((40, 40)), load_config("edge"))
    loads = [each for each in program.descriptors if isinstance(each, Load)]
    words = sum(
        load.row_words * load.rows * load.blocks
        for load in loads
        if load.destination == Destination.FEATURES
    )
    assert words == 40 * 40


def test_a_part_of_a_kernel_may_begin_beyond_the_largest_map() -> None:
    stored = Tensor("input", Shape(1, 32767, 1))
    source = replace(
        Source.whole(stored, (LARGEST_KERNEL, 1), stride=(8, 1)),
        dilation=(16, 1),
        padding=Padding(bottom=16 * (LARGEST_KERNEL - 1)),
    )
    shapes = Graph.chain("tall", [Stage.inferred("layer", [source], "output", 1)])
    program = compile_graph(shapes, load_config("edge"))
    starts = [each.top for each in program.descriptors if isinstance(each, Compute)]
    assert max(starts) == 32767
    assert all(len(encode(each)) == 64 for each in program.descriptors)
