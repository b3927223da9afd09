"""Photographs of the wheel and of users are read, and broken files are refused."""

import struct
import subprocess
import sys
import zlib
from collections.abc import Iterable
from importlib import metadata
from itertools import repeat
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps
from torch.nn import functional

from hwsim.errors import InputError
from hwsim.golden.photographs import PHOTOGRAPHS, load_image, photograph


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


def saved(folder: Path, pixels: NDArray[np.uint8], orientation: int = 1) -> Path:
    """Write `pixels[H, W, 3]` as a PNG and return its path."""
    path = folder / "pixels.png"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(pixels).save(path, exif=exif)
    return path


def test_stretching_keeps_corners_and_interpolates_between_them(tmp_path: Path) -> None:
    pixels = np.array([[[0, 40, 7], [100, 60, 7]]], np.uint8)
    path = saved(tmp_path, pixels)
    assert load_image(path, height=1, width=5).tolist() == [
        [[0, 25, 50, 75, 100]],
        [[40, 45, 50, 55, 60]],
        [[7, 7, 7, 7, 7]],
    ]
    assert load_image(path, height=1, width=2).tolist() == pixels.transpose(2, 0, 1).tolist()
    assert load_image(path, height=1, width=1).tolist() == [[[0]], [[40]], [[7]]]


@settings(deadline=None, max_examples=60)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    wanted=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 2**32 - 1),
)
def test_pytorch_stretches_alike(
    tmp_path_factory: pytest.TempPathFactory,
    size: tuple[int, int],
    wanted: tuple[int, int],
    seed: int,
) -> None:
    """PyTorch gives equal pixels, except where a double's last bit decides between two values."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    found = load_image(
        saved(tmp_path_factory.getbasetemp(), pixels), height=wanted[0], width=wanted[1]
    )
    exact = functional.interpolate(
        torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None].double(),
        wanted,
        mode="bilinear",
        align_corners=True,
    )
    assert (found - exact[0]).abs().max() < 0.5 + 1e-9


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright(tmp_path: Path, orientation: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 47, 3), np.uint8)
    path = saved(tmp_path, pixels, orientation)
    found = load_image(path, height=20, width=31)
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    assert torch.equal(found, load_image(saved(tmp_path, upright), height=20, width=31))


def test_a_sideways_jpeg_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # its first row is the right edge
    image = Image.new("RGB", (48, 32), "blue")
    image.paste("red", (0, 0, 48, 16))
    image.save(tmp_path / "sideways.jpg", exif=exif)
    found = load_image(tmp_path / "sideways.jpg", height=8, width=8)
    assert found[0, :, 7].min() > 200
    assert found[2, :, 0].min() > 200


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0garbage of no use", b"Exif\0\0II*\0" + b"\xff" * 40]
)
def test_damaged_exif_data_are_passed_over(tmp_path: Path, exif: bytes) -> None:
    path = tmp_path / "image.jpg"
    Image.new("RGB", (40, 20), (200, 100, 50)).save(path, exif=exif)
    assert load_image(path, height=2, width=2)[:, 0, 0].tolist() == [200, 100, 50]


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [
        *(("jpg", mode) for mode in ("RGB", "L", "CMYK")),
        *(("png", mode) for mode in ("RGB", "RGBA", "P", "L", "LA", "1")),
    ],
)
def test_loads_what_users_have(tmp_path: Path, suffix: str, mode: str) -> None:
    pixels = np.full((20, 30, 3), (200, 100, 50), np.uint8)
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(pixels).convert(mode).save(path)
    image = load_image(path, height=8, width=16)
    assert image.shape == (3, 8, 16)
    if mode == "1":
        assert set(image.flatten().tolist()) > {0, 255}
    else:
        expected = [124, 124, 124] if mode.startswith("L") else [200, 100, 50]
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


@pytest.mark.parametrize("size", [(10_001, 10_000), (20_000, 20_000), (70_000, 1), (1, 89_000_000)])
def test_an_image_of_absurd_size_is_refused_unread(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(*size, bits=1, colour=0, rows=[]))
    with pytest.raises(InputError) as refused:
        load_image(path, height=8, width=8)
    found, _, limits = str(refused.value).partition(", expected at most ")
    assert found in {
        f"cannot read image '{path}': {size[0]} x {size[1]} pixels",
        f"cannot read image '{path}': more than 100,000,000 pixels",
    }
    assert limits == "100,000,000, and 65,535 a side"


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a part of a PNG file."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(width: int, height: int, *, bits: int, colour: int, rows: Iterable[bytes]) -> bytes:
    """Return a PNG that Pillow cannot write, or cannot write without holding it in memory."""
    packer = zlib.compressobj(1)
    packed = [packer.compress(b"\0" + row) for row in rows]
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
        + chunk(b"IDAT", b"".join(packed) + packer.flush())
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("colour", "pixel", "expected"),
    [
        (0, "7fff", [127, 127, 127]),
        (2, "c8ff64fe3200", [200, 100, 50]),
        (4, "80ff0000", [128, 128, 128]),
        (6, "c8ff64fe32000000", [200, 100, 50]),
    ],
)
def test_of_sixteen_bits_the_upper_eight_are_taken(
    tmp_path: Path, colour: int, pixel: str, expected: list[int]
) -> None:
    path = tmp_path / "deep.png"
    path.write_bytes(png(5, 4, bits=16, colour=colour, rows=[bytes.fromhex(pixel) * 5] * 4))
    assert load_image(path, height=2, width=2)[:, 1, 1].tolist() == expected


@pytest.mark.parametrize("transparency", [3, bytes(range(8))])
def test_transparency_is_ignored(tmp_path: Path, transparency: int | bytes) -> None:
    path = tmp_path / "palette.png"
    image = Image.new("P", (8, 8), 3)
    image.putpalette([value for index in range(8) for value in (index * 20, 100, 7)])
    image.save(path, transparency=transparency)
    assert load_image(path, height=2, width=2)[:, 0, 0].tolist() == [60, 100, 7]


def test_a_film_is_refused_and_a_jpeg_s_first_picture_taken(tmp_path: Path) -> None:
    red, blue = (Image.new("RGB", (16, 16), colour) for colour in ("red", "blue"))
    red.save(tmp_path / "film.png", save_all=True, append_images=[blue])
    with pytest.raises(InputError, match="it is a film of 2 pictures: expected a single one"):
        load_image(tmp_path / "film.png", height=8, width=8)
    red.save(tmp_path / "two.jpg", format="MPO", save_all=True, append_images=[blue])
    assert load_image(tmp_path / "two.jpg", height=8, width=8)[0].min() > 250


@pytest.mark.parametrize("is_its_only_picture", [True, False])
def test_a_film_of_one_picture_is_a_picture(tmp_path: Path, is_its_only_picture: bool) -> None:
    """A film's frame may be the PNG's own picture, or another one that is shown in its place."""
    whole = png(8, 8, bits=8, colour=0, rows=[bytes([77]) * 8] * 8)
    place = whole.index(b"IDAT") - 4
    added = chunk(b"acTL", struct.pack(">II", 1, 0))
    if is_its_only_picture:
        added += chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 8, 8, 0, 0, 1, 10, 0, 0))
    path = tmp_path / "film.png"
    path.write_bytes(whole[:place] + added + whole[place:])
    if is_its_only_picture:
        assert set(load_image(path, height=2, width=2).flatten().tolist()) == {77}
    else:
        with pytest.raises(InputError, match="it is a film of 2 pictures: expected a single one"):
            load_image(path, height=2, width=2)


# ru_maxrss would begin with pytest's memory, since it survives fork and exec.
PEAKS = """
import re, resource, sys
from pathlib import Path
from hwsim.golden.photographs import load_image
resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, 4 << 30))

