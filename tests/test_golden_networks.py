"""The float networks have the published counts, darknet's semantics and seeded weights."""

from dataclasses import astuple, replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from hwsim.errors import InputError
from hwsim.frontends.builtin import build_network
from hwsim.golden import calibration, networks
from hwsim.golden.calibration import calibration_photographs
from hwsim.golden.networks import FloatNetwork, FloatStage
from hwsim.golden.seeded_weights import draw_weights
from hwsim.golden.statistics import seeded_weights
from hwsim.graph import Graph, Shape, Source, SpatialPool, Stage, Tensor
from hwsim.graph.float_weights import BatchNorm, FloatWeights, check_float_weights
from hwsim.graph.lifetimes import drop_unread
from hwsim.testbenches.drawn_pools import USUAL
from tests.branched import branched
from tests.drawn import branching_graphs, sources_of
from tests.loops import convolution_by_loops, pooled_by_loops

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
        network = FloatNetwork(shapes, [stage.as_type(np.float32) for stage in weights])
        counter = FlopCounterMode(display=False)
        with counter:
            y = network({"image": torch.zeros(1, 3, 416, 416)})["detections"]
    floats = sum(tensor.numel() for tensor in network.state_dict().values())
    assert (floats, counter.get_total_flops() // 2) == COUNTS[name]
    assert y.shape[2:] == (13, 13)


def small_stage(k: int, pool: SpatialPool) -> FloatStage:
    """Return a layer on 3 x 5 x 3 with two stored channels, with all constants drawn."""
    source = Source.whole(Tensor("input", Shape(3, 5, 3)), (3, 3), padding=1)
    stage = Stage.inferred("layer", [source], "output", 2 * k, 0.1, k, pool)
    rng = np.random.default_rng(k)
    weights = rng.standard_normal(stage.weights_shapes[0], np.float32)
    bias, scale, mean, variance = rng.standard_normal((4, 2 * k), np.float32)
    return FloatStage(stage, FloatWeights((weights,), bias, BatchNorm(scale, mean, abs(variance))))


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("pool", USUAL)
def test_layer_follows_darknet(k: int, pool: SpatialPool) -> None:
    stage = small_stage(k, pool)
    stage.variance[0] = 0  # then only epsilon divides, which must be outside the square root
    x = torch.randn(1, 3, 5, 3, generator=torch.Generator().manual_seed(9))

    convolved = stage.convolve({"input": x})[0].numpy().astype(np.float64)
    mean, variance, scale, bias = (
        tensor.numpy().astype(np.float64)[:, None, None]
        for tensor in (stage.mean, stage.variance, stage.scale, stage.bias)
    )
    y = (convolved - mean) / (np.sqrt(variance) + 1e-6) * scale + bias
    y = np.where(y > 0, y, 0.1 * y)
    y = np.stack([y[channel * k : (channel + 1) * k].max(0) for channel in range(2)])
    expected = [
        y[channel, h : h + pool.window[0], w : w + pool.window[1]].max()
        for channel in range(2)
        for h in range(0, 5, pool.stride[0])
        for w in range(0, 3, pool.stride[1])
    ]
    np.testing.assert_allclose(
        stage({"input": x}).flatten().numpy(), expected, rtol=1e-4, atol=1e-5
    )


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), k=st.sampled_from([1, 2]), most=st.sampled_from([1, 1 << 20]))
def test_a_float_convolution_has_the_geometry_of_its_source(
    data: st.DataObject, k: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small integers are exact in float32, whether filters are computed together or in parts."""
    monkeypatch.setattr(networks, "MOST_ELEMENTS", most)
    groups = data.draw(st.integers(1, 4))
    source = data.draw(sources_of(Tensor("input", Shape(8, 5, 4)), groups))
    stage = Stage.inferred("layer", [source], "output", source.groups * k * 3, channel_pool=k)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x = rng.integers(-9, 10, (8, 5, 4), np.int8)
    weights = rng.integers(-9, 10, source.weights_shape(stage.filters), np.int8)
    floats = FloatWeights((weights.astype(np.float32),), np.zeros(stage.filters, np.float32))
    expected = convolution_by_loops(x, weights, source)
    expected = expected.reshape(-1, k, *expected.shape[1:]).max(1)
    found = FloatStage(stage, floats)({"input": torch.from_numpy(x).float()[None]})[0]
    np.testing.assert_array_equal(found.numpy(), expected)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(graph=branching_graphs(), seed=st.integers(0, 99), most=st.sampled_from([1, 1 << 20]))
def test_a_float_stage_adds_its_sources(
    graph: Graph, seed: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "MOST_ELEMENTS", most)
    rng = np.random.default_rng(seed)
    tensors = {
        tensor.name: rng.integers(-9, 10, astuple(tensor.shape), np.int8)
        for tensor in graph.tensors
    }
    given_tensors = {name: torch.from_numpy(x).float()[None] for name, x in tensors.items()}
    for stage in graph.stages:
        weights = tuple(rng.integers(-9, 10, shape, np.int8) for shape in stage.weights_shapes)
        bias = rng.integers(-99, 100, stage.filters)
        pairs = zip(stage.sources, weights, strict=True)
        y = bias[:, None, None] + np.sum(
            [
                convolution_by_loops(tensors[source.tensor.name], values, source)
                for source, values in pairs
            ],
            axis=0,
        )
        expected = pooled_by_loops(y, stage)  # a maximum commutes with leaky ReLU
        if stage.leaky_slope is not None:
            expected = np.where(expected < 0, expected * stage.leaky_slope, expected)
        floats = FloatWeights(
            tuple(values.astype(np.float32) for values in weights), bias.astype(np.float32)
        )
        found = FloatStage(stage, floats)(given_tensors)[0]
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


@settings(deadline=None, max_examples=30)
@given(graph=branching_graphs(), seed=st.integers(0, 99))
def test_a_float_network_hands_every_tensor_to_its_readers(graph: Graph, seed: int) -> None:
    weights = [ours.as_type(np.float32) for ours in draw_weights(graph, seed)]
    network = FloatNetwork(graph, weights)
    inputs = {tensor.name: torch.rand(2, *astuple(tensor.shape)) for tensor in graph.inputs}
    found, tensors = network(inputs), dict(inputs)
    for stage in network.float_stages():
        tensors[stage.stage.output.name] = stage(tensors)
    assert found.keys() | inputs.keys() == tensors.keys()
    assert all(torch.equal(x, tensors[name]) for name, x in found.items())


def test_a_tensor_is_kept_until_its_last_reader() -> None:
    graph = branched()
    tensors: dict[str, int] = {"camera": 0}
    kept: list[set[str]] = []
    for index, stage in enumerate(graph.stages):
        assert {tensor.name for tensor in stage.inputs} <= tensors.keys()
        tensors[stage.output.name] = index
        drop_unread(graph, index, tensors)
        kept.append({name.removesuffix(" maps") for name in tensors})
    assert kept == [
        {"stem"}, {"stem", "deep"}, {"stem", "pool"}, {"stem", "pool", "join"},
        {"pool", "mixed"}, {"pool", "mixed", "large head"}, {"large head", "small head"},
    ]  # fmt: skip


def joining() -> Stage:
    """Return a reduction that joins five channels of a slice and two of another tensor."""
    one, other = (Tensor(name, Shape(9, 5, 3)) for name in ("one", "other"))
    taken = (Source(one, 2, 5, (1, 1)), Source(other, 7, 2, (1, 1)))
    return Stage.inferred("join", taken, "joined", 7)


def test_weights_are_drawn_for_the_fan_in_of_all_sources() -> None:
    stage = replace(joining(), filters=4000, output=Tensor("joined", Shape(4000, 5, 3)))
    graph = Graph("g", stage.inputs, (stage,), (stage.output,))
    (drawn,) = draw_weights(graph, seed=0)
    assert [weights.shape for weights in drawn.weights] == [(4000, 5, 1, 1), (4000, 2, 1, 1)]
    for weights in drawn.weights:
        assert np.var(weights) == pytest.approx(2 / 7, rel=0.05)


def test_weights_that_are_not_those_of_every_source_are_refused() -> None:
    stage = joining()
    graph = Graph("g", stage.inputs, (stage,), (stage.output,))
    (drawn,) = (ours.as_type(np.float32) for ours in draw_weights(graph, seed=0))
    check_float_weights(graph, [drawn])
    one, other = drawn.weights
    for weights, message in (
        ((one,), "layer join: float weights of 1 sources: it has 2"),
        ((other, one), r"layer join: float weights1 must be float32 \(7, 5, 1, 1\), not float32"),
        ((one, other * np.nan), "layer join: float weights2 holds nan"),
    ):
        with pytest.raises(InputError, match=f"^{message}"):
            check_float_weights(graph, [replace(drawn, weights=weights)])


def test_a_reduction_has_the_weights_of_a_copy_and_no_others() -> None:
    source = Source.whole(Tensor("in", Shape(4, 5, 3)), (1, 1), groups=4)
    stage = replace(Stage.inferred("copy", [source], "out", 4), is_reduction=True)
    graph = Graph.chain("g", [stage])
    (drawn,) = (ours.as_type(np.float32) for ours in draw_weights(graph, seed=0))
    assert drawn.weights[0].tolist() == [[[[1]]]] * 4
    assert not drawn.bias.any()
    check_float_weights(graph, [drawn])
    for other in (
        replace(drawn, bias=drawn.bias + 1),
        replace(drawn, weights=(drawn.weights[0] * 2,)),
        replace(drawn, batch_norm=BatchNorm(drawn.bias, drawn.bias, drawn.bias)),
    ):
        with pytest.raises(InputError, match=r"^layer copy: it only passes stored maps on"):
            check_float_weights(graph, [other])
    parts = FloatWeights.of_reduction(joining()).weights
    assert np.concatenate(parts, 1)[:, :, 0, 0].tolist() == np.eye(7).tolist()


def test_folding_keeps_the_function_and_moves_signs_into_the_weights() -> None:
    stage = small_stage(2, SpatialPool.NONE)
    stage.scale[0] = -1.0
    weights, bias = stage.folded()
    plain = small_stage(2, SpatialPool.NONE)
    for target, value in (
        (plain.weights[0], weights[0]),
        (plain.bias, bias),
        (plain.scale, torch.ones(4)),
        (plain.mean, torch.zeros(4)),
        (plain.variance, torch.ones(4)),
    ):
        target.copy_(value)
    x = {"input": torch.randn(1, 3, 5, 3, generator=torch.Generator().manual_seed(9))}
    torch.testing.assert_close(plain(x), stage(x), rtol=1e-4, atol=1e-4)
    assert torch.equal(weights[0][0].sign(), -stage.weights[0][0].sign())


@pytest.fixture(scope="module")
def seeded() -> FloatNetwork:
    shapes = build_network("condensation-net-mini")
    return FloatNetwork(shapes, seeded_weights(shapes, seed=5))


def test_seeded_layers_are_normalised_over_the_photographs(seeded: FloatNetwork) -> None:
    (pixels,) = calibration_photographs(seeded.graph).values()
    tensors = {"image": pixels / 255}
    for stage in seeded.float_stages():
        y = stage.convolve(tensors)
        if stage.normalised:
            torch.testing.assert_close(y.mean((0, 2, 3)), stage.mean, rtol=1e-3, atol=1e-3)
            torch.testing.assert_close(
                y.var((0, 2, 3), correction=0), stage.variance, rtol=1e-3, atol=1e-3
            )
        tensors[stage.stage.output.name] = stage.activate(y)


def test_seeded_weights_have_negative_scales_and_depend_on_the_seed(seeded: FloatNetwork) -> None:
    scales = torch.cat([stage.scale for stage in seeded.float_stages() if stage.normalised])
    assert 0 < int((scales < 0).sum()) < len(scales) // 4
    other = draw_weights(build_network("condensation-net-mini"), seed=6)
    assert (other[0].weights[0] != seeded.float_stages()[0].weights[0].numpy()).any()


def test_drawn_weights_are_spread_as_stated() -> None:
    filters, fan_in = 4096, 8 * 3 * 3
    source = Source.whole(Tensor("input", Shape(8, 3, 3)), (3, 3))
    graph = Graph.chain("wide", [Stage.inferred("conv1", [source], "output", filters, 0.1)])
    (drawn,), (other,) = draw_weights(graph, seed=0), draw_weights(graph, seed=1)
    (weights,) = drawn.weights
    assert (weights != other.weights[0]).any()
    assert abs(weights.mean()) < 0.002
    assert weights.var() == pytest.approx(2 / fan_in, rel=0.01)
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

    def size(kernel: tuple[int, int]) -> tuple[int, ...]:
        image = Tensor("input", Shape(3, 40, 24), is_image=True)
        first = Stage.inferred("conv1", [Source.whole(image, (1, 1))], "halved", 4, 0.1,
                               spatial_pool=SpatialPool.STRIDE_2)  # fmt: skip
        second = Stage.inferred("conv2", [Source.whole(first.output, kernel)], "output", 5)
        assert second.output.shape == Shape(5, 21 - kernel[0], 13 - kernel[1])
        graph = Graph.chain("halves", [first, second])
        (pixels,) = calibration_photographs(graph).values()
        return tuple(pixels.shape[1:])

    assert size((9, 3)) == (3, 256, 256)
    monkeypatch.setattr(calibration, "CALIBRATION_SIZE", 16)
    assert size((8, 3)) == size((3, 8)) == (3, 16, 16)
    assert size((9, 3)) == size((3, 9)) == (3, 40, 24)
