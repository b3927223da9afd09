"""Real photographs: those inside scikit-image's wheel, and a user's own."""

import warnings
from importlib import resources
from pathlib import Path
from typing import IO

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.nn import functional

from hwsim.errors import InputError

# Files of the wheel itself, so that nothing is ever downloaded.
PHOTOGRAPHS = {
    "astronaut": "astronaut.png",
    "cat": "chelsea.png",
    "coffee": "coffee.png",
    "motorcycle": "motorcycle_left.png",
    "rocket": "rocket.jpg",
}


def photograph(name: str, *, height: int, width: int) -> Tensor:
    """A photograph by name (a key of `PHOTOGRAPHS`), stretched to uint8 `[3, height, width]`."""
    if name not in PHOTOGRAPHS:
        raise InputError(f"no photograph '{name}': photographs are {', '.join(PHOTOGRAPHS)}")
    source = resources.files("skimage") / "data" / PHOTOGRAPHS[name]
    with source.open("rb") as file:
        return stretched(_decode(file), height=height, width=width)


def load_image(path: str | Path, *, height: int, width: int) -> Tensor:
    """Read a JPEG or PNG, in colour or grey, and stretch it to uint8 `[3, height, width]`.

    Stretched, not letterboxed: every stored pixel is then image, none a border that someone chose.
    Raises `InputError` for a file that cannot be read, is no image, or is cut short.
    """
    try:
        with Path(path).open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = _decode(file)
    except UnidentifiedImageError:
        raise InputError(f"image '{path}': neither a JPEG nor a PNG") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise InputError(f"image '{path}': {error}") from None
    except (OSError, SyntaxError, ValueError) as error:  # SyntaxError: Pillow, on a broken PNG
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"cannot read image '{path}': {reason}") from None
    return stretched(image, height=height, width=width)


def stretched(image: Tensor, *, height: int, width: int) -> Tensor:
    """Resize uint8 `image[3, H, W]` as darknet's `resize_image`: bilinear between the corners."""
    resized = functional.interpolate(
        image[None].double(), (height, width), mode="bilinear", align_corners=True
    )
    return resized[0].round().to(torch.uint8)


def _decode(file: IO[bytes]) -> Tensor:
    """Decode into uint8 `[3, H, W]`, red first; whatever Pillow raises is left to the caller."""
    with Image.open(file, formats=("JPEG", "PNG")) as image:
        if image.mode.startswith(("I", "F")):  # Pillow would clip, not scale, more than 8 bits
            raise ValueError("more than 8 bits per channel: convert it to 8")
        pixels = np.asarray(image.convert("RGB"))
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())
