"""Graphs that branch are quantized as well as chains, and every witness agrees on the integers."""

from dataclasses import astuple, replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from hwsim.flows.execution import golden_reference
from hwsim.golden import calibration
from hwsim.golden.calibration import calibration_photographs
from hwsim.golden.networks import FloatNetwork
from hwsim.golden.noise import float_outputs, signal_to_noise_db
from hwsim.golden.photographs import photograph
from hwsim.golden.qdq import compare_stages
from hwsim.golden.quantize import extract_graph, quantize, quantized_network
from hwsim.golden.reference import run_graph, stored_image
from hwsim.golden.seeded_weights import draw_weights
from hwsim.golden.statistics import seeded_weights
from hwsim.graph import Graph, Quantization, Rounding, Shape, Source, SpatialPool, Stage
from hwsim.graph import Tensor as Stored
from hwsim.graph.float_weights import FloatWeights
from hwsim.machine import Machine
from tests.branched import branched, copy
from tests.drawn import branching_graphs, preset_with
from tests.test_machine import compiled

LEAST_DB = 15.0  # of a map of at least so many elements, spread over so many steps of its scale:
LEAST_ELEMENTS, LEAST_SPREAD_STEPS = 64, 8


def drawn_floats(graph: Graph, seed: int) -> list[FloatWeights]:
    """Return weights that keep variances, without statistics, which blow up what hardly varies."""
    return [ours.as_type(np.float32) for ours in draw_weights(graph, seed)]


def noise_by_stage(graph: Graph, real: dict[str, Tensor], stored: dict[str, Tensor]) -> list[float]:
    """Return the ratio over a batch of every stage that is well conditioned, as all before it.

    In a map of few elements large products may cancel, and what is left is lost in their noise.
    """
    found: list[float] = []
    sound = {tensor.name for tensor in graph.inputs}
    for stage in graph.stages:
        quantization, name = quantization_of(stage.output), stage.output.name
        ours, theirs = stored[name].flatten(0, 1), real[name].flatten(0, 1)
        assert ours.shape == theirs.shape
        is_spread = float(theirs.std()) > LEAST_SPREAD_STEPS * quantization.scale
        if (
            is_spread
            and theirs.numel() >= LEAST_ELEMENTS
            and sound.issuperset(tensor.name for tensor in stage.inputs)
        ):
            sound.add(name)
            found.append(signal_to_noise_db(theirs, ours, quantization) or np.inf)
    return found


def as_quantized_here(graph: Graph) -> Graph:
    """Return the graph without what only a quantized file's stages have."""
    stages = tuple(
        replace(stage, weight_limbs=1, rounding=Rounding.ONCE, clamp=None, table=None)
        for stage in graph.stages
    )
    return replace(graph, stages=stages)