def peak_kib():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

small, *large = sys.argv[1:]
load_image(small, height=8, width=8)  # imports, and what libraries set up
before = peak_kib()
for path in large:
    load_image(path, height=416, width=416)
    print(peak_kib() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_largest_images_take_bounded_memory(tmp_path: Path) -> None:
    """The largest images take Pillow's memory, a byte per grey or four per colour pixel."""
    Image.new("RGB", (8, 8)).save(tmp_path / "small.png")
    Image.new("L", (9000, 9000)).save(tmp_path / "large.jpg")
    most_kib = {"small.png": 1000, "large.jpg": 30_000}
    for width, height, bits, colour in (
        (9400, 9500, 1, 0),
        (65_535, 1500, 1, 0),
        (1500, 65_535, 1, 0),
        (10_000, 10_000, 8, 2),
    ):
        row = bytes(-(-width * bits * (1 + colour) // 8))
        name = f"{width}x{height}.png"
        (tmp_path / name).write_bytes(
            png(width, height, bits=bits, colour=colour, rows=repeat(row, height))
        )
        most_kib[name] = 430_000 if colour else 120_000
    command = [sys.executable, "-c", PEAKS, "small.png", *most_kib]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stderr == ""
    for (name, most), peak_kib in zip(most_kib.items(), done.stdout.split(), strict=True):
        assert int(peak_kib) < most, name


def test_a_large_jpeg_is_shrunk_and_stretched_alike(tmp_path: Path) -> None:
    ramp = (np.arange(5600) // 22).astype(np.uint8)
    Image.fromarray(np.broadcast_to(ramp, (4000, 5600))).save(tmp_path / "ramp.jpg")
    found = load_image(tmp_path / "ramp.jpg", height=10, width=11)
    assert np.abs(found[1, 3].numpy() - np.linspace(0, 254, 11)).max() < 4


@pytest.mark.parametrize("kind", ["jpg", "progressive.jpg", "png", "palette.png", "exif.jpg"])
def test_a_damaged_image_is_read_or_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    random = Random(kind)
    path = tmp_path / f"image.{kind}"
    noise = np.random.default_rng(0).integers(0, 256, (12, 17, 3), np.uint8)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.ImageDescription] = "a description"
    image = Image.fromarray(noise).convert("P" if kind.startswith("palette") else "RGB")
    image.save(path, progressive=kind.startswith("progressive"), exif=exif)
    whole = path.read_bytes()
    outcomes = set()
    for _ in range(200):
        content = bytearray(whole)
        for _ in range(random.randrange(1, 4)):
            start = random.randrange(len(content))
            piece = content[start : start + 20] * 2
            content[start : start + random.choice([0, 1, 20])] = random.choice(
                [random.randbytes(1), random.randbytes(4), b"", b"\xff" * 8, piece]
            )
        path.write_bytes(content)
        reason = reason_for_refusing(path)
        assert reason.isprintable()
        outcomes.add(bool(reason))
    assert outcomes == {False, True}


def reason_for_refusing(path: Path) -> str:
    """Return the reason for refusing an image, or an empty text."""
    try:
        load_image(path, height=5, width=7)
    except InputError as error:
        return str(error)
    return ""
