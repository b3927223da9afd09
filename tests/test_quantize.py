"""Quantization gives integers in range, the same in every run, and no degenerate layer."""

from collections.abc import Iterator
from dataclasses import astuple, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.frontends.builtin import build_network
from hwsim.golden import calibration
from hwsim.golden.calibration import CALIBRATION_PHOTOGRAPHS
from hwsim.golden.networks import FloatNetwork
from hwsim.golden.noise import float_outputs, signal_to_noise_db
from hwsim.golden.photographs import photograph
from hwsim.golden.quantize import extract_graph, quantize
from hwsim.golden.quantize import quantized_network as quantized_by_brevitas
from hwsim.golden.reference import stored_image
from hwsim.golden.statistics import seeded_weights
from hwsim.graph import Constants, Graph, Padding, Quantization, Shape, Source, Stage, Tensor
from hwsim.graph.file import graph_bytes
from hwsim.graph.float_weights import BatchNorm, FloatWeights
from tests.drawn import shapes_of_graphs
from tests.outputs import golden_outputs
from tests.quantized import quantized_network

UNSEEN = "rocket"


def constants_of(graph: Graph) -> list[Constants]:
    found = [stage.constants for stage in graph.stages if stage.constants is not None]
    assert len(found) == len(graph.stages)
    return found


