"""`--image` says what it makes of a photograph for a `.tflite`, and guesses nothing."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

import hwsim
from hwsim.cli import main
from hwsim.errors import InputError
from hwsim.flows.contracts import asked_contract
from hwsim.flows.file_inputs import FileInputs, file_inputs
from hwsim.golden.photographs import load_image
from hwsim.graph.steps import FileNetwork
from tests.test_report_document import keeps_to_the_schema
from tests.tflite_judges import network_file
from tests.tflite_small import SIDE, classifier
from tests.tflite_writer import File, image_metadata

UPSIDE_DOWN = 3  # as EXIF numbers it
NOTHING = asked_contract(None)
MISSING = "nobody says how an image becomes it: give --range LOW,HIGH, or --mean and --std; or the"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    pixels = np.random.default_rng(3).integers(0, 256, (11, 17, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def network(folder: Path, file: File) -> FileNetwork:
    path = folder / "small.tflite"
    path.write_bytes(file.content())
    found = hwsim.load(path)
    assert isinstance(found, FileNetwork)
    return found


def taken(
    folder: Path, photo: Path, ends: str, channels: int = 3, mean: Any = None, std: Any = None
) -> FileInputs:
    asked = asked_contract({"mean": mean, "std": std})
    return file_inputs(network(folder, classifier(ends, channels)), photo, None, asked, "a test")


def only(found: FileInputs) -> NDArray[Any]:
    (values,) = found.values.values()
    return values


def stretched(photo: Path) -> NDArray[np.int64]:
    """Return pixels `[H, W, C]` in the network's size."""
    pixels: NDArray[np.int64] = load_image(photo, height=SIDE, width=SIDE).long().numpy()
    return pixels.transpose(1, 2, 0)


@pytest.mark.parametrize(("ends", "offset"), [("uint8", 0), ("int8", 128)])
def test_integers_are_pixels(ends: str, offset: int, tmp_path: Path, photo: Path) -> None:
    found = taken(tmp_path, photo, ends)
    assert only(found).dtype == np.dtype(ends)
    np.testing.assert_array_equal(only(found)[0], stretched(photo) - offset)
    value = "the pixel - 128" if offset else "the pixel"
    assert (
        found.image_as
        == f"stretched to 6x6, red, green, blue, {ends} elements are {value}, as LiteRT says"
    )


def test_one_channel_is_grey(tmp_path: Path, photo: Path) -> None:
    found = taken(tmp_path, photo, "uint8", channels=1)
    red, green, blue = np.moveaxis(stretched(photo), 2, 0)
    grey = np.floor(0.299 * red + 0.587 * green + 0.114 * blue + 0.5)
    assert np.abs(only(found)[0, :, :, 0] - grey).max() <= 1
    assert found.image_as == (
        "stretched to 6x6, grey, uint8 elements are the pixel, as the input's one channel and "
        "LiteRT say"
    )
    level = tmp_path / "level.png"
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(level)
    expected = stretched(level)[:, :, :1]
    np.testing.assert_array_equal(only(taken(tmp_path, level, "uint8", 1))[0], expected)


def test_the_photograph_is_turned_upright(tmp_path: Path, photo: Path) -> None:
    turned = Image.open(photo).rotate(180)
    exif = Image.Exif()
    exif[274] = UPSIDE_DOWN
    turned.save(tmp_path / "turned.png", exif=exif)
    found = taken(tmp_path, tmp_path / "turned.png", "uint8")
    np.testing.assert_array_equal(only(found), only(taken(tmp_path, photo, "uint8")))


def test_mean_and_std_make_real_values(tmp_path: Path, photo: Path) -> None:
    pixels = stretched(photo)
    found = taken(tmp_path, photo, "float32", mean="127.5", std=127.5)
    np.testing.assert_allclose(only(found)[0], (pixels - 127.5) / 127.5, rtol=1e-6)
    assert found.image_as == (
        "stretched to 6x6, red, green, blue, elements are (pixel - 127.5) / 127.5, as LiteRT and "
        "the call say"
    )
    mean, std = (124, 116.5, 104), (58.25, 57, 57.5)
    found = taken(tmp_path, photo, "float32", mean=mean, std="58.25,57,57.5")
    np.testing.assert_allclose(only(found)[0], (pixels - mean) / std, rtol=1e-6)


