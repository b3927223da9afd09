"""Commands and functions take a `.tflite` from its own inputs to its own outputs."""

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

import hwsim
from hwsim.cli import main
from hwsim.errors import ComparisonError, InputError
from hwsim.flows import file_execution
from hwsim.flows.file_execution import source_tensors
from hwsim.graph.steps import DeviceStep, FileNetwork, HostStep
from hwsim.report.verification_tables import print_verification
from tests.test_report_document import keeps_to_the_schema
from tests.tflite_judges import litert_outputs, network_file, references, tflm_outputs
from tests.tflite_small import CLASSES, DIMS, bent, classifier, residual
from tests.tflite_writer import OUT, File, X, Y, Z, plain

QUICK = ("ad01_int8", "kws_dscnn_int8", "resnet8_int8", "vww_96_int8", "mobilenet_v1_025_128_uint8")
LONGER = ("mobilenet_v2_224_int8", "mcunet_detection_int8", "ssd_slim_120x160_int8")
SLOW = tuple(pytest.param(name, marks=pytest.mark.slow) for name in LONGER)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "small.tflite"
    path.write_bytes(classifier("float32").content())
    return path


def values(ends: str) -> NDArray[Any]:
    """Return values of an input of one type, the ends of its range among them."""
    rng = np.random.default_rng(9)
    drawn = rng.integers(0, 256, DIMS)
    if ends == "float32":
        return ((drawn - 128) / 40).astype(np.float32)
    return (drawn - (128 if ends == "int8" else 0)).astype(ends)


def loaded(path: Path, kernels: str | None = None) -> FileNetwork:
    found = hwsim.load(path, kernels=kernels)
    assert isinstance(found, FileNetwork)
    return found


@pytest.mark.parametrize(
    ("kernels", "ends"),
    [("litert", "int8"), ("litert", "uint8"), ("litert", "float32"), ("tflm", "int8"),
     ("tflm", "float32")],
)  # fmt: skip
def test_a_run_leaves_what_the_runtime_leaves(ends: str, kernels: str, tmp_path: Path) -> None:
    path, content = tmp_path / "small.tflite", classifier(ends).content()
    path.write_bytes(content)
    network = loaded(path, kernels)
    (name,), x = network.inputs, values(ends)
    found = hwsim.run(network, "edge", inputs={name: x}, check=True)
    ((own_name, output),) = found.outputs.items()
    assert own_name == ("real_scores" if ends == "float32" else "scores")
    judge = litert_outputs if kernels == "litert" else tflm_outputs
    (expected,) = judge(content, [x])
    assert output.dtype == expected.dtype == np.dtype(ends)
    np.testing.assert_array_equal(output, expected)
    assert len(np.unique(output)) > 2
    assert found.document.file is not None
    assert found.document.file.kernels == kernels


@pytest.mark.parametrize("name", [*QUICK, *SLOW])
def test_a_run_leaves_the_reference_outputs(name: str) -> None:
    """The kept outputs are those of LiteRT's reference kernels."""
    network = loaded(network_file(name))
    (given,) = network.inputs
    for (x,), expected in references(name):
        found = hwsim.run(network, "edge", inputs={given: x})
        assert len(found.outputs) == len(expected)
        for output, judged in zip(found.outputs.values(), expected, strict=True):
            assert output.dtype == judged.dtype
            np.testing.assert_array_equal(output, judged)


def test_kernels_decide_the_values() -> None:
    """TFLM rounds a product with a matrix twice, LiteRT once."""
    path = network_file("ad01_int8")
    (x,), (judged,) = references("ad01_int8")[0]
    found = hwsim.run(loaded(path, "tflm"), "nano", inputs={"input_1": x}, check=True)
    (expected,) = tflm_outputs(path.read_bytes(), [x])
    np.testing.assert_array_equal(found.outputs["Identity"], expected)
    assert (expected != judged).any()


def test_a_change_of_type_alone_leaves_the_factors(tmp_path: Path) -> None:
    """Products of scales are rounded to float32 in files of uint8, not behind inputs of uint8."""
    graphs = []
    for ends in ("int8", "uint8 to int8"):
        path = tmp_path / "small.tflite"
        path.write_bytes(classifier(ends).content())
        graphs.append(loaded(path).graph)
    same, changed = (graph.stages for graph in graphs)
    assert len(same) == len(changed)
    for one, other in zip(same, changed, strict=True):
        assert one.constants is not None
        assert other.constants is not None
        np.testing.assert_array_equal(one.constants.multiplier, other.constants.multiplier)
    product = 0.02 * 0.01
    assert float(np.float32(product)) != product


