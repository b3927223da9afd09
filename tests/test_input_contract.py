"""An input's contract comes from the call, a TOML beside the file or the file: part by part."""

import json
from dataclasses import replace
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
from hwsim.flows.contracts import asked_contract, input_contract
from hwsim.flows.file_inputs import FileInputs, file_inputs
from hwsim.golden.photographs import load_image
from hwsim.graph.input_contract import (
    Colour,
    Framing,
    Normalization,
    Resize,
    StatedContract,
    contract_of,
)
from hwsim.graph.stated_contract import stated_contract
from hwsim.graph.steps import FileNetwork
from tests.test_report_document import keeps_to_the_schema
from tests.tflite_small import SIDE, classifier

RED, GREEN, BLUE = (200, 0, 0), (0, 150, 0), (0, 0, 100)
NOTHING = asked_contract(None)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Return a photograph three times as wide as high: a red, a green and a blue square."""
    pixels = np.empty((10, 30, 3), np.uint8)
    for number, colour in enumerate((RED, GREEN, BLUE)):
        pixels[:, 10 * number : 10 * (number + 1)] = colour
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def load(folder: Path, toml: str | None = None, ends: str = "uint8", channels: int = 3) -> Any:
    path = folder / "small.tflite"
    path.write_bytes(classifier(ends, channels).content())
    if toml is not None:
        (folder / "small.tflite.inputs.toml").write_text(toml)
    found = hwsim.load(path)
    assert isinstance(found, FileNetwork)
    return found


def taken(network: FileNetwork, photo: Path, contract: Any = None) -> FileInputs:
    return file_inputs(network, photo, None, asked_contract(contract), "a test")


def pixels(found: FileInputs) -> NDArray[Any]:
    """Return what entered the only input, `[H, W, C]`."""
    (values,) = found.values.values()
    image: NDArray[Any] = values[0]
    return image


def test_colours_may_be_blue_first(tmp_path: Path, photo: Path) -> None:
    network = load(tmp_path)
    red_first = pixels(taken(network, photo))
    blue_first = pixels(taken(network, photo, {"colour": "bgr"}))
    np.testing.assert_array_equal(red_first[0, 0], RED)
    np.testing.assert_array_equal(blue_first, red_first[..., ::-1])


def test_mean_and_fill_have_the_order_of_the_input(tmp_path: Path, photo: Path) -> None:
    contract = {"colour": "bgr", "mean": (1, 2, 3), "std": 1, "resize": "letterbox"}
    found = pixels(taken(load(tmp_path, ends="float32"), photo, contract | {"fill": (7, 8, 9)}))
    np.testing.assert_array_equal(found[0, 0], (6, 6, 6))
    np.testing.assert_array_equal(found[SIDE // 2, 0], (-1, -2, 197))


def test_a_letterbox_has_the_whole_photograph_in_the_middle(tmp_path: Path, photo: Path) -> None:
    network = load(tmp_path)
    found = pixels(taken(network, photo, {"resize": "letterbox", "fill": 114}))
    rows = SIDE // 3
    inner = load_image(photo, height=rows, width=SIDE).numpy().transpose(1, 2, 0)
    top = (SIDE - rows) // 2
    np.testing.assert_array_equal(found[top : top + rows], inner)
    assert set(np.delete(found, range(top, top + rows), axis=0).ravel()) == {114}


def test_a_crop_has_the_middle_of_the_photograph_alone(tmp_path: Path, photo: Path) -> None:
    found = pixels(taken(load(tmp_path), photo, {"resize": "crop"}))
    np.testing.assert_array_equal(found, np.broadcast_to(GREEN, (SIDE, SIDE, 3)))


def test_a_range_comes_before_mean_and_std(tmp_path: Path, photo: Path) -> None:
    network = load(tmp_path, ends="float32")
    contract = {"range": (0, 1), "mean": (0.5, 0.25, 0), "std": "0.5,1,2"}
    found = pixels(taken(network, photo, contract))
    np.testing.assert_allclose(found[0, 0], (200 / 255 * 2 - 1, -0.25, 0), rtol=1e-6)
    alone = pixels(taken(network, photo, {"range": "-1,1"}))
    np.testing.assert_allclose(alone[0, 0], (200 / 127.5 - 1, -1, -1), rtol=1e-6)


def test_integers_stand_for_what_is_asked(tmp_path: Path, photo: Path) -> None:
    """A network whose own scale is 0.02 stores 1 as 50 steps."""
    found = pixels(taken(load(tmp_path, ends="int8"), photo, {"range": (0, 1)}))
    assert found[0, 0, 0] - found[0, 0, 1] == round(200 / 255 / 0.02)


TOML = """
colour = "bgr"
mean = 10.0
std = 2
[inputs.real_image]
resize = "letterbox"
fill = [1, 2, 3]
"""


def test_the_call_comes_before_the_toml_and_the_toml_before_the_file(
    tmp_path: Path, photo: Path
) -> None:
    network = load(tmp_path, TOML, "float32")
    (found,) = taken(network, photo, {"range": (0, 1)}).contracts.values()
    assert found.colour is Colour.BGR
    assert found.framing == Framing(Resize.LETTERBOX, (1, 2, 3))
    assert found.normalization == Normalization(range=(0, 1)), "mean is of another source"
    assert (found.colour_from, found.normalization_from) == ("small.tflite.inputs.toml", "the call")
    (own,) = taken(network, photo).contracts.values()
    assert own.normalization == Normalization((10,), (2,))
    without = load(tmp_path, 'colour = "bgr"', "uint8")
    (found,) = taken(without, photo).contracts.values()
    assert (found.colour_from, found.framing_from) == ("small.tflite.inputs.toml", "LiteRT")


@pytest.mark.parametrize(
    ("toml", "reason"),
    [
        ("colour = ", "no TOML: Invalid value"),
        ("colour", "no TOML: Expected '='"),
        ("a" * 2000, "a line has more than 1000 characters"),
        ('color = "rgb"', "no key 'color': an input's contract has colour, range, mean, std, "),
        ("colour = 3", "colour 3: must be one of rgb, bgr, grey"),
        ('colour = "grey"', "colour grey: the input has 3 channels"),
        ("inputs = 3", "inputs 3: must be tables"),
        ("[inputs.other]", "no input 'other': the network takes 'real_image'"),
        ("[inputs]\nreal_image = 3", "inputs.real_image 3: must be a table"),
        ("mean = 3", "mean 3: std is needed too"),
        ("range = [0]", r"range \[0\]: must be two numbers"),
        ("range = [1, 1]", "range 1,1: the first must be below the second"),
        ('resize = "letterbox"', "resize letterbox: fill is needed too"),
        ('resize = "crop"\nfill = 3', "fill 3: resize crop has no borders"),
        ("fill = 3", "fill 3: resize letterbox is needed too"),
        ('resize = "letterbox"\nfill = 256', "fill 256: a pixel is 0 to 255"),
        ('resize = "letterbox"\nfill = 0.5', "fill 0.5: a pixel is 0 to 255"),
        ("mean = nan\nstd = 1", "mean nan: must be a number"),
        ("mean = [[1]]\nstd = 1", r"mean \[\[1\]\]: must be a number"),
    ],
)
def test_a_wrong_toml_is_refused(toml: str, reason: str, tmp_path: Path, photo: Path) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        taken(load(tmp_path, toml, "float32"), photo, {"range": (0, 1)})
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "small.tflite.inputs.toml").write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"inputs\.toml': it is no text in UTF-8"):
        load(tmp_path)


def test_all_that_is_missing_is_told_at_once() -> None:
    assert contract_of(3, ()) == (None, ("colour", "normalization", "framing"))
    found, missing = contract_of(1, (StatedContract("x", framing=Framing(Resize.CROP)),))
    assert (found, missing) == (None, ("normalization",)), "one channel is grey"


def test_the_message_has_every_option_that_is_missing(tmp_path: Path) -> None:
    network = load(tmp_path, ends="float32")
    silent = {name: replace(own, stated=()) for name, own in network.operators.in_file.items()}
    network = replace(network, operators=replace(network.operators, in_file=silent))
    with pytest.raises(InputError) as caught:
        input_contract(network, "real_image", NOTHING)
    assert str(caught.value) == (
        "input 'real_image': nobody says how an image becomes it: give --colour (rgb or bgr), "
        "--range LOW,HIGH, or --mean and --std, --resize (stretch, crop, or letterbox with --fill);"
        " or the same keys in Python's contract=, or in a file FILE.inputs.toml beside the "
        "network's FILE"
    )


def test_a_contract_is_no_contract_of_arrays(tmp_path: Path) -> None:
    arrays = {"image": np.zeros((1, SIDE, SIDE, 3), np.uint8)}
    for key, value in (("colour", "bgr"), ("range", (0, 1)), ("resize", "crop")):
        with pytest.raises(InputError, match="it is for an image, not for arrays"):
            hwsim.run(load(tmp_path), inputs=arrays, contract={key: value})
    with pytest.raises(InputError, match=r"contract 3: must be a dict such as"):
        hwsim.run(load(tmp_path), inputs=arrays, contract=3)  # type: ignore[arg-type]


def test_every_source_is_read_by_one_function() -> None:
    text = {"colour": "rgb", "mean": "1,2,3", "std": "4", "resize": "letterbox", "fill": "5"}
    values = {"colour": "rgb", "mean": [1, 2, 3], "std": 4.0, "resize": "letterbox", "fill": 5}
    assert stated_contract("x", text) == stated_contract("x", values)
    assert stated_contract("x", dict.fromkeys(text)).is_empty


def test_a_built_in_network_has_its_own(
    tmp_path: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its images are stretched, red first, to real values from 0 to 1; all but these may change."""
    name, given = "tiny-yolov2-mini", ["--config", "nano", "--image", str(photo)]
    places = [tmp_path / "own.json", tmp_path / "other.json"]
    outputs = [tmp_path / "own.npz", tmp_path / "other.npz"]
    sentence = "stretched to 64x64, red, green, blue, int8 elements are the pixel - 128, as darknet"
    for place, kept, asked in zip(places, outputs, ([], ["--colour", "bgr"]), strict=True):
        named = ["--json", str(place), "--save-outputs", str(kept)]
        assert main(["run", name, *given, *asked, *named]) == 0
    assert f"Image: photo.png, {sentence} says." in capsys.readouterr().out
    own, other = (json.loads(place.read_text()) for place in places)
    assert keeps_to_the_schema(own, "estimate")
    (contract,) = own["run"]["contracts"]
    assert (contract["colour"], contract["range"], contract["resize"]) == ("rgb", [0, 1], "stretch")
    (contract,) = other["run"]["contracts"]
    assert (contract["colour"], contract["colour_from"]) == ("bgr", "the call")
    assert own["run"]["image_sha256"] != other["run"]["image_sha256"]
    with np.load(outputs[0]) as saved:
        assert saved.zip.comment.decode() == f"image: {own['run']['image_as']}"


def test_memory_says_what_a_photograph_becomes(tmp_path: Path, photo: Path) -> None:
    load(tmp_path)
    path = tmp_path / "small.tflite"
    for image in (None, photo):
        found = hwsim.compile(path, image=image, contract={"colour": "bgr"})
        (contract,) = found.to_dict()["contracts"]
        assert (contract["input"], contract["colour"]) == ("image", "bgr")
        assert contract["mean"] == (0.0,)
        assert contract["normalization_from"] == "LiteRT"
    (own,) = hwsim.compile("tiny-yolov2-mini", "nano").document.contracts
    assert (own.input, own.range, own.in_words.endswith("as darknet says")) == (
        "image",
        (0, 1),
        True,
    )


def test_arrays_have_no_contract(tmp_path: Path) -> None:
    arrays = {"image": np.zeros((1, SIDE, SIDE, 3), np.uint8)}
    found = hwsim.run(load(tmp_path), inputs=arrays)
    assert (found.run.contracts, found.run.image_as) == ((), None)