@pytest.mark.parametrize(("ends", "zero_point"), [("int8", -5), ("uint8", 123)])
def test_integers_stand_for_normalized_pixels(
    ends: str, zero_point: int, tmp_path: Path, photo: Path
) -> None:
    found = taken(tmp_path, photo, ends, mean=100, std=64)
    real = (stretched(photo) - 100) / 64
    low = np.iinfo(ends).min
    expected = np.clip(np.round(real / 0.02) + zero_point, low, low + 255)
    assert np.abs(only(found)[0] - expected).max() <= 1  # halves
    assert found.image_as is not None
    assert f", with scale 0.02 and zero point {zero_point}, as" in found.image_as


def test_a_run_says_what_it_made_of_the_image(
    tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network(tmp_path, classifier("float32"))
    given = ["--image", str(photo), "--mean", "127.5", "--std", "127.5"]
    path, json_path = tmp_path / "small.tflite", tmp_path / "found.json"
    assert main(["run", str(path), *given, "--json", str(json_path)]) == 0
    sentence = (
        "stretched to 6x6, red, green, blue, elements are (pixel - 127.5) / 127.5, as LiteRT and "
        "the call say"
    )
    assert f"Image: photo.png, {sentence}." in capsys.readouterr().out
    document = json.loads(json_path.read_text())
    assert keeps_to_the_schema(document, "estimate")
    assert document["run"]["image_as"] == sentence
    compiled = hwsim.compile(path, image=photo, contract={"mean": 127.5, "std": 127.5})
    assert compiled.document.image is not None
    assert compiled.document.image.taken_as == sentence
    values = only(taken(tmp_path, photo, "float32", mean=127.5, std=127.5))
    again = hwsim.compile(path, inputs={"real_image": values})
    assert again.files["memory.bin"] == compiled.files["memory.bin"]
    assert again.files["expected.bin"] == compiled.files["expected.bin"]


NORMALIZED = (1, [124.0, 116.5, 104.0], [58.25, 57.0, 57.5])


def told(folder: Path, metadata: bytes, ends: str = "float32") -> FileNetwork:
    file = classifier(ends)
    file.metadata = metadata
    return network(folder, file)


def test_real_values_may_be_what_the_file_says(tmp_path: Path, photo: Path) -> None:
    whole = told(tmp_path, image_metadata((2, [1.0], [2.0]), NORMALIZED))
    found = file_inputs(whole, photo, None, NOTHING, "a test")
    _, mean, std = NORMALIZED
    np.testing.assert_allclose(only(found)[0], (stretched(photo) - mean) / std, rtol=1e-6)
    assert found.image_as == (
        "stretched to 6x6, red, green, blue, elements are (pixel - 124,116.5,104) / "
        "58.25,57,57.5, as LiteRT and the file say"
    )
    by = asked_contract({"mean": 0, "std": 255})
    asked = file_inputs(whole, photo, None, by, "a test")
    np.testing.assert_allclose(only(asked)[0], stretched(photo) / 255, rtol=1e-6)
    assert asked.image_as == (
        "stretched to 6x6, red, green, blue, elements are (pixel - 0) / 255, as LiteRT and the "
        "call say"
    )


def test_integers_are_pixels_whatever_the_file_says(tmp_path: Path, photo: Path) -> None:
    whole = told(tmp_path, image_metadata(NORMALIZED), "int8")
    found = file_inputs(whole, photo, None, NOTHING, "")
    np.testing.assert_array_equal(only(found)[0], stretched(photo) - 128)


@pytest.mark.parametrize(
    "metadata",
    [
        b"x",
        image_metadata(NORMALIZED).replace(b"M001", b"M002"),
        image_metadata(),
        image_metadata(NORMALIZED, NORMALIZED),
        image_metadata(NORMALIZED, inputs=2),
        image_metadata((1, [], [])),
        image_metadata((1, [1.0], [0.0])),
        image_metadata((1, [float("inf")], [1.0])),
        image_metadata((3, [1.0], [1.0])),
    ],
)
def test_metadata_that_say_nothing_of_images_help_nobody(
    metadata: bytes, tmp_path: Path, photo: Path
) -> None:
    with pytest.raises(InputError, match=re.escape(MISSING)):
        file_inputs(told(tmp_path, metadata), photo, None, NOTHING, "a test")


def test_damaged_metadata_refuse_no_file(tmp_path: Path) -> None:
    whole = image_metadata(NORMALIZED)
    rng = np.random.default_rng(8)
    for index in range(200):
        damaged = bytearray(whole[: rng.integers(1, len(whole) + 1)] if index % 4 == 0 else whole)
        place = int(rng.integers(len(damaged)))
        damaged[place] = int(rng.integers(256))
        (tensor,) = told(tmp_path, bytes(damaged)).inputs.values()
        for stated in tensor.stated:
            assert stated.normalization is None or min(stated.normalization.std) > 0


def test_published_files_tell_their_normalization() -> None:
    for name in ("mobilenet_v2_224_int8", "mobilenet_v1_025_128_uint8"):
        found = hwsim.load(network_file(name))
        assert isinstance(found, FileNetwork)
        (tensor,) = found.inputs.values()
        (stated,) = tensor.stated  # what the metadata say is left to real inputs
        assert stated.normalization == tensor.of_codes


@pytest.mark.parametrize(("name", "best"), [("person", 1), ("no_person", 0)])
def test_a_person_is_seen(name: str, best: int, tmp_path: Path) -> None:
    """The pictures' bytes are int8 values, so that people see them with the other sign bit."""
    path = network_file("vww_96_int8")
    picture = Image.open(path.parent / f"{name}.bmp").convert("L")
    picture.point(lambda value: value ^ 0x80).save(tmp_path / "seen.png")
    (scores,) = hwsim.run(path, image=tmp_path / "seen.png").outputs.values()
    assert scores.argmax() == best
    assert scores.max() > 64  # three quarters


@pytest.mark.parametrize(
    ("ends", "given", "reason"),
    [
        ("float32", {}, f"input 'real_image': {MISSING}"),
        ("float32", {"mean": 1}, "mean 1: std is needed too"),
        ("float32", {"std": 1}, "std 1: mean is needed too"),
        ("float32", {"mean": 0, "std": 0}, "std 0: must be above 0"),
        ("float32", {"mean": "grey", "std": 1}, "mean 'grey': must be a number such as 127.5"),
        ("float32", {"mean": "1,", "std": 1}, "mean '1,': must be a number such as 127.5"),
        ("float32", {"mean": (), "std": 1}, "mean (): must be a number"),
        ("float32", {"mean": float("nan"), "std": 1}, "mean nan: must be a number"),
        (
            "float32",
            {"mean": (1, 2), "std": 1},
            "input 'real_image': mean 1,2: 2 numbers for an input of 3 channels",
        ),
        ("float32", {"mean": 0, "std": 1e-60}, "float32 does not hold"),
    ],
)
def test_nothing_is_guessed(
    ends: str, given: dict[str, Any], reason: str, tmp_path: Path, photo: Path
) -> None:
    whole = network(tmp_path, classifier(ends))
    for function in (hwsim.run, hwsim.verify, hwsim.compile):
        with pytest.raises(InputError, match=re.escape(reason)) as caught:
            function(whole, image=photo, contract=given)
        assert "\n" not in str(caught.value)


def test_other_networks_take_no_normalization(photo: Path) -> None:
    for function in (hwsim.run, hwsim.verify, hwsim.compile):
        with pytest.raises(InputError, match=r"a graph's image has real values from 0 to 1"):
            function("tiny-yolov2-mini", image=photo, contract={"mean": 1, "std": 1})


def test_what_is_no_image_needs_arrays(tmp_path: Path, photo: Path) -> None:
    with pytest.raises(InputError, match=r"input 'image' of shape \(1, 6, 6, 2\): an image has"):
        taken(tmp_path, photo, "int8", channels=2)
