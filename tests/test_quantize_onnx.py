"""`hwsim quantize` makes a float `.onnx` one of 8 bits, by ONNX Runtime's own quantizer."""

import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

pytest.importorskip("onnx", reason="hwsim[onnx] is not installed")
pytest.importorskip("onnxruntime", reason="hwsim[onnx] is not installed")

import onnx
import onnxruntime

import hwsim
from hwsim.cli import main
from hwsim.errors import InputError
from hwsim.flows.float_quantization import QuantizedFile, quantize_file
from hwsim.golden.float_onnx.quantize import signal_to_noise_db
from hwsim.golden.photographs import load_image
from tests.float_onnx import CHANNELS, SIDE, bomb, float_network, written

CONTRACT = {"colour": "bgr", "range": (0, 1), "resize": "stretch"}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(3):
        pixels = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{seed}.png")
    (folder / "notes.txt").write_text("no photograph")
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return written(float_network(), tmp_path / "small.onnx")


def constants(model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    return {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}


def weight_scales(found: QuantizedFile) -> list[int]:
    """Return how many scales each int8 weight has."""
    model = onnx.load_from_string(found.content)
    known = constants(model)
    return [
        known[node.input[1]].size
        for node in model.graph.node
        if node.op_type == "DequantizeLinear"
        and node.input[0] in known
        and known[node.input[0]].dtype == np.int8
    ]


@pytest.mark.parametrize("operator_set", [11, 13, 18])
def test_what_is_written_is_near_to_the_floats(
    operator_set: int, tmp_path: Path, photos: Path
) -> None:
    path = written(float_network(operator_set), tmp_path / "small.onnx")
    found = quantize_file(path, images=photos, contract=CONTRACT)
    assert found.figures.operator_set == operator_set
    model = onnx.load_from_string(found.content)
    onnx.checker.check_model(model, full_check=True)
    (version,) = (each.version for each in model.opset_import if each.domain == "")
    assert version == max(operator_set, 17)
    assert weight_scales(found) == [CHANNELS, 4], "a scale for each filter"
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    x = np.random.default_rng(9).uniform(0, 1, (1, 3, SIDE, SIDE)).astype(np.float32)
    exact, near = (
        onnxruntime.InferenceSession(content).run(None, {"image": x})
        for content in (path.read_bytes(), found.content)
    )
    for real, simulated in zip(exact, near, strict=True):
        noise = signal_to_noise_db([real], [simulated])
        assert noise is not None
        assert noise > 25


def test_the_noise_of_every_map_is_told(small: Path, photos: Path) -> None:
    layers = quantize_file(small, images=photos, contract=CONTRACT).figures.layers
    assert [(each.name, each.operator) for each in layers] == [
        ("features", "Relu"),
        ("boxes", "Conv"),
        ("scores", "Sigmoid"),
    ]
    assert all(25 < (each.signal_to_noise_db or 0) < 60 for each in layers)


def test_noise_is_against_the_variance() -> None:
    real = [np.array([1.0, 3.0]), np.array([5.0, 7.0])]
    assert signal_to_noise_db(real, [np.full(2, 4.0), np.full(2, 4.0)]) == pytest.approx(0)
    assert signal_to_noise_db(real, [each + 1 for each in real]) == pytest.approx(6.9897, abs=1e-4)
    assert signal_to_noise_db(real, real) is None
    assert signal_to_noise_db([np.ones(2)], [np.zeros(2)]) is None


def test_the_contract_goes_into_the_file(small: Path, photos: Path) -> None:
    found = quantize_file(small, images=photos, contract={**CONTRACT, "range": "0,1"})
    told = {each.key: each.value for each in onnx.load_from_string(found.content).metadata_props}
    assert told.pop("hwsim.calibration") == (
        "3 photographs, stretched, bgr, elements are x, x from 0 to 1"
    )
    assert list(told) == ["hwsim.input.image"]
    assert json.loads(told["hwsim.input.image"]) == {
        "colour": "bgr", "range": [0, 1], "mean": [0], "std": [1], "resize": "stretch",
    }  # fmt: skip


def test_a_quantized_file_says_what_a_photograph_becomes(small: Path, photos: Path) -> None:
    place, photo = small.with_name("small8.onnx"), photos / "0.png"
    place.write_bytes(quantize_file(small, images=photos, contract=CONTRACT).content)
    found = hwsim.run(place, "nano", image=photo)
    (contract,) = found.run.contracts
    assert (contract.colour, contract.range, contract.resize) == ("bgr", (0, 1), "stretch")
    assert contract.normalization_from == "the file"
    x = load_image(photo, height=SIDE, width=SIDE).numpy()[None, ::-1].astype(np.float32) / 255
    again = hwsim.run(place, "nano", inputs={"image": x})
    for name, values in found.outputs.items():
        np.testing.assert_array_equal(values, again.outputs[name])
    (other,) = hwsim.run(place, "nano", image=photo, contract={"colour": "rgb"}).run.contracts
    assert (other.colour, other.colour_from, other.framing_from) == ("rgb", "the call", "the file")


def test_without_a_contract_in_the_file_an_image_is_refused(small: Path, photos: Path) -> None:
    place = small.with_name("small8.onnx")
    place.write_bytes(quantize_file(small).content)
    with pytest.raises(InputError, match=r"give --colour \(rgb or bgr\), --range .*, --resize "):
        hwsim.run(place, "nano", image=photos / "0.png")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Expecting property name"),
        ("[1]", "[1] is no object"),
        ('{"color": "rgb"}', "no key 'color'"),
        ('{"mean": 1}', "mean 1: std is needed too"),
        ("[" * 999, "maximum recursion"),
        (" " * 1001, "its metadata hwsim.input.image have over 1000 characters"),
    ],
)
def test_damaged_contracts_are_refused(text: str, reason: str, small: Path) -> None:
    place = small.with_name("small8.onnx")
    model = onnx.load_from_string(quantize_file(small).content)
    onnx.helper.set_model_props(model, {"hwsim.input.image": text})
    place.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=re.escape(reason)) as caught:
        hwsim.load(place)
    assert "\n" not in str(caught.value)


