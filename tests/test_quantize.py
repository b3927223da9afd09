"""Quantization gives integers in range, the same in every run, and no degenerate layer."""

from pathlib import Path

import numpy as np
import pytest
import torch

from hwsim.errors import InputError
from hwsim.frontends.builtin import build_network
from hwsim.golden.calibration import CALIBRATION_PHOTOGRAPHS
from hwsim.golden.networks import FloatNetwork
from hwsim.golden.photographs import photograph
from hwsim.golden.quantize import (
    QuantizedNetwork,
    extract_graph,
    quantize_network,
)
from hwsim.golden.reference import run_graph, stored_image
from hwsim.golden.seeded_weights import seed_weights
from hwsim.graph import Constants, Graph, Quantization
from hwsim.graph.file import save_graph

UNSEEN = "rocket"


def constants_of(graph: Graph) -> list[Constants]:
    found = [layer.constants for layer in graph.layers if layer.constants is not None]
    assert len(found) == len(graph.layers)
    return found


@pytest.mark.parametrize("size", [160, pytest.param(416, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["tiny-yolov2", "condensation-net"])
def test_no_layer_is_degenerate(name: str, size: int) -> None:
    assert UNSEEN not in CALIBRATION_PHOTOGRAPHS
    sources = (*CALIBRATION_PHOTOGRAPHS, UNSEEN)
    images = [photograph(source, height=size, width=size) for source in sources]
    graph = quantize_network(name, size, size)
    outputs = run_graph(graph, stored_image(torch.stack(images)))
    for layer, stored in zip(graph.layers, outputs, strict=True):
        for source, y in zip(sources, stored, strict=True):
            saturated = ((y == -128) | (y == 127)).double().mean()
            assert len(set(y.flatten().tolist())) >= 64, f"{layer.name} on {source}"
            assert saturated < 0.05, f"{layer.name} on {source}"


@pytest.mark.parametrize("weight_bits", [8, 4])
@pytest.mark.parametrize("multiplier_bits", [16, 32])
def test_integers_keep_to_their_widths(weight_bits: int, multiplier_bits: int) -> None:
    graph = quantize_network(
        "condensation-net-mini", 64, 64, weight_bits=weight_bits, multiplier_bits=multiplier_bits
    )
    largest = 2 ** (weight_bits - 1) - 1
    for layer, constants in zip(graph.layers, constants_of(graph), strict=True):
        assert constants.weights.dtype == np.int8
        assert (np.abs(constants.weights.astype(int)).max((1, 2, 3)) == largest).all()
        for values in (
            constants.bias,
            constants.multiplier,
            constants.negative_multiplier,
            constants.shift,
        ):
            assert values.dtype == np.int32
            assert values.shape == (layer.filters,)
        assert constants.multiplier.min() >= 2 ** (multiplier_bits - 2)
        assert constants.multiplier.max() < 2 ** (multiplier_bits - 1)
        assert constants.shift.min() >= 2
        assert constants.shift.max() <= 62
        slope = constants.negative_multiplier / constants.multiplier
        expected = 1.0 if layer.leaky_slope is None else 0.1
        np.testing.assert_allclose(slope, expected, atol=2.0**-14)
        assert layer.weight_bits == weight_bits


def test_tensors_hand_their_scale_on() -> None:
    graph = quantize_network("tiny-yolov2-mini", 64, 64)
    assert graph.input.quantization == Quantization(1 / 255, -128)
    for before, after in zip(graph.layers[:-1], graph.layers[1:], strict=True):
        assert before.output is after.input
        assert before.output.quantization is not None


def test_same_bytes_every_time_and_at_every_thread_count(tmp_path: Path) -> None:
    written = set()
    threads = torch.get_num_threads()
    try:
        for count in (1, 1, 2):
            torch.set_num_threads(count)
            save_graph(
                quantize_network("condensation-net-mini", 64, 96), tmp_path / "graph.safetensors"
            )
            written.add((tmp_path / "graph.safetensors").read_bytes())
    finally:
        torch.set_num_threads(threads)
    assert len(written) == 1


def test_constants_depend_on_the_seed_and_not_on_the_size() -> None:
    small, large, other = (
        constants_of(quantize_network("tiny-yolov2-mini", size, 64, seed=seed))
        for size, seed in ((64, 0), (96, 0), (64, 1))
    )
    for ours, theirs, foreign in zip(small, large, other, strict=True):
        np.testing.assert_array_equal(ours.weights, theirs.weights)
        np.testing.assert_array_equal(ours.bias, theirs.bias)
        assert (ours.weights != foreign.weights).any()


def test_rescale_factors_restore_the_float_network() -> None:
    """The integer network stays near its float network up to the last layer."""
    shapes = build_network("condensation-net-mini", 128, 128)
    images = [photograph(name, height=128, width=128) for name in ("cat", "coffee")]
    source = FloatNetwork(shapes)
    seed_weights(source, images, seed=0)
    network = QuantizedNetwork(source)
    network.calibrate(images)
    graph = extract_graph(shapes, network)

    image = photograph(UNSEEN, height=128, width=128)
    with torch.no_grad():
        expected = source(image[None] / 255).flatten().double()
    stored = run_graph(graph, stored_image(image)[None])[-1].flatten().double()
    quantization = graph.output.quantization
    assert quantization is not None
    found = (stored - quantization.zero_point) * quantization.scale
    error = (found - expected).square().mean().sqrt() / expected.std()
    assert error < 0.15, f"relative error {error:.3f}"


def test_bad_requests_are_refused() -> None:
    with pytest.raises(InputError, match="no network 'tiny-yolo'"):
        quantize_network("tiny-yolo")
    with pytest.raises(InputError, match=r"cannot read weights 'none\.weights'"):
        quantize_network("tiny-yolov2-mini", weights="none.weights")
    with pytest.raises(InputError, match="seed -1: must not be negative"):
        quantize_network("tiny-yolov2-mini", seed=-1)
    with pytest.raises(InputError, match="weight_bits = 16: must be 2 to 8"):
        quantize_network("tiny-yolov2-mini", weight_bits=16)
