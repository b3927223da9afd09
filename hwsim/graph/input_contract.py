"""The contract of an input: what the pixels of a photograph become, which no shape tells.

A contract has three parts: the order of colours, the real values of pixels, and how a photograph
of another shape fills the input. Each part comes whole from the first of several sources that
states it, because half of one and half of another would be a contract that nobody has stated.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError

BRIGHTEST = 255  # of a pixel
COLOUR_CHANNELS = 3


class Colour(StrEnum):
    """The meaning of an input's channels, in their order."""

    RGB = "rgb"
    BGR = "bgr"
    GREY = "grey"

    @property
    def channels(self) -> int:
        return 1 if self is Colour.GREY else COLOUR_CHANNELS


class Resize(StrEnum):
    """The way in which a photograph fills an input of another shape."""

    STRETCH = "stretch"  # each axis by its own factor
    LETTERBOX = "letterbox"  # by one factor, whole, in the middle of borders
    CROP = "crop"  # by one factor, the middle of what then covers the input


@dataclass(frozen=True)
class Normalization:
    """The real value (x - mean) / std of a pixel.

    `range` has the x of a pixel of 0 and that of one of 255; those between lie on a line. `mean`
    and `std` have one number, or one for each channel in the input's order. Raises `InputError`
    for numbers that are not finite, for an empty range and for a `std` that is not above 0.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    range: tuple[float, float] = (0.0, float(BRIGHTEST))

    def __post_init__(self) -> None:
        for name, numbers in (("mean", self.mean), ("std", self.std), ("range", self.range)):
            if not numbers or not all(map(math.isfinite, numbers)):
                raise InputError(f"{name} {joined(numbers)}: must be finite numbers")
        if min(self.std) <= 0:
            raise InputError(f"std {joined(self.std)}: must be above 0")
        if self.range[0] >= self.range[1]:
            raise InputError(f"range {joined(self.range)}: the first must be below the second")

    def __str__(self) -> str:
        is_pixel = self.range == (0, BRIGHTEST)
        x = "pixel" if is_pixel else "x"
        value = f"({x} - {joined(self.mean)}) / {joined(self.std)}"
        if (self.mean, self.std) == ((0.0,), (1.0,)):
            value = x
        return value if is_pixel else f"{value}, x from {self.range[0]:g} to {self.range[1]:g}"

    def real_values(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the real values of pixels `[C, H, W]`, and infinities where float32 has none."""
        low, high = self.range
        mean, std = (np.reshape(numbers, (-1, 1, 1)) for numbers in (self.mean, self.std))
        with np.errstate(over="ignore"):
            x = low + pixels * ((high - low) / BRIGHTEST)
            found: NDArray[np.float32] = ((x - mean) / std).astype(np.float32)
        return found


@dataclass(frozen=True)
class Framing:
    """The way in which a photograph fills an input.

    `fill` is the pixel of a letterbox's borders, one number or one for each channel in the input's
    order; others have none. Raises `InputError` for a fill that is missing, one too many or no
    pixel.
    """

    resize: Resize
    fill: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if (self.resize is Resize.LETTERBOX) != bool(self.fill):
            if self.fill:
                raise InputError(f"fill {joined(self.fill)}: resize {self.resize} has no borders")
            raise InputError(
                f"resize {self.resize}: fill is needed too, the pixel of its borders from 0 to "
                f"{BRIGHTEST}"
            )
        if not all(0 <= pixel <= BRIGHTEST for pixel in self.fill):
            raise InputError(f"fill {joined(self.fill)}: a pixel is 0 to {BRIGHTEST}")

    def __str__(self) -> str:
        """Return what is done, for `<this> to 320x240`."""
        done = {
            Resize.STRETCH: "stretched",
            Resize.CROP: "cropped and resized",
            Resize.LETTERBOX: f"letterboxed with {joined(self.fill)}",
        }
        return done[self.resize]


@dataclass(frozen=True)
class StatedContract:
    """The parts of an input's contract that one `source` states; None for what it leaves open."""

    source: str
    colour: Colour | None = None
    normalization: Normalization | None = None
    framing: Framing | None = None

    @property
    def is_empty(self) -> bool:
        return self == StatedContract(self.source)


@dataclass(frozen=True)
class InputContract:
    """The parts of a contract, and by whom each of them is stated.

    Raises `InputError` for numbers that are neither one nor one for each channel.
    """

    colour: Colour
    normalization: Normalization
    framing: Framing
    colour_from: str
    normalization_from: str
    framing_from: str

    def __post_init__(self) -> None:
        own = self.normalization
        for name, numbers in (("mean", own.mean), ("std", own.std), ("fill", self.framing.fill)):
            if len(numbers) not in (0, 1, self.colour.channels):
                raise InputError(
                    f"{name} {joined(numbers)}: {len(numbers)} numbers for an input of "
                    f"{self.colour.channels} channels"
                )

    def ordered(self, channels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return red, green and blue `[3, H, W]` in the input's order; a grey one is as it is."""
        return channels[::-1] if self.colour is Colour.BGR else channels

    def framed(self, inner: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
        """Return the input's pixels `[C, H, W]`, with borders around a picture that is smaller."""
        _, rows, columns = inner.shape
        if (rows, columns) == (height, width):
            return inner
        whole = np.empty((len(inner), height, width), np.uint8)
        whole[:] = np.reshape(np.array(self.framing.fill, np.uint8), (-1, 1, 1))
        top, left = (height - rows) // 2, (width - columns) // 2
        whole[:, top : top + rows, left : left + columns] = inner
        return whole


def contract_of(
    channels: int, stated: Iterable[StatedContract]
) -> tuple[InputContract | None, tuple[str, ...]]:
    """Return the contract that sources state, the first of them first, or else what is missing.

    The missing parts have the names of `StatedContract`'s fields. An input of one channel is grey.
    Raises `InputError` for a colour of another number of channels.
    """
    found: dict[str, Colour | Normalization | Framing] = {}
    sources: dict[str, str] = {}
    given = [*stated]
    if channels == 1:
        given.append(StatedContract("the input's one channel", Colour.GREY))
    for each in given:
        for part in ("colour", "normalization", "framing"):
            value = getattr(each, part)
            if value is not None and part not in found:
                found[part], sources[f"{part}_from"] = value, each.source
    colour, normalization, framing = (
        found.get(part) for part in ("colour", "normalization", "framing")
    )
    if isinstance(colour, Colour) and colour.channels != channels:
        raise InputError(f"colour {colour}: the input has {channels} channels")
    if (
        isinstance(colour, Colour)
        and isinstance(normalization, Normalization)
        and isinstance(framing, Framing)
    ):
        return InputContract(colour, normalization, framing, **sources), ()
    parts = ("colour", "normalization", "framing")
    return None, tuple(part for part in parts if part not in found)


def joined(numbers: Iterable[float]) -> str:
    """Return numbers as an option has them."""
    return ",".join(f"{number:g}" for number in numbers)