def test_a_toml_beside_the_file_may_state_the_contract(small: Path, photos: Path) -> None:
    with pytest.raises(InputError, match="nobody says how an image becomes it: give --colour"):
        quantize_file(small, images=photos)
    lines = 'colour = "bgr"\nrange = [0, 1]\nresize = "stretch"'
    small.with_name("small.onnx.inputs.toml").write_text(lines)
    asked = quantize_file(small, images=photos, contract=CONTRACT)
    assert quantize_file(small, images=photos).content == asked.content


def test_random_data_are_named_as_such(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "out.onnx"
    assert main(["quantize", str(small), "--random", "-o", str(place)]) == 0
    heading = capsys.readouterr().out.splitlines()[0]
    assert heading == (
        "small, quantized by ONNX Runtime to 8 bits, on 16 random samples of a normal "
        "distribution, seed 0: accuracy is unknown"
    )
    assert place.read_bytes() == quantize_file(small).content
    keys = [each.key for each in onnx.load(place).metadata_props]
    assert keys == ["hwsim.calibration"], "nobody has stated a contract"


def test_another_size_is_taken_where_the_file_leaves_it_open(tmp_path: Path) -> None:
    path = written(float_network(13, ("h", "w")), tmp_path / "open.onnx")
    with pytest.raises(InputError, match="input 'image': its dimension 2 is open"):
        quantize_file(path)
    found = onnx.load_from_string(quantize_file(path, size="24x16").content)
    dims = found.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_value for dim in dims] == [1, 3, 16, 24]


def _external(folder: Path) -> Path:
    model = float_network()
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    model.graph.initializer[0].external_data.add(key="location", value="/etc/hostname")
    return written(model, folder / "external.onnx")


def _of_another_domain(folder: Path) -> Path:
    model = float_network()
    model.graph.node[2].domain = "com.example"
    model.opset_import.add(domain="com.example", version=1)
    return written(model, folder / "other.onnx")


