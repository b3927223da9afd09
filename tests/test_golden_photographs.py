"""Photographs: those of the wheel, and a user's files, sound or not."""

from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hwsim.errors import InputError
from hwsim.golden.photographs import PHOTOGRAPHS, load_image, photograph, stretched


def test_photographs_are_files_of_the_wheel() -> None:
    shipped = {str(path) for path in metadata.files("scikit-image") or ()}
    assert {f"skimage/data/{file}" for file in PHOTOGRAPHS.values()} <= shipped


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_are_in_colour_and_wide_in_range(name: str) -> None:
    image = photograph(name, height=96, width=128)
    assert image.dtype == torch.uint8
    assert image.shape == (3, 96, 128)
    assert not torch.equal(image[0], image[2])
    assert len(set(image.flatten().tolist())) > 128


def test_unknown_photograph() -> None:
    with pytest.raises(InputError, match="no photograph 'dog': photographs are astronaut, cat"):
        photograph("dog", height=8, width=8)


def test_stretching_keeps_corners_and_interpolates_between_them() -> None:
    image = torch.tensor([[[0, 100]], [[40, 60]], [[7, 7]]], dtype=torch.uint8)
    assert stretched(image, height=1, width=5).tolist() == [
        [[0, 25, 50, 75, 100]],
        [[40, 45, 50, 55, 60]],
        [[7, 7, 7, 7, 7]],
    ]
    assert torch.equal(stretched(image, height=1, width=2), image)


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [("jpg", "RGB"), ("jpg", "L"), ("png", "RGB"), ("png", "L"), ("png", "RGBA"), ("png", "P")],
)
def test_loads_what_users_have(tmp_path: Path, suffix: str, mode: str) -> None:
    pixels = np.full((20, 30, 3), (200, 100, 50), np.uint8)
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(pixels).convert(mode).save(path)
    image = load_image(path, height=8, width=16)
    assert image.shape == (3, 8, 16)
    expected = [124, 124, 124] if mode == "L" else [200, 100, 50]
    assert (image[:, 4, 4].int() - torch.tensor(expected)).abs().max() <= 4  # palette


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_truncated_image_is_refused(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    for length in (0, 3, 20, len(whole) // 2, len(whole) - len(whole) // 8):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"image '.*image") as caught:
            load_image(path, height=8, width=8)
        assert "\n" not in str(caught.value)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read image '.*missing\.png': No such file"):
        load_image(tmp_path / "missing.png", height=8, width=8)
    with pytest.raises(InputError, match="cannot read image"):
        load_image(tmp_path, height=8, width=8)
    (tmp_path / "text.png").write_text("no image at all")
    with pytest.raises(InputError, match="neither a JPEG nor a PNG"):
        load_image(tmp_path / "text.png", height=8, width=8)


@pytest.mark.parametrize("size", [10_000, 20_000])
def test_an_image_of_absurd_size_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (size, size)).save(path)
    with pytest.raises(InputError, match="bomb"):
        load_image(path, height=8, width=8)


def test_more_than_eight_bits_are_refused_rather_than_clipped(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((40, 40), 30000, np.uint16)).save(path)
    with pytest.raises(InputError, match="more than 8 bits per channel"):
        load_image(path, height=32, width=32)