def test_steps_are_in_order(written: Path) -> None:
    before, device, softmax, after = loaded(written).steps
    assert isinstance(before, HostStep)
    assert isinstance(device, DeviceStep)
    assert isinstance(softmax, HostStep)
    assert isinstance(after, HostStep)
    kinds = [step.operator.KIND for step in (before, softmax, after)]
    assert kinds == ["quantize", "softmax", "dequantize"]
    assert device.reads == before.leaves
    assert softmax.reads == device.leaves
    assert after.reads == softmax.leaves


def test_steps_out_of_order_are_no_network(written: Path) -> None:
    network = loaded(written)
    with pytest.raises(InputError, match=r"network small: no step leaves tensor 'quantize_0'"):
        replace(network, steps=network.steps[1:])
    with pytest.raises(InputError, match="network small: tensor 'fully_connected_2' is left twice"):
        replace(network, steps=(*network.steps[:2], *network.steps[1:]))
    with pytest.raises(InputError, match="network small: no step is the accelerator's"):
        replace(network, steps=network.steps[:1])


def test_an_estimate_begins_with_the_steps(
    written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["estimate", str(written), "--kernels", "tflm"]
    assert main([*arguments, "--json", str(tmp_path / "found.json")]) == 0
    out = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in out.splitlines()[:10]]
    assert lines[0].startswith("small 6x6, tflm kernels, 8-bit weights, on edge")
    assert "quantize_0 host quantize operator 0 QUANTIZE 432 108" in lines
    assert "program accelerator program 108 5" in lines
    assert "softmax_3 host softmax operator 3 SOFTMAX 5 5" in lines
    assert "The host reads 442 bytes and writes 133; host time is not in any figure." in lines
    pattern = r"frame rate [0-9,]+\.\d\d frames/s, 0\.\d+ ms a frame, without the host's time"
    assert re.search(pattern, " ".join(out.split()))
    document = json.loads((tmp_path / "found.json").read_text())
    assert keeps_to_the_schema(document, "estimate")
    assert document["file"]["kernels"] == "tflm"
    again = hwsim.estimate(loaded(written, "tflm")).to_dict()
    assert document == json.loads(json.dumps(again))


def test_layers_that_are_no_convolutions_are_not_called_so(tmp_path: Path) -> None:
    """Nothing that is said of a sum is untrue, and a small network's MACs are no zeros."""
    path = tmp_path / "sum.tflite"
    path.write_bytes(residual().content())
    text = str(hwsim.estimate(loaded(path)))
    lines = {" ".join(line.split()) for line in text.splitlines()}
    assert "convolution" not in re.sub(r"convolution [0-9,]+", "", text)
    assert {
        "add_1 4x4x4 2x4x4 2 1x1 in 2 groups + 1x1 in 2 groups -",
        "Layers that only add, pool, scale or move values count no MACs.",
    } <= lines
    path.write_bytes(classifier("int8").content())
    text = str(hwsim.estimate(loaded(path)))
    assert "count no MACs" not in text
    assert re.search(r"^conv_2d_0 +0\.004 ", text, re.MULTILINE)
    assert re.search(r"energy +0\.00\d\d mJ a frame", text)


