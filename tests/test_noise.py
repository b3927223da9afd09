"""The signal-to-noise ratio of quantization is right for each layer, and a low one is reported."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import hwsim
from hwsim.cli import main
from hwsim.cli.documents import Wanted
from hwsim.cli.options import Verbosity
from hwsim.flows.results import RunResult
from hwsim.frontends.builtin import build_network
from hwsim.frontends.darknet import write_weights
from hwsim.golden import networks
from hwsim.golden.networks import FloatNetwork
from hwsim.golden.noise import float_outputs, signal_to_noise_db
from hwsim.golden.quantize import quantize
from hwsim.golden.quantized_network import QuantizedStage
from hwsim.golden.seeded_weights import draw_weights
from hwsim.golden.statistics import seeded_weights
from hwsim.graph import Quantization
from hwsim.report.document import RunFigures, TensorFigures
from hwsim.report.text import LEAST_CODES, warning_lines
from hwsim.report.web_page import index_text, page_text
from tests.test_legal_layers import depthwise_layers

NAME = "tiny-yolov2-mini"
STEP = Quantization(0.5, -3)


def noise_of(real: list[float], stored: list[int]) -> float | None:
    """Return the signal-to-noise ratio of a map of one row."""
    return signal_to_noise_db(
        torch.tensor(real).view(1, 1, -1),
        torch.tensor(stored, dtype=torch.int8).view(1, 1, -1),
        STEP,
    )


def test_the_figure_is_variance_over_mean_square_error() -> None:
    real = [-1.0, 1.0]  # mean 0; real = 0.5 x (stored + 3)
    assert noise_of(real, [-5, -1]) is None
    assert noise_of(real, [-5, 0]) == pytest.approx(10 * np.log10(2 / 0.25))
    assert noise_of(real, [-3, -3]) == pytest.approx(0.0)
    assert noise_of([99.0, 101.0], [-5, 0]) == pytest.approx(10 * np.log10(2 / (100**2 + 99.5**2)))
    assert noise_of([7.0, 7.0], [0, 0]) is None
    far = [2.0**24, 2.0**24 + 2]  # float32 cannot hold their mean
    errors = (2**24 - 1.5) ** 2 + (2**24 + 0.5) ** 2
    assert noise_of(far, [0, 0]) == pytest.approx(10 * np.log10(2 / errors))


def test_float_outputs_are_those_of_the_network_on_pixels_from_0_to_1() -> None:
    shapes = build_network(NAME)
    network = FloatNetwork(shapes, seeded_weights(shapes))
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 64, 64), np.uint8))
    outputs = list(float_outputs(network, {"image": pixels}))
    with torch.no_grad():
        expected = network({"image": pixels[None] / 255})["detections"][0]
    assert len(outputs) == len(shapes.stages)
    torch.testing.assert_close(outputs[-1], expected)


def weights_with_lower_biases(path: Path, index: int, shift: float) -> Path:
    """Write seeded weights that put a layer's whole range below 0."""
    shapes = build_network(NAME)
    weights = list(seeded_weights(shapes))
    weights[index] = replace(weights[index], bias=weights[index].bias - np.float32(shift))
    write_weights(shapes, weights, path)
    return path


RANGES = pytest.mark.parametrize(("index", "shift"), [(-1, 20.0), (0, 100.0), (4, 30.0)])


