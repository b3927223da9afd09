"""Real photographs: those inside scikit-image's wheel, and a user's own."""

import warnings
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import IO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError
from torch import Tensor

from hwsim.errors import InputError
from hwsim.escape import quoted
from hwsim.files import open_file
from hwsim.graph.input_contract import Resize

# Files of the wheel itself, so that nothing is ever downloaded.
PHOTOGRAPHS = {
    "astronaut": "astronaut.png",
    "cat": "chelsea.png",
    "coffee": "coffee.png",
    "motorcycle": "motorcycle_left.png",
    "rocket": "rocket.jpg",
}

LARGEST_FILE_BYTES = 1 << 28
LARGEST_PIXELS = 100_000_000  # Pillow holds up to four bytes for each
LARGEST_SIDE_PIXELS = 65_535  # a JPEG's own limit
LIMITS = f"expected at most {LARGEST_PIXELS:,}, and {LARGEST_SIDE_PIXELS:,} a side"
SHRINKING_PIXELS = 1 << 24  # a JPEG of more is decoded at a half, a quarter or an eighth

# By EXIF orientation: is each row to be seen a stored column, and do the stored rows and columns
# run backwards?
ORIENTATIONS = (
    (False, False, False),
    (False, False, True),
    (False, True, True),
    (False, True, False),
    (True, False, False),
    (True, True, False),
    (True, True, True),
    (True, False, True),
)
UPRIGHT = ORIENTATIONS[0]


@dataclass(frozen=True)
class Picture:
    """A decoded image as it is to be seen. A row is converted when it is asked for.

    So the image is never held a second time, neither turned nor with three bytes per pixel.
    """

    image: Image.Image
    is_turned: bool
    rows_backwards: bool
    columns_backwards: bool

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        width, height = self.image.size
        return (width, height) if self.is_turned else (height, width)

    def row(self, index: int) -> NDArray[np.uint8]:
        """Red, green and blue `[W, 3]` of a row, counted from the top."""
        width, height = self.image.size
        if self.is_turned:
            column = width - 1 - index if self.columns_backwards else index
            pixels = _rgb(self.image.crop((column, 0, column + 1, height)))
            return pixels[::-1] if self.rows_backwards else pixels
        row = height - 1 - index if self.rows_backwards else index
        pixels = _rgb(self.image.crop((0, row, width, row + 1)))
        return pixels[::-1] if self.columns_backwards else pixels


def photograph(name: str, *, height: int, width: int) -> Tensor:
    """A photograph by name (a key of `PHOTOGRAPHS`), stretched to uint8 `[3, height, width]`."""
    if name not in PHOTOGRAPHS:
        raise InputError(f"no photograph {quoted(name)}: photographs are {', '.join(PHOTOGRAPHS)}")
    source = resources.files("skimage") / "data" / PHOTOGRAPHS[name]
    with source.open("rb") as file:
        return stretched(_decode(file, height, width), height=height, width=width)


def load_image(
    path: str | Path, *, height: int, width: int, resize: Resize = Resize.STRETCH
) -> Tensor:
    """Read a JPEG or PNG, turn it upright, and resize it to uint8 `[3, height, width]`.

    It is stretched: every stored pixel is then image. With `CROP` both sides have one factor, and
    what is over is left away on both sides; with `LETTERBOX` too, but one side of what is returned
    may be smaller. Grey becomes three equal channels, of 16 bits the upper 8 are taken,
    transparency is ignored. Raises `InputError` for a file that cannot be read, is no image, is cut
    short, moves, or is too large.
    """
    with open_file("image", path, LARGEST_FILE_BYTES) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow warns of is read all the same, or raises
        try:
            picture = _decode(file, height, width)
        except Image.DecompressionBombError:  # beyond Pillow's limit, which is higher
            reason = f"more than {LARGEST_PIXELS:,} pixels, {LIMITS}"
            raise InputError(f"cannot read image {quoted(path)}: {reason}") from None
        except UnidentifiedImageError:
            raise InputError(f"image {quoted(path)}: neither a JPEG nor a PNG") from None
        except Exception as error:  # Pillow raises a dozen kinds, all because of the file's bytes
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"cannot read image {quoted(path)}: {reason}") from None
    if resize is Resize.LETTERBOX:
        height, width = _covered(*picture.size, (height, width))
    return stretched(picture, height=height, width=width, is_cropped=resize is Resize.CROP)