def _bytes(folder: Path) -> Path:
    (folder / "bytes.onnx").write_bytes(b"\x08\x07nothing of the kind")
    return folder / "bytes.onnx"


def _twice(folder: Path) -> Path:
    found = quantize_file(written(float_network(), folder / "small.onnx"))
    (folder / "twice.onnx").write_bytes(found.content)
    return folder / "twice.onnx"


def _long(folder: Path) -> Path:
    model = float_network()
    for _ in range(4096):
        model.graph.node.append(onnx.helper.make_node("Relu", ["scores"], ["again"]))
    return written(model, folder / "long.onnx")


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (_long, "4,101 nodes: at most 4,096"),
        (lambda folder: folder / "missing.onnx", "there is no such file"),
        (_bytes, "it cannot be quantized: "),
        (_external, "constant 'w' lies in another file: save the network as one file"),
        (_of_another_domain, "operator Relu of com.example: not supported"),
        (_twice, "it is quantized already"),
    ],
)
def test_what_cannot_be_quantized_is_refused_in_one_line(
    file: object, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(file)
    path, place = file(tmp_path), tmp_path / "out.onnx"
    place.write_text("as it was")
    assert main(["quantize", str(path), "--random", "-o", str(place)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"hwsim: error: network '{path}': {reason}")
    assert error.count("\n") == 1
    assert place.read_text() == "as it was"


def test_no_sample_is_drawn_of_a_huge_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(float_network(sides=(1 << 30, 1 << 30)), tmp_path / "huge.onnx")
    assert main(["quantize", str(path), "--random", "-o", str(tmp_path / "out.onnx")]) == 2
    error = capsys.readouterr().err
    shape = (1, 3, 1 << 30, 1 << 30)
    assert (
        error == f"hwsim: error: input 'image' of shape {shape}: {3 << 60:,} elements, at most "
        f"{1 << 26:,}\n"
    )


def test_a_bomb_ends_within_its_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(bomb(), tmp_path / "bomb.onnx")
    assert path.stat().st_size < 400
    start = time.monotonic()
    assert main(["quantize", str(path), "--random", "-o", str(tmp_path / "out.onnx")]) == 2
    assert time.monotonic() - start < 60
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "memory" in error or "within 1,900 MiB" in error or "allocate" in error


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["-o", "x.onnx"], "--images DIR or --random: one of them is needed, and neither is given"),
        (
            ["-o", "x.onnx", "--random", "--images", "."],
            "one of them is needed, and both are given",
        ),
        (["-o", "x.txt", "--random"], "--out 'x.txt': the name must end in .onnx"),
        (["-o", "-", "--random"], "only --json can go to standard output"),
        (["-o", "x.onnx", "--images", "missing"], "images 'missing': No such file or directory"),
        (["-o", "x.onnx", "--images", "."], "images '.': no file in it ends in .jpg, .jpeg, .png"),
        (["-o", "small.onnx", "--random"], "cannot write 'small.onnx': the same command reads it"),
    ],
)
def test_wrong_options_are_refused(
    options: list[str],
    reason: str,
    small: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(small.parent)
    assert main(["quantize", small.name, *options]) == 2
    assert reason in capsys.readouterr().err
    assert [each.name for each in Path().iterdir()] == [small.name]


def test_a_damaged_photograph_is_named(small: Path, photos: Path) -> None:
    (photos / "0.jpg").write_bytes(b"no photograph")
    with pytest.raises(InputError, match=r"image '.*0\.jpg': neither a JPEG nor a PNG"):
        quantize_file(small, images=photos, contract=CONTRACT)


def test_no_module_of_the_user_s_folder_is_executed(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python would look for modules where it is started."""
    monkeypatch.chdir(small.parent)
    for name in ("onnx.py", "numpy.py", "json.py"):
        Path(name).write_text("raise SystemExit('executed')")
    assert quantize_file(small.name).figures.layers
