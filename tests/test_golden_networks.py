"""The float networks have the published counts, darknet's semantics and seeded weights."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hwsim.frontends.builtin import build_network
from hwsim.golden import calibration
from hwsim.golden.calibration import calibration_photographs
from hwsim.golden.networks import FloatLayer, FloatNetwork
from hwsim.golden.seeded_weights import draw_weights
from hwsim.golden.statistics import seeded_weights
from hwsim.graph import Graph, Layer, Shape, SpatialPool, Tensor
from hwsim.graph.float_weights import BatchNorm, FloatWeights

# Floats of the darknet file and multiply-accumulates at 416 x 416. The first three are published
# networks; the last has k = 2, so twice the filters in its eight batch-normalised layers.
COUNTS = {
    "tiny-yolov2": (15_867_885, 3_485_520_896),
    "tiny-yolov2-coco": (11_237_145, 2_703_221_248),
    "tiny-yolov2-face": (15_770_510, 3_469_080_576),
    "condensation-net": (31_485_792 + 4 * 2 * 3056 + 30, 6_932_969_472),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_the_published_ones(name: str) -> None:
    shapes = build_network(name)
    weights = draw_weights(shapes, seed=0)
    with torch.device("meta"):
        network = FloatNetwork(shapes, [layer.as_type(np.float32) for layer in weights])
        counter = FlopCounterMode(display=False)
        with counter:
            y = network(torch.zeros(1, 3, 416, 416))
    floats = sum(tensor.numel() for tensor in network.state_dict().values())
    assert (floats, counter.get_total_flops() // 2) == COUNTS[name]
    assert y.shape[2:] == (13, 13)


def small_layer(k: int, pool: SpatialPool) -> FloatLayer:
    """Return a layer on 3 x 5 x 3 with two stored channels, with all constants drawn."""
    output = Tensor("output", Shape(2, pool.pooled(5), pool.pooled(3)))
    layer = Layer("layer", Tensor("input", Shape(3, 5, 3)), output, 2 * k, (3, 3), 1, 0.1, k, pool)
    rng = np.random.default_rng(k)
    weights = rng.standard_normal(layer.weights_shape, np.float32)
    bias, scale, mean, variance = rng.standard_normal((4, 2 * k), np.float32)
    return FloatLayer(layer, FloatWeights(weights, bias, BatchNorm(scale, mean, abs(variance))))


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("pool", SpatialPool)
def test_layer_follows_darknet(k: int, pool: SpatialPool) -> None:
    layer = small_layer(k, pool)
    layer.variance[0] = 0  # then only epsilon divides, which must be outside the square root
    x = torch.randn(1, 3, 5, 3, generator=torch.Generator().manual_seed(9))

    convolved = layer.convolve(x)[0].numpy().astype(np.float64)
    mean, variance, scale, bias = (
        tensor.numpy().astype(np.float64)[:, None, None]
        for tensor in (layer.mean, layer.variance, layer.scale, layer.bias)
    )
    y = (convolved - mean) / (np.sqrt(variance) + 1e-6) * scale + bias
    y = np.where(y > 0, y, 0.1 * y)
    y = np.stack([y[channel * k : (channel + 1) * k].max(0) for channel in range(2)])
    expected = [
        y[channel, h : h + pool.window, w : w + pool.window].max()
        for channel in range(2)
        for h in range(0, 5, pool.stride)
        for w in range(0, 3, pool.stride)
    ]
    np.testing.assert_allclose(layer(x).flatten().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_folding_keeps_the_function_and_moves_signs_into_the_weights() -> None:
    layer = small_layer(2, SpatialPool.NONE)
    layer.scale[0] = -1.0
    weights, bias = layer.folded()
    plain = small_layer(2, SpatialPool.NONE)
    for target, value in (
        (plain.weights, weights),
        (plain.bias, bias),
        (plain.scale, torch.ones(4)),
        (plain.mean, torch.zeros(4)),
        (plain.variance, torch.ones(4)),
    ):
        target.copy_(value)
    x = torch.randn(1, 3, 5, 3, generator=torch.Generator().manual_seed(9))
    torch.testing.assert_close(plain(x), layer(x), rtol=1e-4, atol=1e-4)
    assert torch.equal(weights[0].sign(), -layer.weights[0].sign())


@pytest.fixture(scope="module")
def seeded() -> FloatNetwork:
    shapes = build_network("condensation-net-mini")
    return FloatNetwork(shapes, seeded_weights(shapes, seed=5))


def test_seeded_layers_are_normalised_over_the_photographs(seeded: FloatNetwork) -> None:
    x = torch.stack(calibration_photographs(build_network("condensation-net-mini"))) / 255
    for layer in seeded.float_layers():
        y = layer.convolve(x)
        if layer.normalised:
            torch.testing.assert_close(y.mean((0, 2, 3)), layer.mean, rtol=1e-3, atol=1e-3)
            torch.testing.assert_close(
                y.var((0, 2, 3), correction=0), layer.variance, rtol=1e-3, atol=1e-3
            )
        x = layer.activate(y)


def test_seeded_weights_have_negative_scales_and_depend_on_the_seed(seeded: FloatNetwork) -> None:
    scales = torch.cat([layer.scale for layer in seeded.float_layers() if layer.normalised])
    assert 0 < int((scales < 0).sum()) < len(scales) // 4
    other = draw_weights(build_network("condensation-net-mini"), seed=6)
    assert (other[0].weights != seeded.float_layers()[0].weights.numpy()).any()


def test_drawn_weights_are_spread_as_stated() -> None:
    filters, fan_in = 4096, 8 * 3 * 3
    layer = Layer("conv1", Tensor("input", Shape(8, 3, 3)), Tensor("output", Shape(filters, 1, 1)),
                  filters, (3, 3), 0, 0.1)  # fmt: skip
    graph = Graph("wide", (layer,))
    (drawn,), (other,) = draw_weights(graph, seed=0), draw_weights(graph, seed=1)
    assert (drawn.weights != other.weights).any()
    assert abs(drawn.weights.mean()) < 0.002
    assert drawn.weights.var() == pytest.approx(2 / fan_in, rel=0.01)
    assert abs(drawn.bias.mean()) < 0.02
    assert drawn.bias.std() == pytest.approx(0.25, rel=0.05)
    batch_norm = drawn.batch_norm
    assert batch_norm is not None
    assert not batch_norm.mean.any()
    assert (batch_norm.variance == 1).all()
    assert np.mean(batch_norm.scale < 0) == pytest.approx(1 / 16, abs=0.02)
    smallest, largest = np.abs(batch_norm.scale).min(), np.abs(batch_norm.scale).max()
    assert 0.5 <= smallest < 0.51
    assert 1.49 < largest <= 1.5


def test_photographs_have_a_size_of_their_own_where_the_graph_takes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """16 x 16 leaves 8 x 8 for the second kernel: it takes 8 rows, but not 9."""

    def sizes(kernel: tuple[int, int]) -> set[tuple[int, ...]]:
        image = Tensor("input", Shape(3, 40, 24), is_image=True)
        halved = Tensor("halved", Shape(4, 20, 12))
        output = Tensor("output", Shape(5, 21 - kernel[0], 13 - kernel[1]))
        first = Layer("conv1", image, halved, 4, (1, 1), 0, 0.1, 1, SpatialPool.STRIDE_2)
        graph = Graph("halves", (first, Layer("conv2", halved, output, 5, kernel, 0, None)))
        return {tuple(pixels.shape) for pixels in calibration_photographs(graph)}

    assert sizes((9, 3)) == {(3, 256, 256)}
    monkeypatch.setattr(calibration, "CALIBRATION_SIZE", 16)
    assert sizes((8, 3)) == sizes((3, 8)) == {(3, 16, 16)}
    assert sizes((9, 3)) == sizes((3, 9)) == {(3, 40, 24)}