def _covered(rows: int, columns: int, most: tuple[int, int]) -> tuple[int, int]:
    """Return the largest height and width in the proportions of a picture, at most `most`."""
    height, width = most
    factor = min(height / rows, width / columns)
    return max(round(rows * factor), 1), max(round(columns * factor), 1)


def stretched(picture: Picture, *, height: int, width: int, is_cropped: bool = False) -> Tensor:
    """Resize to uint8 `[3, height, width]` as darknet's `resize_image`.

    That is bilinear between the corners, each output from the two by two pixels around its place.
    With `is_cropped` the corners are those of the largest part in the middle that has the
    proportions of the output.
    """
    rows, columns = picture.size
    used = _covered(height, width, (rows, columns)) if is_cropped else (rows, columns)
    (above, below, down), (left, right, across) = (
        _places(size, count, (whole - size) // 2)
        for size, count, whole in zip(used, (height, width), (rows, columns), strict=True)
    )
    to_right = across[:, None]

    @lru_cache(maxsize=2)  # neighbouring outputs share rows
    def narrowed(row: int) -> NDArray[np.float64]:
        pixels = picture.row(row)
        return pixels[left] * (1 - to_right) + pixels[right] * to_right

    image = np.empty((3, height, width), np.uint8)
    for y in range(height):
        between = narrowed(int(above[y])) * (1 - down[y]) + narrowed(int(below[y])) * down[y]
        image[:, y] = between.round().T
    return torch.from_numpy(image)


def grey(pixels: Tensor) -> Tensor:
    """Return uint8 `[3, H, W]` as brightness `[1, H, W]`, by the weights of ITU-R BT.601.

    Three equal channels become what each of them is.
    """
    red, green, blue = pixels.to(torch.int32)
    brightness: Tensor = (299 * red + 587 * green + 114 * blue + 500) // 1000
    return brightness.to(torch.uint8)[None]


def _places(
    size: int, count: int, first: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Spread `count` points over `size` pixels, from the pixel `first` to the last of them.

    Returns the pixels before and behind each point, and its distance from the one before.
    """
    places = np.arange(count) * ((size - 1) / max(count - 1, 1))
    before = places.astype(np.intp).clip(max=size - 1)
    behind = (before + 1).clip(max=size - 1)
    return before + first, behind + first, places - before


def _decode(file: IO[bytes], height: int, width: int) -> Picture:
    """Decode what will be stretched to `height` x `width`.

    Raises ValueError for an image that is too large or moves; whatever Pillow raises is left to
    the caller.
    """
    with Image.open(file, formats=("JPEG", "PNG")) as image:
        columns, rows = image.size
        if rows * columns > LARGEST_PIXELS or max(rows, columns) > LARGEST_SIDE_PIXELS:
            raise ValueError(f"{columns} x {rows} pixels, {LIMITS}")
        # A JPEG may hold further pictures, but a PNG's are those of a film.
        pictures = getattr(image, "n_frames", 1)
        if image.format == "PNG" and pictures > 1:
            raise ValueError(f"it is a film of {pictures} pictures: expected a single one")
        if rows * columns > SHRINKING_PIXELS:
            side = max(height, width)
            image.draft(None, (side, side))
        image.load()
    image.info.pop("transparency", None)  # a colour; converting would make a new palette of it
    return Picture(image, *_orientation(image))


def _orientation(image: Image.Image) -> tuple[bool, bool, bool]:
    """Return the entry of `ORIENTATIONS`; where EXIF data are damaged the picture is upright."""
    try:
        number = image.getexif().get(ExifTags.Base.Orientation, 1)
        return ORIENTATIONS[range(1, len(ORIENTATIONS) + 1).index(number)]
    except Exception:  # Pillow raises as many kinds as there are ways to damage them
        return UPRIGHT


def _rgb(strip: Image.Image) -> NDArray[np.uint8]:
    """Red, green and blue `[N, 3]` of an image of one row or one column."""
    if strip.mode == "I;16":  # Pillow would clip
        grey = (np.asarray(strip) >> 8).astype(np.uint8).reshape(-1, 1)
        return grey.repeat(3, axis=1)
    return np.asarray(strip.convert("RGB")).reshape(-1, 3)