@pytest.mark.parametrize("size", [160, pytest.param(416, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["tiny-yolov2", "condensation-net"])
def test_no_layer_is_degenerate(name: str, size: int) -> None:
    assert UNSEEN not in CALIBRATION_PHOTOGRAPHS
    sources = (*CALIBRATION_PHOTOGRAPHS, UNSEEN)
    images = [photograph(source, height=size, width=size) for source in sources]
    graph = quantized_network(name, size, size)
    outputs = golden_outputs(graph, stored_image(torch.stack(images)))
    for stage, stored in zip(graph.stages, outputs, strict=True):
        for source, y in zip(sources, stored, strict=True):
            saturated = ((y == -128) | (y == 127)).double().mean()
            assert len(set(y.flatten().tolist())) >= 64, f"{stage.name} on {source}"
            assert saturated < 0.05, f"{stage.name} on {source}"


@pytest.mark.parametrize("weight_bits", [8, 4])
@pytest.mark.parametrize("multiplier_bits", [16, 32])
def test_integers_keep_to_their_widths(weight_bits: int, multiplier_bits: int) -> None:
    graph = quantized_network(
        "condensation-net-mini", 64, 64, weight_bits=weight_bits, multiplier_bits=multiplier_bits
    )
    largest = 2 ** (weight_bits - 1) - 1
    for stage, constants in zip(graph.stages, constants_of(graph), strict=True):
        (weights,) = constants.weights
        assert weights.dtype == np.int8
        assert (np.abs(weights.astype(int)).max((1, 2, 3)) == largest).all()
        for values in (
            constants.bias,
            constants.multiplier,
            constants.negative_multiplier,
            constants.shift,
        ):
            assert values.dtype == np.int32
            assert values.shape == (stage.filters,)
        assert constants.multiplier.min() >= 2 ** (multiplier_bits - 2)
        assert constants.multiplier.max() < 2 ** (multiplier_bits - 1)
        assert constants.shift.min() >= 2
        assert constants.shift.max() <= 62
        slope = constants.negative_multiplier / constants.multiplier
        expected = 1.0 if stage.leaky_slope is None else 0.1
        np.testing.assert_allclose(slope, expected, atol=2.0**-14)
        assert stage.weight_bits == weight_bits


def test_tensors_hand_their_scale_on() -> None:
    graph = quantized_network("tiny-yolov2-mini", 64, 64)
    assert graph.inputs[0].quantization == Quantization(1 / 255, -128)
    for before, after in zip(graph.stages[:-1], graph.stages[1:], strict=True):
        assert before.output is after.sources[0].tensor
        assert before.output.quantization is not None


def test_same_bytes_every_time_and_at_every_thread_count() -> None:
    written = set()
    threads = torch.get_num_threads()
    try:
        for count in (1, 1, 2):
            torch.set_num_threads(count)
            written.add(graph_bytes(quantized_network("condensation-net-mini", 64, 96)))
    finally:
        torch.set_num_threads(threads)
    assert len(written) == 1


def test_constants_depend_on_the_seed_and_not_on_the_size() -> None:
    small, large, other = (
        constants_of(quantized_network("tiny-yolov2-mini", size, 64, seed=seed))
        for size, seed in ((64, 0), (96, 0), (64, 1))
    )
    for ours, theirs, foreign in zip(small, large, other, strict=True):
        np.testing.assert_array_equal(ours.weights[0], theirs.weights[0])
        np.testing.assert_array_equal(ours.bias, theirs.bias)
        assert (ours.weights[0] != foreign.weights[0]).any()


def test_rescale_factors_restore_the_float_network() -> None:
    """The integer network stays near its float network up to the last layer."""
    shapes = build_network("condensation-net-mini", 128, 128)
    weights = seeded_weights(shapes)
    source = FloatNetwork(shapes, weights)
    graph = quantize(shapes, weights)

    image = photograph(UNSEEN, height=128, width=128)
    with torch.no_grad():
        expected = source({"image": image[None] / 255})["detections"].flatten().double()
    stored = golden_outputs(graph, stored_image(image)[None])[-1].flatten().double()
    quantization = graph.outputs[0].quantization
    assert quantization is not None
    found = (stored - quantization.zero_point) * quantization.scale
    error = (found - expected).square().mean().sqrt() / expected.std()
    assert error < 0.15, f"relative error {error:.3f}"


def wrong_weights(weights: list[FloatWeights]) -> Iterator[tuple[list[FloatWeights], str]]:
    """Weights that are not those of the network, and what is said of them."""
    first, *others = weights
    assert first.batch_norm is not None
    bias = first.bias.copy()
    bias[3] = np.nan
    negative = replace(first.batch_norm, variance=-first.batch_norm.variance)
    tiny = replace(first.batch_norm, variance=np.full(16, 1e-38, np.float32) ** 2)
    yield others, "graph tiny-yolov2-mini of 9 layers: weights of 8"
    yield [first, *others[1:], others[0]], r"layer conv2: float weights must be float32 \(16, 16"
    yield [first.as_type(np.float64), *others], r"conv1: float weights must be .*, not float64 \(16"
    yield [replace(first, bias=bias), *others], r"layer conv1: float bias holds nan at \[3\]: must"
    yield [replace(first, batch_norm=negative), *others], "layer conv1: variance holds -.*: must no"
    huge = replace(first, weights=(first.weights[0] * np.float32(1e37),), batch_norm=tiny)
    yield [huge, *others], "layer conv1: not finite with its batch norm folded in"


def test_weights_of_another_network_are_refused() -> None:
    shapes = build_network("tiny-yolov2-mini")
    for weights, message in wrong_weights(list(seeded_weights(shapes))):
        with pytest.raises(InputError, match=message):
            quantize(shapes, weights)
    with pytest.raises(InputError, match="seed -1: must not be negative"):
        seeded_weights(shapes, seed=-1)


def test_a_network_without_photographs_as_input_is_refused() -> None:
    source = Source.whole(Tensor("in", Shape(8, 6, 5)), (1, 1))
    stage = Stage.inferred("conv1", [source], "out", 4)
    with pytest.raises(InputError, match=r"^graph g: input of 8 channels: .* photographs, which"):
        seeded_weights(Graph.chain("g", [stage]))


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(graph=shapes_of_graphs(max_layers=2, from_image=True), seed=st.integers(0, 99))
def test_any_graph_of_photographs_is_quantized(
    graph: Graph, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kernels as large as their map, depthwise layers, every k and pool."""
    monkeypatch.setattr(calibration, "CALIBRATION_SIZE", 16)
    weights = seeded_weights(graph, seed)
    found = quantize(graph, weights)
    assert found.is_quantized
    size = graph.inputs[0].shape
    pixels = photograph(UNSEEN, height=size.height, width=size.width)
    stored = golden_outputs(found, stored_image(pixels)[None])
    real = float_outputs(FloatNetwork(graph, weights), {graph.only_input.name: pixels})
    assert [ours[0].shape for ours in stored] == [theirs.shape for theirs in real]


def strided(**changes: Any) -> Graph:
    """Return a network of a strided, a dilated and a grouped layer, the first with `changes`."""
    image = Tensor("image", Shape(3, 24, 20), is_image=True)
    source = replace(Source.whole(image, (3, 3), 1, stride=(2, 2)), **changes)
    first = Stage.inferred("strided", [source], "maps", 16, 0.1)
    wide = replace(Source.whole(first.output, (3, 3), padding=2), dilation=(2, 2))
    second = Stage.inferred("dilated", [wide], "more", 8, 0.1)
    grouped = Source.whole(second.output, (3, 3), padding=1, groups=4)
    return Graph.chain("own", [first, second, Stage.inferred("grouped", [grouped], "last", 16)])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"padding": Padding(top=1)},
        {"channels": 2, "first_channel": 1},
        {"stride": (1, 1), "upsample": 2},
    ],
)
def test_every_geometry_is_quantized(
    changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "CALIBRATION_SIZE", 32)
    graph = strided(**changes)
    weights = seeded_weights(graph)
    network = quantized_by_brevitas(graph, weights)
    found = extract_graph(graph, network)
    pixels = photograph(UNSEEN, height=24, width=20)
    assert network({"image": pixels[None] / 255})["last"].value.shape[1:] == astuple(
        graph.outputs[0].shape
    )
    real = float_outputs(FloatNetwork(graph, weights), {graph.only_input.name: pixels})
    for stage, ours, theirs in zip(
        found.stages, golden_outputs(found, stored_image(pixels)[None]), real, strict=True
    ):
        assert stage.output.quantization is not None
        ratio = signal_to_noise_db(theirs, ours[0], stage.output.quantization)
        assert ratio is not None
        assert ratio > 15


@pytest.fixture
def red_and_less_green(monkeypatch: pytest.MonkeyPatch) -> tuple[Graph, FloatWeights]:
    """Return a layer whose outputs are a photograph's red, and 0.21 less its green."""
    monkeypatch.setattr(calibration, "CALIBRATION_SIZE", 16)
    image = Tensor("input", Shape(3, 16, 16), is_image=True)
    stage = Stage.inferred("conv1", [Source.whole(image, (1, 1))], "output", 2)
    weights = np.array([[1, 0, 0], [0, -1, 0]], np.float32).reshape(2, 3, 1, 1)
    bias = np.array([0, 0.21], np.float32)
    return Graph.chain("colours", [stage]), FloatWeights((weights,), bias)


@pytest.mark.parametrize("multiplier_bits", [16, 32])
def test_constants_follow_from_the_range_over_all_photographs(
    red_and_less_green: tuple[Graph, FloatWeights], multiplier_bits: int
) -> None:
    shapes, weights = red_and_less_green
    (stage,) = quantize(shapes, [weights], multiplier_bits).stages
    pixels = calibration.calibration_photographs(shapes)["input"].double() / 255
    lowest, highest = float(0.21 - pixels[:, 1].max()), float(pixels[:, 0].max())
    assert stage.output.quantization is not None
    assert stage.constants is not None
    scale = stage.output.quantization.scale
    assert scale == pytest.approx((highest - lowest) / 255)
    assert stage.output.quantization.zero_point == round(-lowest / scale) - 128
    assert stage.constants.weights[0][:, :, 0, 0].tolist() == [[127, 0, 0], [0, -127, 0]]
    assert stage.constants.bias.tolist() == [0, round(0.21 * 127 * 255)]
    factors = stage.constants.multiplier / np.exp2(stage.constants.shift)
    expected = float(np.float32(1) / np.float32(127)) / 255 / scale
    np.testing.assert_allclose(factors, expected, rtol=2.0 ** (1 - multiplier_bits))


def test_a_scale_is_refused_from_1e12_on(red_and_less_green: tuple[Graph, FloatWeights]) -> None:
    shapes, weights = red_and_less_green
    (values,) = weights.weights
    magnified = replace(weights, weights=(values * np.float32(1e14),))
    quantization = quantize(shapes, [magnified]).only_output.quantization
    assert quantization is not None
    assert 1e11 < quantization.scale < 1e12
    magnified = replace(weights, weights=(values * np.float32(1e15),))
    message = r"^layer conv1: its output needs a scale of \S+e\+12, beyond 1e\+12: "
    with pytest.raises(InputError, match=message):
        quantize(shapes, [magnified])


def test_a_nearly_dead_channel_keeps_its_bias() -> None:
    shapes = build_network("tiny-yolov2-mini")
    first, *others = seeded_weights(shapes)
    assert first.batch_norm is not None
    bias, scale = first.bias.copy(), first.batch_norm.scale.copy()
    bias[3], scale[3] = 0.5, 1e-12
    dead = replace(first, bias=bias, batch_norm=replace(first.batch_norm, scale=scale))
    stage = quantize(shapes, [dead, *others]).stages[0]
    assert stage.constants is not None
    assert stage.output.quantization is not None
    stored, multiplier, shift = (
        int(values[3])
        for values in (stage.constants.bias, stage.constants.multiplier, stage.constants.shift)
    )
    assert not stage.constants.weights[0][3].any()
    assert stored == 2**24
    expected = 0.5 / stage.output.quantization.scale
    assert abs(stored * multiplier / 2**shift - expected) < 0.01


@pytest.mark.parametrize("magnitude", [1e38, 1e20, 1e5])
def test_finite_but_absurd_weights_are_one_line(magnitude: float) -> None:
    shapes = build_network("tiny-yolov2-mini")
    rng = np.random.default_rng(0)

    def absurd(shape: tuple[int, ...]) -> NDArray[np.float32]:
        return (rng.uniform(0.1, 1, shape) * magnitude).astype(np.float32)

    weights = [
        FloatWeights(
            (absurd(stage.weights_shapes[0]),),
            absurd((stage.filters,)),
            BatchNorm(*absurd((3, stage.filters))) if stage.leaky_slope is not None else None,
        )
        for stage in shapes.stages
    ]
    with pytest.raises(InputError, match=r"conv\d"):
        quantize(shapes, weights)
