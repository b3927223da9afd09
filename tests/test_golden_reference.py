"""Golden computes whole layers and graphs like plain Python integers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hwsim.errors import InputError
from hwsim.golden.reference import run_graph, run_stage, stored_image
from hwsim.graph import Constants, Graph, Quantization, Shape, SpatialPool, Stage, Tensor
from tests.quantized import quantized_network


def drawn_stage(k: int, pool: SpatialPool) -> Stage:
    """Return a 3x3 layer of 3 x 6 x 5 to 4 stored channels, with constants of both signs."""
    rng = np.random.default_rng(k)
    filters = 4 * k
    stored = Tensor("input", Shape(3, 6, 5), quantization=Quantization(0.1, -9))
    output = Tensor(
        "output", Shape(4, pool.pooled(6), pool.pooled(5)), quantization=Quantization(0.2, 11)
    )
    constants = Constants(
        rng.integers(-127, 128, (filters, 3, 3, 3), np.int8),
        rng.integers(-20000, 20000, filters, np.int32),
        rng.integers(2**14, 2**15, filters, np.int32),
        rng.integers(2**10, 2**12, filters, np.int32),
        rng.integers(22, 25, filters, np.int32),
    )
    return Stage("layer", stored, output, filters, (3, 3), 1, 0.1, k, pool, constants=constants)


def stage_by_steps(stage: Stage, x: np.ndarray[tuple[int, ...], np.dtype[np.int8]]) -> list[int]:
    """Return one layer's output for `x[C, H, W]`, step by step in Python integers."""
    constants, stored = stage.constants, stage.input
    assert constants is not None
    padded = np.pad(x.astype(int), ((0, 0), (1, 1), (1, 1)), constant_values=stored.zero_point)
    k, pool = stage.channel_pool, stage.spatial_pool
    shape = stage.convolution_shape
    narrow = np.empty((shape.channels, shape.height, shape.width), int)
    for channel, p, q in np.ndindex(narrow.shape):
        weights = constants.weights[channel].astype(int)
        folded = int(constants.bias[channel]) - stored.zero_point * int(weights.sum())
        acc = int((weights * padded[:, p : p + 3, q : q + 3]).sum()) + folded
        factors = constants.multiplier if acc >= 0 else constants.negative_multiplier
        shift = int(constants.shift[channel])
        wide = (acc * int(factors[channel]) + (1 << (shift - 1))) >> shift
        narrow[channel, p, q] = min(max(wide + stage.output.zero_point, -128), 127)
    return [
        int(narrow[c * k : (c + 1) * k, h : h + pool.window, w : w + pool.window].max())
        for c in range(shape.channels // k)
        for h in range(0, shape.height, pool.stride)
        for w in range(0, shape.width, pool.stride)
    ]


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("pool", SpatialPool)
def test_layer_equals_its_steps(k: int, pool: SpatialPool) -> None:
    stage = drawn_stage(k, pool)
    x = np.random.default_rng(7).integers(-128, 128, (3, 6, 5), np.int8)
    y = run_stage(stage, torch.from_numpy(x)[None])
    assert y.dtype == torch.int8
    assert y.flatten().tolist() == stage_by_steps(stage, x)


def test_writing_all_maps_and_reducing_them_gives_the_same() -> None:
    fused = drawn_stage(4, SpatialPool.STRIDE_2)
    maps = replace(fused.output, name="maps", shape=Shape(16, 3, 3))
    first = replace(fused, output=maps, channel_pool=1)
    identity = Constants(
        np.ones((16, 1, 1, 1), np.int8),
        np.zeros(16, np.int32),
        np.full(16, 2**14, np.int32),
        np.full(16, 2**14, np.int32),
        np.full(16, 14, np.int32),
    )
    second = Stage(
        "reduce",
        maps,
        fused.output,
        16,
        (1, 1),
        0,
        None,
        channel_pool=4,
        groups=16,
        constants=identity,
        is_reduction=True,
    )
    x = torch.from_numpy(np.random.default_rng(1).integers(-128, 128, (2, 3, 6, 5), np.int8))
    *_, unfused = run_graph(Graph("unfused", (first, second)), x)
    assert torch.equal(unfused, run_stage(fused, x))


def test_image_is_stored_with_its_top_bit_flipped() -> None:
    pixels = torch.arange(256, dtype=torch.uint8)
    assert stored_image(pixels).tolist() == list(range(-128, 128))


def test_graph_yields_every_layer() -> None:
    graph = quantized_network("condensation-net-mini", 45, 64)
    image = torch.zeros((2, 3, 45, 64), dtype=torch.uint8)
    outputs = run_graph(graph, stored_image(image))
    for stage, y in zip(graph.stages, outputs, strict=True):
        shape = stage.output.shape
        assert y.shape == (2, shape.channels, shape.height, shape.width)


def test_refuses_what_it_cannot_run() -> None:
    stage = drawn_stage(1, SpatialPool.NONE)
    x = torch.zeros((1, 3, 6, 5), dtype=torch.int8)
    with pytest.raises(InputError, match="layer layer has no constants: quantize the network"):
        run_stage(replace(stage, constants=None), x)
    with pytest.raises(InputError, match=r"takes int8 3x6x5, not .* 3x5x5"):
        run_stage(stage, x[:, :, 1:])
    assert stage.constants is not None
    heavy = replace(stage.constants, bias=np.full(4, 2**31 - 1, np.int32))
    with pytest.raises(InputError, match=r"layer layer: accumulator \+ bias does not fit"):
        run_stage(replace(stage, constants=heavy), x + 127)