def test_a_run_shows_and_saves_the_outputs(
    written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", values("float32"))
    page = tmp_path / "page"
    arguments = ["run", str(written), "--input", str(tmp_path / "x.npy"), "--html", str(page)]
    more = ["--save-outputs", str(tmp_path / "y.npz"), "--json", str(tmp_path / "y.json")]
    assert main([*arguments, *more]) == 0
    out = capsys.readouterr().out
    with np.load(tmp_path / "y.npz") as saved:
        assert saved.files == ["real_scores"]
        scores = saved["real_scores"]
    assert scores.dtype == np.float32
    assert scores.shape == (1, CLASSES)
    best = int(scores.argmax())
    assert re.search(rf"real_scores +float32 +1x5 +\[{best}\] = {scores[0, best]:.4g},", out)
    assert "SNR/dB" not in out  # there is no float network beside it
    document = json.loads((tmp_path / "y.json").read_text())
    assert keeps_to_the_schema(document, "estimate")
    (output,) = document["run"]["file_outputs"]
    assert output["largest"][0]["place"] == [0, best]
    assert "litert kernels" in (page / "index.html").read_text()


@pytest.mark.parametrize("kernels", ["litert", "tflm"])
def test_every_output_names_the_kernels(kernels: str, written: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", values("float32"))
    files = {
        option: tmp_path / name
        for option, name in (
            ("--save-outputs", "y.npz"),
            ("--csv", "y.csv"),
            ("--trace", "y.trace"),
            ("--json", "y.json"),
        )
    }
    named = [str(part) for pair in files.items() for part in pair]
    arguments = ["run", str(written), "--input", str(tmp_path / "x.npy"), "--kernels", kernels]
    assert main([*arguments, *named, "-q"]) == 0
    with np.load(files["--save-outputs"]) as saved:
        assert saved.files == ["real_scores"]
        assert saved.zip.comment == f"kernels: {kernels}".encode()
    with files["--csv"].open() as opened:
        rows = list(csv.DictReader(opened))
    assert {row["kernels"] for row in rows} == {kernels}
    assert json.loads(files["--trace"].read_text())["otherData"]["kernels"] == kernels
    assert json.loads(files["--json"].read_text())["file"]["kernels"] == kernels


@pytest.mark.parametrize("ends", ["int8", "float32"])
def test_python_takes_no_photograph_that_the_command_does_not(
    ends: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small.tflite"
    path.write_bytes(classifier(ends).content())
    assert main(["run", str(path)]) == 2
    line = capsys.readouterr().err
    with pytest.raises(InputError, match="neither a photograph nor arrays to run it on") as refused:
        hwsim.run(path, "nano")
    assert line == f"hwsim: error: {refused.value}\n"


def test_a_network_is_shown_in_a_line(written: Path) -> None:
    """A notebook prints no weights; the document says what the operators are."""
    network = loaded(written)
    assert repr(network) == (
        "<FileNetwork 'small': input 'real_image' float32 1x6x6x3; "
        "output 'real_scores' float32 1x5; 4 steps, 1 of the accelerator; litert kernels>"
    )
    assert repr(network.operators) == (
        "<OperatorGraph 'small': input 'real_image' 3x6x6; output 'dequantize_4' 5x1x1; "
        "5 operators>"
    )
    assert repr(network.graph).startswith("<Graph 'small': input 'quantize_0' 3x6x6; ")
    for part in (network.graph.stages[0], *network.operators.operators, *network.steps):
        assert "array(" not in repr(part)
    text = (Path(__file__).parents[1] / "docs" / "library.md").read_text("utf-8")
    assert "`operators.operators`" in text
    assert len(network.operators.operators) == 5


def test_show_names_outputs_as_the_file_does(
    written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(written)]) == 0
    assert "dequantize_4 ('real_scores' in the file)" in capsys.readouterr().out
    plain_names = tmp_path / "ends.tflite"
    file = plain()
    file.inputs, file.outputs = [X], [X, OUT]
    plain_names.write_bytes(file.content())
    assert main(["show", str(plain_names)]) == 0
    (line,) = re.findall(r"^ *outputs +(.*)$", capsys.readouterr().out, re.MULTILINE)
    assert line.startswith("x, ")
    assert "'x'" not in line


def test_a_refusal_names_the_network_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small.tflite"
    file = File()
    x, out = (file.tensor((1, 4), "int8", [1 / 256], [-128]) for _ in range(2))
    file.inputs, file.outputs = [x], [out]
    file.operator("SOFTMAX", [x], out, Beta=1.0)
    path.write_bytes(file.content())
    assert main(["estimate", str(path)]) == 2
    line = capsys.readouterr().err
    assert line == f"hwsim: error: network '{path}': nothing is left for the accelerator\n"


class TestVerify:
    """`verify` takes the network's own inputs and compares end to end."""

    pytestmark = pytest.mark.verilator

    def test_witnesses_agree_from_end_to_end(self, written: Path) -> None:
        network = loaded(written)
        found = hwsim.verify(network, "nano", inputs={"real_image": values("float32")})
        assert found.failures == ()
        (output,) = found.document.file_outputs
        assert (output.name, output.elements, output.different_elements) == ("real_scores", 5, 0)
        text = io.StringIO()
        print_verification(found.document, text)
        assert "bytes per cycle; the network's own constants; on an array" in text.getvalue()
        titles = {"Stored bytes beside golden's, and cycles", "Bytes over the memory bus"}
        assert titles <= set(text.getvalue().splitlines())  # of the only program, in no variants
        assert keeps_to_the_schema(json.loads(json.dumps(found.to_dict())), "verify")

    def test_another_file_s_values_are_told(
        self, written: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        network = loaded(written)

        def spoilt(*given: Any) -> Mapping[str, NDArray[Any]]:
            tensors = dict(source_tensors(*given))
            tensors["conv_2d_1"] = tensors["conv_2d_1"] ^ 1
            tensors["dequantize_4"] = tensors["dequantize_4"] + 1
            return tensors

        monkeypatch.setattr("hwsim.flows.file_verification.source_tensors", spoilt)
        found = hwsim.verify(network, "nano", inputs={"real_image": values("float32")})
        first, last = found.failures
        assert re.match(r"A: conv_2d_1 differs in 144 of \d+ bytes, first at .*: file", first)
        assert last.startswith("output real_scores differs in 5 of 5 elements, first at [0, 0]: ")


def test_a_checked_run_compares_with_the_file_s_operators(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, given = loaded(written), {"real_image": values("float32")}
    for name, reason in (
        ("conv_2d_1", r"conv_2d_1 differs from the file in 144 of 144 elements"),
        ("dequantize_4", r"output 'real_scores' differs from what the file's operators compute in"),
    ):

        def spoilt(*arguments: Any, name: str = name) -> Mapping[str, NDArray[Any]]:
            tensors = dict(source_tensors(*arguments))
            tensors[name] = tensors[name] + 1
            return tensors

        monkeypatch.setattr(file_execution, "source_tensors", spoilt)
        with pytest.raises(ComparisonError, match=reason):
            hwsim.run(network, "edge", inputs=given, check=True)
        hwsim.run(network, "edge", inputs=given)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("estimate tiny-yolov2 --kernels tflm", "kernels 'tflm': only a .tflite takes them"),
        ("run tiny-yolov2 --kernels litert", "kernels 'litert': only a .tflite takes them"),
        ("verify tiny-yolov2 --kernels tflm", "kernels 'tflm': only a .tflite takes them"),
        ("compile tiny-yolov2 --kernels tflm -o {out}", "only a .tflite takes them"),
        ("run {file} --input {int8}", "int8 (1, 6, 6, 3): must be float32 (1, 6, 6, 3)"),
        ("run {file} --input x={int8}", "no input 'x': network small takes 'real_image'"),
        ("run {file} --input {nan} --save-outputs {out}.npz", "every value must be finite"),
        ("run {file} --input {x} --weights w", "weights 'w': network small has its own"),
        (
            "run {file} --input {x} --mean 1 --std 1",
            "normalization (pixel - 1) / 1: it is for an image",
        ),
        ("run {file} --input {x} --size 32", "size (32, 32): only built-in networks"),
        ("verify {file} --input {x} --unfused", "unfused: nothing in small is condensed"),
    ],
)
def test_bad_input_is_told_in_one_line(
    command: str, reason: str, written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"file": written, "out": tmp_path / "out"}
    for name in ("x", "int8", "nan"):
        names[name] = tmp_path / f"{name}.npy"
    x = values("float32")
    np.save(names["x"], x)
    np.save(names["int8"], values("int8"))
    x[0, 1, 1, 1] = np.nan
    np.save(names["nan"], x)
    before = sorted(tmp_path.rglob("*"))
    assert main([part.format(**names) for part in command.split()]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("hwsim: error: ")
    assert captured.err.count("\n") == 1
    assert reason in captured.err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ([X], [OUT, OUT]),
        ([X, X], [OUT]),
        ([X], [X, OUT]),
        ([X], [Y, OUT, Z]),
        ([X], [Z, X, OUT, Z]),
    ],
    ids=["output twice", "input twice", "output that is an input", "outputs read on", "all of it"],
)
def test_ends_of_any_kind_are_taken_as_litert_takes_them(
    inputs: list[int], outputs: list[int], tmp_path: Path
) -> None:
    """Outputs have names: what a file lists twice is there once, in the first place."""
    file = plain()
    file.inputs, file.outputs = inputs, outputs
    path = tmp_path / "ends.tflite"
    path.write_bytes(file.content())
    x = np.random.default_rng(4).integers(-128, 128, (1, 4, 4, 2)).astype(np.int8)
    expected = dict(zip(outputs, litert_outputs(file.content(), [x] * len(inputs)), strict=True))
    found = hwsim.run(path, "nano", inputs={"x": x}, check=True).outputs
    assert list(found) == [file.tensors[number].name or f"t{number}" for number in expected]
    for values, stored in zip(expected.values(), found.values(), strict=True):
        np.testing.assert_array_equal(stored, values)


def test_estimates_need_no_pytorch(tmp_path: Path) -> None:
    """Not even those of functions, whose tables the source interpreter fills."""
    path = tmp_path / "tables.tflite"
    path.write_bytes(bent().content())
    code = (
        "import sys; sys.modules['torch'] = None;"
        f"from hwsim.cli import main; sys.exit(main(['estimate', {str(path)!r}]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
