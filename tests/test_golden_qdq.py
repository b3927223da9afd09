"""ONNX Runtime, without graph optimizations, agrees with every layer of golden."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from hwsim.frontends.builtin import build_network
from hwsim.golden.photographs import photograph
from hwsim.golden.qdq import (
    Agreement,
    compare_stage,
    compare_stages,
    export_network,
    export_stages,
    run_model,
)
from hwsim.golden.quantize import extract_graph, quantized_network
from hwsim.golden.reference import run_graph, stored_image
from hwsim.golden.statistics import seeded_weights
from hwsim.graph import Stage

PHOTOGRAPH = "rocket"  # not used in calibration
REQUIRED_SHARE = 0.99  # of a layer's elements are equal; the others may differ by one step


def judge(name: str, size: int, weight_bits: int, multiplier_bits: int) -> list[Agreement]:
    shapes = build_network(name, size, size, weight_bits=weight_bits)
    network = quantized_network(shapes, seeded_weights(shapes))
    graph = extract_graph(shapes, network, multiplier_bits)
    image = stored_image(photograph(PHOTOGRAPH, height=size, width=size))[None]
    agreements = compare_stages(network, graph, {"image": image})
    assert [found.elements for found in agreements] == [
        stage.output.shape.elements for stage in graph.stages
    ]
    return agreements


def holds(agreements: list[Agreement]) -> bool:
    return all(
        found.equal_share >= REQUIRED_SHARE and found.largest_step <= 1 for found in agreements
    )


@pytest.mark.parametrize(
    ("name", "weight_bits", "multiplier_bits"),
    [
        ("tiny-yolov2-mini", 8, 16),
        ("tiny-yolov2-mini", 4, 16),
        ("condensation-net-mini", 8, 16),
        ("condensation-net-mini", 4, 16),
        ("condensation-net-mini", 8, 32),
    ],
)
def test_every_layer_agrees(name: str, weight_bits: int, multiplier_bits: int) -> None:
    agreements = judge(name, 96, weight_bits, multiplier_bits)
    assert holds(agreements), agreements


@pytest.mark.slow
@pytest.mark.parametrize("weight_bits", [8, 4])
@pytest.mark.parametrize("name", ["tiny-yolov2", "condensation-net"])
def test_every_layer_agrees_at_full_size(name: str, weight_bits: int) -> None:
    agreements = judge(name, 416, weight_bits, 16)
    assert holds(agreements), agreements


def with_bias_off(stage: Stage) -> Stage:
    """Return a layer whose outputs are all half a step too large."""
    constants = stage.constants
    assert constants is not None
    half_step = (2.0 ** (constants.shift - 1) / constants.multiplier).astype(np.int32)
    return replace(stage, constants=replace(constants, bias=constants.bias + half_step))


def with_slope_off(stage: Stage) -> Stage:
    """Return a layer whose leaky slope is 0.2."""
    constants = stage.constants
    assert constants is not None
    doubled = constants.negative_multiplier * 2
    return replace(stage, constants=replace(constants, negative_multiplier=doubled))


def with_taps_transposed(stage: Stage) -> Stage:
    """Return a layer whose kernel has rows and columns exchanged."""
    constants = stage.constants
    assert constants is not None
    transposed = constants.weights[0].swapaxes(2, 3)
    return replace(stage, constants=replace(constants, weights=(transposed,)))


def test_the_judge_sees_what_is_wrong() -> None:
    shapes = build_network("condensation-net-mini", 64, 64)
    network = quantized_network(shapes, seeded_weights(shapes))
    graph = extract_graph(shapes, network)
    image = stored_image(photograph(PHOTOGRAPH, height=64, width=64))[None]
    models = export_stages(network)
    tensors = run_graph(graph, {graph.inputs[0].name: image})
    for index in (0, 3, 7):
        model, stage = models[index], graph.stages[index]
        assert holds([compare_stage(model, stage, tensors)])
        for spoil in (with_bias_off, with_slope_off, with_taps_transposed):
            agreement = compare_stage(model, spoil(stage), tensors)
            assert not holds([agreement]), f"{spoil.__name__} at {stage.name}"


def test_the_whole_network_exports_as_sound_onnx() -> None:
    shapes = build_network("condensation-net-mini", 64, 64)
    network = quantized_network(shapes, seeded_weights(shapes))
    graph = extract_graph(shapes, network)
    image = photograph(PHOTOGRAPH, height=64, width=64)

    model = export_network(network)

    onnx.checker.check_model(model, full_check=True)
    weights = [tensor for tensor in model.graph.initializer if len(tensor.dims) == 4]
    assert [tensor.data_type for tensor in weights] == [onnx.TensorProto.INT8] * 9
    y = run_model(model, (image[None] / 255).numpy())
    assert y.shape == (1, 30, 2, 2)
    quantization = graph.outputs[0].quantization
    assert quantization is not None
    steps = np.rint(y / quantization.scale) + quantization.zero_point
    tensors = run_graph(graph, {graph.inputs[0].name: stored_image(image)[None]})
    found = tensors[graph.outputs[0].name].numpy()
    assert np.corrcoef(steps.flatten(), found.flatten())[0, 1] > 0.999