@pytest.mark.usefixtures("workplace")
@RANGES
def test_a_range_below_zero_is_quantized_well(
    index: int, shift: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = weights_with_lower_biases(tmp_path / "low.weights", index, shift)
    arguments = ["run", NAME, "--image", "photo.jpg", "--weights", str(path), "--check"]
    assert main([*arguments, "--json", "-"]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    run = json.loads(output.out)["run"]
    assert all(tensor["signal_to_noise_db"] > 15 for tensor in run["tensors"])
    assert run["least_signal_to_noise_db"] == 5


@pytest.mark.usefixtures("workplace")
def test_a_lost_layer_is_warned_of_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A saturated layer, which still equals golden, causes a warning with its name."""
    monkeypatch.setattr(QuantizedStage, "include_zero", lambda _: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = weights_with_lower_biases(tmp_path / "head.weights", -1, 20.0)
    arguments = ["run", NAME, "--image", "photo.jpg", "--weights", str(path), "--check", "-q"]
    assert main(arguments) == 0
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 2
    assert output.err.startswith("hwsim: warning: quantization lost the signal of conv9 (-")
    assert " dB): less than 5 dB over the noise against the float network\n" in output.err


SOUND = TensorFigures("sound", 1000, 200, 0.0, 20.0, "")
LOST = replace(SOUND, name="lost", signal_to_noise_db=4.9)
CRUDE = replace(SOUND, name="crude", used_codes=7)


def run_of(*tensors: TensorFigures) -> RunFigures:
    return RunFigures("photo.jpg", "", (), "graph", False, 5.0, tensors, (), None, (), (), ())


@pytest.mark.parametrize(
    ("tensor", "sign"),
    [
        (SOUND, None),
        (replace(SOUND, signal_to_noise_db=5.0), None),
        (replace(SOUND, signal_to_noise_db=None), None),
        (LOST, "lost the signal of lost (4.9 dB): less than 5 dB"),
        (replace(SOUND, used_codes=8), None),
        (CRUDE, "few codes are used by crude (7 of 256): fewer than 8"),
        (replace(CRUDE, signal_to_noise_db=None), "few codes are used by crude"),
        (replace(CRUDE, stored_elements=16), "few codes are used by crude"),
        (replace(CRUDE, stored_elements=15), None),
        (replace(CRUDE, stored_elements=5, used_codes=2), None),
        (replace(CRUDE, stored_elements=5, used_codes=1), "few codes are used by crude (1 of"),
        (replace(CRUDE, stored_elements=1, used_codes=1), None),
    ],
)
def test_two_signs_of_a_lost_layer(tensor: TensorFigures, sign: str | None) -> None:
    lines = warning_lines(run_of(SOUND, tensor))
    assert len(lines) == (sign is not None)
    assert sign is None or sign in lines[0]


def test_every_text_about_a_run_has_its_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python, notebook, page and index say what the command says on stderr."""
    monkeypatch.setattr("hwsim.report.web_page.plotly_script", str)
    estimate = hwsim.estimate(NAME).estimate
    for run, count in ((run_of(SOUND), 0), (run_of(LOST, CRUDE), 2)):
        result = RunResult(estimate, run, outputs={})
        lines = warning_lines(run)
        assert len(lines) == count
        for text in (str(result), result._repr_html_(), index_text([result.document])):
            assert text.lower().count("warning: ") == count
            assert all(line in text for line in lines)
        page = page_text(result.document, estimate)
        header = page[page.index("<header>") : page.index("</header>")]
        assert header.count("Warning: ") == count
        assert all(page.count(line) == 2 for line in lines)  # at the top and below the table


@pytest.mark.usefixtures("workplace")
def test_few_codes_are_warned_of_where_there_is_no_float_network(
    capsys: pytest.CaptureFixture[str],
) -> None:
    graph = quantize(build_network(NAME), seeded_weights(build_network(NAME)))
    head = graph.stages[-1]
    assert head.constants is not None
    coarse = replace(head.constants, shift=head.constants.shift + np.int32(7))
    graph = replace(graph, stages=(*graph.stages[:-1], replace(head, constants=coarse)))
    executed = hwsim.run(graph, image="photo.jpg")
    codes = executed.tensors[-1].used_codes
    assert codes < LEAST_CODES
    assert f"warning: few codes are used by conv9 ({codes} of 256)" in str(executed)
    Wanted().show(executed, Verbosity.QUIET)
    assert capsys.readouterr().err.startswith("hwsim: warning: few codes are used by conv9 (")


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("network", [NAME, "condensation-net-mini"])
@pytest.mark.parametrize("weight_bits", ["8", "4"])
def test_built_in_networks_are_not_warned_of(
    network: str, weight_bits: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", network, "--image", "photo.jpg", "--weight-bits", weight_bits]
    assert main(arguments) == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert "signal-to-noise against float" in output.out


@pytest.mark.parametrize("name", [NAME, "condensation-net-mini"])
def test_filters_computed_in_parts_give_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = build_network(name)
    network = FloatNetwork(shapes, seeded_weights(shapes))
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 64, 64), np.uint8))
    whole = list(float_outputs(network, {"image": pixels}))
    monkeypatch.setattr(networks, "MOST_ELEMENTS", 64 * 64 * 3)
    for ours, theirs in zip(float_outputs(network, {"image": pixels}), whole, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_depthwise_layer_computed_in_parts_gives_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shapes = depthwise_layers()
    drawn = draw_weights(shapes, seed=0)
    network = FloatNetwork(shapes, [stage.as_type(np.float32) for stage in drawn])
    x = {shapes.only_input.name: torch.randn(2, 20, 13, 9)}
    whole = network(x)
    monkeypatch.setattr(networks, "MOST_ELEMENTS", 1)
    torch.testing.assert_close(network(x), whole)