@settings(  # the same examples every time: how much noise there is can only be expected
    deadline=None,
    max_examples=30,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    shapes=branching_graphs(weight_bits=8, from_images=True).map(as_quantized_here),
    seed=st.integers(0, 99),
)
def test_drawn_branches_of_photographs_keep_their_signal(
    shapes: Graph, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stages add up to three sources of any geometry, of one or two photographs; all are read."""
    monkeypatch.setattr(calibration, "_takes", lambda *_: False)  # at its own size
    weights = drawn_floats(shapes, seed)
    graph = quantize(shapes, weights)
    pixels = calibration_photographs(shapes)
    inputs = {name: stored_image(x) for name, x in pixels.items()}
    real = FloatNetwork(shapes, weights)({name: x / 255 for name, x in pixels.items()})
    stored = run_graph(graph, inputs)
    assert all(ratio > LEAST_DB for ratio in noise_by_stage(graph, real, stored))

    first = {name: x[0].numpy() for name, x in inputs.items()}
    reference = golden_reference(graph, first)
    seen: list[str] = []

    def on_stage(stage: Stage, values: object) -> None:
        np.testing.assert_array_equal(values, stored[stage.output.name][0])
        np.testing.assert_array_equal(values, reference(stage))
        seen.append(stage.name)

    Machine(compiled(graph, preset_with("edge")), first, on_stage=on_stage).run()
    assert seen == [stage.name for stage in graph.stages]


@pytest.mark.parametrize("weight_bits", [8, 4])
def test_the_products_of_all_sources_count_in_the_same_steps(weight_bits: int) -> None:
    shapes = branched()
    stages = tuple(replace(stage, weight_bits=weight_bits) for stage in shapes.stages)
    shapes = replace(shapes, stages=stages)
    weights = seeded_weights(shapes)
    network = FloatNetwork(shapes, weights)
    graph = quantize(shapes, weights)
    several = [stage for stage in graph.stages if len(stage.sources) > 1]
    assert {stage.name for stage in several} == {"join", "mixed", "small"}
    largest = 2 ** (weight_bits - 1) - 1
    for stage, floats in zip(graph.stages, network.float_stages(), strict=True):
        if stage not in several:
            continue
        folded, bias = floats.folded()
        assert stage.constants is not None
        scales = [quantization_of(source.tensor).scale for source in stage.sources]
        pairs = zip(folded, scales, strict=True)
        reach = [ours.abs().amax((1, 2, 3)).numpy() * scale for ours, scale in pairs]
        step = np.max(reach, 0).astype(np.float64) / largest
        for ours, stored, scale in zip(folded, stage.constants.weights, scales, strict=True):
            ideal = ours.numpy().astype(np.float64) * scale / step[:, None, None, None]
            assert np.abs(stored - ideal).max() < 0.5 + 1e-4
        most = [np.abs(stored).max((1, 2, 3)) for stored in stage.constants.weights]
        assert (np.max(most, 0) == largest).all()
        assert np.abs(stage.constants.bias - bias.numpy() / step).max() < 0.5 + 1e-2
        factors = stage.constants.multiplier / 2.0**stage.constants.shift
        expected = step / quantization_of(stage.output).scale
        np.testing.assert_allclose(factors, expected, rtol=2.0**-14)


def quantization_of(tensor: Stored) -> Quantization:
    assert tensor.quantization is not None
    return tensor.quantization


@pytest.mark.parametrize("multiplier_bits", [16, 32])
def test_a_copy_changes_no_value(multiplier_bits: int) -> None:
    """It reads an image or what a stage has stored, in any slice or size, and pools it or not."""
    image = Stored("camera", Shape(3, 12, 10), is_image=True)
    first = copy("of image", [Source.whole(image, (1, 1), groups=3)], SpatialPool.STRIDE_2)
    stem = Stage.inferred("stem", [Source.whole(image, (3, 3), padding=1)], "stem maps", 8, 0.1)
    sliced = Source(stem.output, 2, 5, (1, 1), upsample=2, groups=5)
    second = copy("of stem", [sliced], SpatialPool.STRIDE_1)
    parts = [Source(second.output, 1, 3, (1, 1)), Source(second.output, 0, 2, (1, 1))]
    third = copy("of copy", parts)
    outputs = (first.output, third.output)
    shapes = Graph("copies", (image,), (first, stem, second, third), outputs)
    graph = quantize(shapes, seeded_weights(shapes), multiplier_bits)
    for stage in (graph.stages[0], *graph.stages[2:]):
        read = stage.sources[0].tensor
        assert stage.output.quantization == read.quantization
        constants = stage.constants
        assert constants is not None
        one = 2 ** (multiplier_bits - 2)
        assert set(constants.multiplier) == set(constants.negative_multiplier) == {one}
        assert set(constants.shift) == {multiplier_bits - 2}
        assert not constants.bias.any()
    values = stored_image(photograph("rocket", height=12, width=10))[None]
    found = run_graph(graph, {"camera": values})
    assert torch.equal(found["of image maps"], values.float().unfold(2, 2, 2).unfold(3, 2, 2)
                       .amax((4, 5)).to(torch.int8))  # fmt: skip
    doubled = found["stem maps"][:, 2:7].repeat_interleave(2, 2).repeat_interleave(2, 3)
    padded = torch.nn.functional.pad(doubled.float(), (0, 1, 0, 1), value=-999.0)
    pooled = padded.unfold(2, 2, 1).unfold(3, 2, 1).amax((4, 5)).to(torch.int8)
    assert torch.equal(found["of stem maps"], pooled)
    assert torch.equal(found["of copy maps"], pooled[:, [1, 2, 3, 0, 1]])


def test_joined_maps_get_a_scale_of_their_own() -> None:
    shapes = branched()
    weights = seeded_weights(shapes)
    graph = quantize(shapes, weights)
    join = next(stage for stage in graph.stages if stage.name == "join")
    scales = {quantization_of(tensor) for tensor in (*join.inputs, join.output)}
    assert len(scales) == 3
    pixels = photograph("rocket", height=32, width=48)
    stored = run_graph(graph, {"camera": stored_image(pixels)[None]})
    real = float_outputs(FloatNetwork(shapes, weights), {"camera": pixels})
    for stage, theirs in zip(graph.stages, real, strict=True):
        ratio = signal_to_noise_db(
            theirs, stored[stage.output.name][0], quantization_of(stage.output)
        )
        assert ratio is not None
        assert ratio > LEAST_DB, stage.name


def test_two_inputs_see_other_photographs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A difference of two inputs is calibrated on what is not 0 everywhere."""
    monkeypatch.setattr(calibration, "CALIBRATION_SIZE", 32)
    before, now = (Stored(name, Shape(3, 16, 16)) for name in ("before", "now"))
    stage = Stage.inferred(
        "motion", [Source.whole(tensor, (1, 1)) for tensor in (before, now)], "motion", 3
    )
    shapes = Graph("motion", (before, now), (stage,), (stage.output,))
    one = np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1)
    graph = quantize(shapes, [FloatWeights((one, -one), np.zeros(3, np.float32))])
    assert quantization_of(graph.outputs[0]).scale > 1 / 255
    pixels = calibration_photographs(shapes)
    assert [astuple(tensor.shape) for tensor in graph.inputs] == [(3, 16, 16)] * 2
    assert not torch.equal(pixels["before"], pixels["now"])
    assert pixels["before"].shape == (4, 3, 32, 32)


