"""`hwsim run --save-outputs` leaves a network's outputs for numpy, under their names."""

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import hwsim
from hwsim.cli import main
from hwsim.flows.array_files import npz_bytes
from hwsim.flows.quantized import float_weights
from hwsim.golden.networks import FloatNetwork
from hwsim.golden.noise import float_outputs
from hwsim.golden.photographs import load_image
from hwsim.golden.reference import run_graph
from tests.branched import two_cameras
from tests.darknet_files import TWO_HEADS
from tests.drawn import drawn_inputs, with_drawn_constants
from tests.loading import loaded_graph
from tests.tflite_small import DIMS, classifier

MINI = "condensation-net-mini"
DOCUMENT = Path(__file__).parents[1] / "docs" / "outputs.md"

pytestmark = pytest.mark.usefixtures("workplace")


def loaded(source: Any) -> dict[str, NDArray[Any]]:
    """Return the arrays of a .npz file in its order."""
    with np.load(source, allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.mark.parametrize(
    ("network", "names"),
    [
        ("tiny-yolov2-mini", ["detections"]),
        (MINI, ["detections"]),
        ("heads.cfg", ["conv8", "conv13"]),
    ],
)
def test_they_are_what_the_layers_stored(
    network: str, names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("heads.cfg").write_text(TWO_HEADS)
    arguments = ["run", network, "--image", "photo.jpg", "--save-outputs", "y.npz"]
    assert main([*arguments, "--json", "-"]) == 0
    run = json.loads(capsys.readouterr().out)["run"]
    found = loaded("y.npz")
    assert list(found) == [output["name"] for output in run["outputs"]] == names
    stored = {tensor["sha256"] for tensor in run["tensors"]}
    for output in run["outputs"]:
        values = found[output["name"]]
        assert values.dtype == np.int8
        assert values.shape == (
            output["stored_channels"],
            output["stored_height_pixels"],
            output["stored_width_pixels"],
        )
        assert hashlib.sha256(values.tobytes()).hexdigest() in stored
    first = Path("y.npz").read_bytes()
    assert main([*arguments, "-q"]) == 0
    assert Path("y.npz").read_bytes() == first


def test_they_equal_golden_and_what_python_has(capsys: pytest.CaptureFixture[str]) -> None:
    graph = with_drawn_constants(two_cameras(), seed=1)
    inputs = drawn_inputs(graph, seed=2)
    hwsim.save_graph(graph, "cameras.safetensors")
    options = []
    for name, values in inputs.items():
        np.save(f"{name}.npy", values)
        options += ["--input", f"{name}={name}.npy"]
    assert main(["run", "cameras.safetensors", *options, "--save-outputs", "heads.npz"]) == 0
    printed = capsys.readouterr().out
    found = loaded("heads.npz")
    expected = run_graph(graph, {name: torch.from_numpy(x)[None] for name, x in inputs.items()})
    result = hwsim.run(graph, inputs=inputs)
    assert list(found) == list(result.outputs) == [tensor.name for tensor in graph.outputs]
    for tensor, figures in zip(graph.outputs, result.run.outputs, strict=True):
        np.testing.assert_array_equal(found[tensor.name], expected[tensor.name][0].numpy())
        np.testing.assert_array_equal(found[tensor.name], result.outputs[tensor.name])
        assert tensor.quantization is not None
        assert (figures.scale, figures.zero_point) == (
            tensor.quantization.scale,
            tensor.quantization.zero_point,
        )
        row = [tensor.name.split()[0], "head", str(tensor.shape), "1", str(figures.zero_point)]
        assert row in [line.split() for line in printed.splitlines()]


def test_the_documented_lines_make_real_numbers() -> None:
    """They are as near to the float network's as the run says."""
    shapes = loaded_graph(MINI)
    arguments = ["run", MINI, "--image", "photo.jpg", "--save-outputs", "y.npz", "--json", "y.json"]
    assert main([*arguments, "-q"]) == 0
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    size = shapes.only_input.shape
    pixels = load_image("photo.jpg", height=size.height, width=size.width)
    network = FloatNetwork(shapes, float_weights(shapes, None))
    *_, expected = float_outputs(network, {shapes.only_input.name: pixels})
    found, exact = names["real"][shapes.only_output.name], expected.numpy().astype(float)
    ratio = 10 * np.log10(exact.var() / np.square(found - exact).mean())
    assert ratio == pytest.approx(names["run"]["tensors"][-1]["signal_to_noise_db"])


@pytest.mark.parametrize("kind", ["int8", "uint8", "float32"])
def test_the_documented_lines_read_a_tflite(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its outputs have the file's names, and the printed table their scales and zero points."""
    Path("net.tflite").write_bytes(classifier(kind).content())
    np.save("x.npy", np.random.default_rng(1).integers(0, 9, DIMS).astype(kind))
    arguments = ["run", "net.tflite", "--config", "nano", "--input", "x.npy"]
    assert main([*arguments, "--save-outputs", "y.npz", "--json", "y.json"]) == 0
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    (output,) = names["run"]["file_outputs"]
    name = "real_scores" if kind == "float32" else "scores"
    meaning = {"int8": ["0.00390625", "-128"], "uint8": ["0.00390625", "0"]}.get(kind, ["1", "0"])
    assert list(names["real"]) == [name]
    assert [(row[0], row[-2:]) for row in printed if row[:2] == [name, kind]] == [(name, meaning)]
    for value in output["largest"]:
        assert names["real"][name][tuple(value["place"])] == value["real"]


def test_names_that_numpy_takes_for_one_are_numbered() -> None:
    names = ("a", "a.npy", "a.npy_2", "file", "allow_pickle", "b/c", "../d", "é \\", "e.npy", "e")
    arrays = {name: np.full((1, 1, 1), number, np.int8) for number, name in enumerate(names)}
    content = npz_bytes(arrays)
    assert content == npz_bytes(arrays)
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        expected = ["a", "a.npy_2", "a.npy_2_2", *names[3:9], "e_2"]
        assert found.files == expected
        assert [int(found[name].item()) for name in expected] == list(range(10))


@pytest.mark.parametrize(
    ("options", "expected", "status"),
    [
        ("--save-outputs -", "only --json can go to standard output", 2),
        ("--save-outputs y.txt", "--save-outputs 'y.txt': the name must end in .npz", 2),
        ("--save-outputs npz", "--save-outputs 'npz': the name must end in .npz", 2),
        ("--save-outputs y.npz/", "--save-outputs 'y.npz/': the name must end in .npz", 2),
        ("--csv photo.jpg", "'photo.jpg': the same command reads it", 2),
        ("--save-outputs y.npz --csv y.npz", "'y.npz': it is named for two outputs", 2),
        ("--save-outputs none/y.npz", "cannot write 'none/y.npz'", 2),
        ("--save-outputs y.npz --check", "differs from the reference", 1),
    ],
)
def test_a_failure_leaves_what_was_there(
    options: str,
    expected: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("y.npz").write_text("mine")
    before = sorted(Path().rglob("*"))
    monkeypatch.setattr(
        "hwsim.flows.execution.golden_reference",
        lambda *_: lambda stage: np.full((1, 1, 1), 7, np.int8) + np.int8(len(stage.name)),
    )
    assert main(["run", MINI, "--image", "photo.jpg", *options.split()]) == status
    captured = capsys.readouterr()
    assert expected in captured.err
    assert captured.err.count("\n") == 1
    assert Path("y.npz").read_text() == "mine"
    assert sorted(Path().rglob("*")) == before
