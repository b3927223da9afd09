"""A float `.onnx` is quantized on the way to every workflow, which says on what."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("onnx", reason="hwsim[onnx] is not installed")
pytest.importorskip("onnxruntime", reason="hwsim[onnx] is not installed")

import hwsim
from hwsim.cli import main
from hwsim.errors import InputError, UnsupportedError
from hwsim.flows import float_files
from hwsim.flows.float_quantization import QuantizedFile, quantize_file
from hwsim.graph.steps import FileNetwork
from tests.float_onnx import SIDE, float_network, written
from tests.test_report_document import keeps_to_the_schema

RANDOM = "16 random samples of a normal distribution, seed 0: accuracy is unknown"
CONTRACT = {"colour": "rgb", "range": (0, 1), "resize": "stretch"}
OPTIONS = ["--colour", "rgb", "--range", "0,1", "--resize", "stretch"]


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return written(float_network(), tmp_path / "small.onnx")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(2).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "photo.png")
    return folder


def test_an_estimate_says_that_ranges_are_of_random_data(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "small.json"
    assert main(["estimate", str(small), "--config", "nano", "--json", str(place)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"onnxruntime kernels, quantized by hwsim on {RANDOM}" in text
    document = json.loads(place.read_text())
    assert keeps_to_the_schema(document, "estimate")
    assert document["file"]["calibration"] == RANDOM
    assert document["network"]["name"] == "small"
    assert f"quantized by hwsim on {RANDOM}" in repr(hwsim.load(small))


def test_it_is_what_the_quantized_file_is(small: Path, photos: Path) -> None:
    place = small.with_name("small8.onnx")
    place.write_bytes(quantize_file(small, images=photos, contract=CONTRACT).content)
    x = {"image": np.random.default_rng(3).uniform(0, 1, (1, 3, SIDE, SIDE)).astype(np.float32)}
    ours = hwsim.load(small, images=photos, contract=CONTRACT)
    assert isinstance(ours, FileNetwork)
    assert ours.operators.calibration == (
        "1 photograph, stretched, rgb, elements are x, x from 0 to 1"
    )
    found, expected = (hwsim.run(each, "nano", inputs=x).outputs for each in (ours, place))
    assert list(found) == list(expected) == ["boxes", "scores"]
    for name, values in found.items():
        np.testing.assert_array_equal(values, expected[name])


def test_the_cache_keeps_it_until_something_changes(
    small: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []

    def noted(*given: Any, **others: Any) -> QuantizedFile:
        made.append(others)
        return quantize_file(*given, **others)

    monkeypatch.setattr(float_files, "quantize_file", noted)
    given = {"images": photos, "contract": CONTRACT}
    for _ in range(2):
        hwsim.load(small)
    assert len(made) == 1
    for _ in range(2):
        hwsim.load(small, **given)  # type: ignore[arg-type]
    assert len(made) == 2
    Image.new("RGB", (5, 5)).save(photos / "photo.png")
    hwsim.load(small, **given)  # type: ignore[arg-type]
    assert len(made) == 3
    for kept in (small.parent / "cache" / "hwsim").glob("quantized-*.onnx"):
        kept.write_bytes(kept.read_bytes()[:-1])
    hwsim.load(small)
    hwsim.load(small, **given)  # type: ignore[arg-type]
    assert len(made) == 5, "damaged files are made anew"


def test_every_workflow_takes_it(
    small: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--config", "nano", "--images", str(photos), *OPTIONS]
    image = ["--image", str(photos / "photo.png")]
    assert main(["run", str(small), *given, *image]) == 0
    assert "Image: photo.png, stretched to 12x12, red, green, blue" in capsys.readouterr().out
    assert main(["compile", str(small), *given, "-o", str(tmp_path / "memory")]) == 0
    memory = json.loads((tmp_path / "memory" / "memory.json").read_text())
    assert keeps_to_the_schema(memory, "compile")
    assert memory["file"]["calibration"].startswith("1 photograph, stretched")
    assert [each["colour"] for each in memory["contracts"]] == ["rgb"]
    assert "quantized by hwsim on 1 photograph," in (tmp_path / "memory" / "memory.h").read_text()


def test_a_hostile_calibration_stays_in_its_comment(small: Path, tmp_path: Path) -> None:
    import onnx

    model = onnx.load_from_string(quantize_file(small).content)
    onnx.helper.set_model_props(model, {"hwsim.calibration": "*/ int x; /* \n\x1b[31m"})
    place = tmp_path / "small8.onnx"
    place.write_bytes(model.SerializeToString())
    text = str(hwsim.compile(place, "nano").files["memory.h"])
    assert "* / int x; / *" in text
    assert "\x1b" not in text


def test_refusals_name_the_user_s_own_file(small: Path, photos: Path, tmp_path: Path) -> None:
    model = float_network()
    model.graph.node[2].op_type = "Erf"  # the quantizer leaves it, and no stage computes it
    strange = written(model, tmp_path / "strange.onnx")
    with pytest.raises(UnsupportedError, match=r"strange\.onnx', quantized: .*Erf"):
        hwsim.load(strange)
    with pytest.raises(InputError, match="give --colour"):
        hwsim.load(small, images=photos)
    with pytest.raises(InputError, match=r"only a float \.onnx is quantized on the way"):
        hwsim.load("tiny-yolov2-mini", images=photos)
    with pytest.raises(InputError, match="contract: it says what the photographs of images become"):
        hwsim.load(small, contract=CONTRACT)
    place = tmp_path / "small8.onnx"
    place.write_bytes(quantize_file(small).content)
    with pytest.raises(InputError, match=r"small8\.onnx' is quantized already"):
        hwsim.load(place, images=photos, contract=CONTRACT)