def test_onnx_runtime_agrees_on_every_stage_of_several_sources() -> None:
    shapes = branched()
    network = quantized_network(shapes, seeded_weights(shapes))
    graph = extract_graph(shapes, network)
    image = stored_image(photograph("rocket", height=32, width=48))[None]
    found = compare_stages(network, graph, {"camera": image})
    assert [each.stage for each in found] == [stage.name for stage in graph.stages]
    assert all(each.equal_share >= 0.99 and each.largest_step <= 1 for each in found), found


@pytest.mark.parametrize("weight_bits", [8, 4])
def test_a_source_in_two_parts_gives_the_integers_of_the_whole(weight_bits: int) -> None:
    image = Stored("camera", Shape(3, 32, 32), is_image=True)
    stem = Stage.inferred("stem", [Source.whole(image, (3, 3), padding=1)], "stem maps", 12, 0.1)
    whole = Source.whole(stem.output, (3, 3), padding=1)
    parts = [replace(whole, channels=5), replace(whole, first_channel=5, channels=7)]
    heads = [
        Stage.inferred("head", sources, "head maps", 16, 0.1, 2, weight_bits=weight_bits)
        for sources in ([whole], parts)
    ]
    one, two = (Graph.chain("g", [stem, head]) for head in heads)
    weights = seeded_weights(one)
    split = [weights[0], weights[1].split(heads[1])]
    expected, found = quantize(one, weights), quantize(two, split)
    assert found.outputs == expected.outputs
    ours, theirs = found.stages[1].constants, expected.stages[1].constants
    assert ours is not None
    assert theirs is not None
    np.testing.assert_array_equal(np.concatenate(ours.weights, 1), theirs.weights[0])
    for name in ("bias", "multiplier", "negative_multiplier", "shift"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
