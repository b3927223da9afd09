"""Golden computes whole layers and graphs like plain Python integers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.errors import InputError
from hwsim.golden.reference import run_graph, run_stage, stored_image
from hwsim.graph import (
    Constants,
    Graph,
    Quantization,
    Shape,
    Source,
    SpatialPool,
    Stage,
    Tensor,
)
from hwsim.passes.baselines import materialized
from hwsim.testbenches.drawn_pools import USUAL
from tests.drawn import branching_graphs, drawn_inputs, with_drawn_constants, with_drawn_slopes
from tests.loops import stage_by_loops
from tests.outputs import golden_outputs
from tests.quantized import quantized_network


def drawn_stage(k: int, pool: SpatialPool) -> Stage:
    """Return a 3x3 layer of 3 x 6 x 5 to 4 stored channels, with constants of both signs."""
    rng = np.random.default_rng(k)
    filters = 4 * k
    stored = Tensor("input", Shape(3, 6, 5), quantization=Quantization(0.1, -9))
    source = Source.whole(stored, (3, 3), padding=1)
    stage = Stage.inferred("layer", [source], "output", filters, 0.1, k, pool)
    constants = Constants(
        (rng.integers(-127, 128, (filters, 3, 3, 3), np.int8),),
        rng.integers(-20000, 20000, filters, np.int32),
        rng.integers(2**14, 2**15, filters, np.int32),
        rng.integers(2**10, 2**12, filters, np.int32),
        rng.integers(22, 25, filters, np.int32),
    )
    output = replace(stage.output, quantization=Quantization(0.2, 11))
    return replace(stage, output=output, constants=constants)


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("pool", USUAL)
def test_layer_equals_its_steps(k: int, pool: SpatialPool) -> None:
    stage = drawn_stage(k, pool)
    x = np.random.default_rng(7).integers(-128, 128, (3, 6, 5), np.int8)
    y = run_stage(stage, {"input": torch.from_numpy(x)[None]})
    assert y.dtype == torch.int8
    np.testing.assert_array_equal(y[0].numpy(), stage_by_loops(stage, {"input": x}))


@settings(deadline=None, max_examples=100)
@given(branching_graphs(), st.integers(0, 2**31))
def test_drawn_branches_equal_their_steps(graph: Graph, seed: int) -> None:
    """Stages add several sources of any geometry, and read what several others have stored."""
    graph = with_drawn_slopes(with_drawn_constants(graph, seed), seed)
    given_values = drawn_inputs(graph, seed)
    found = run_graph(
        graph, {name: torch.from_numpy(values)[None] for name, values in given_values.items()}
    )
    assert set(found) == {tensor.name for tensor in graph.tensors}
    expected = given_values
    for stage in graph.stages:
        expected[stage.output.name] = stage_by_loops(stage, expected)
        ours = found[stage.output.name][0].numpy()
        np.testing.assert_array_equal(ours, expected[stage.output.name], err_msg=stage.name)


def test_writing_all_maps_and_reducing_them_gives_the_same() -> None:
    fused = drawn_stage(4, SpatialPool.STRIDE_2)
    graph = Graph.chain("fused", [fused])
    x = torch.from_numpy(np.random.default_rng(1).integers(-128, 128, (2, 3, 6, 5), np.int8))
    assert len(materialized(graph).stages) == 2
    unfused = golden_outputs(materialized(graph), x)[-1]
    assert torch.equal(unfused, golden_outputs(graph, x)[-1])


def test_image_is_stored_with_its_top_bit_flipped() -> None:
    pixels = torch.arange(256, dtype=torch.uint8)
    assert stored_image(pixels).tolist() == list(range(-128, 128))


def test_graph_yields_every_layer() -> None:
    graph = quantized_network("condensation-net-mini", 45, 64)
    image = torch.zeros((2, 3, 45, 64), dtype=torch.uint8)
    outputs = golden_outputs(graph, stored_image(image))
    for stage, y in zip(graph.stages, outputs, strict=True):
        shape = stage.output.shape
        assert y.shape == (2, shape.channels, shape.height, shape.width)


def test_refuses_what_it_cannot_run() -> None:
    stage = drawn_stage(1, SpatialPool.NONE)
    x = torch.zeros((1, 3, 6, 5), dtype=torch.int8)
    with pytest.raises(InputError, match="layer layer has no constants: quantize the network"):
        run_stage(replace(stage, constants=None), {"input": x})
    with pytest.raises(InputError, match=r"layer layer: takes int8 3x6x5, not .* 3x5x5"):
        run_stage(stage, {"input": x[:, :, 1:]})
    with pytest.raises(InputError, match=r"no tensor 'input' was given"):
        run_graph(Graph.chain("g", [stage]), {"other": x})
    assert stage.constants is not None
    heavy = replace(stage.constants, bias=np.full(4, 2**31 - 1, np.int32))
    with pytest.raises(InputError, match=r"layer layer: accumulator \+ bias does not fit"):
        run_stage(replace(stage, constants=heavy), {"input": x + 127})
