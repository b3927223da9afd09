"""Packed taps: how the 27 taps of an image's 3x3 kernel window fill the input lanes.

Tap pass p takes the taps p*I ... p*I + I - 1, counted in (row, column, channel) order, I being the
number of input lanes. They lie in at most `streams` adjacent kernel rows. Each such row of the
image is read as a stream of words of `pixels` pixels; one word is read per cycle, of one stream.
"""

from dataclasses import dataclass
from functools import cached_property

from hwsim.arch import pipeline
from hwsim.arch.config import Config

CHANNELS = 3
KERNEL = 3
PIXEL_BYTES = 4
ROW_TAPS = KERNEL * CHANNELS
TAPS = KERNEL * ROW_TAPS


@dataclass(frozen=True)
class Packing:
    """The geometry for a number of input lanes."""

    lanes: int

    @property
    def pixels(self) -> int:
        """Return the pixels of one word."""
        return self.lanes // PIXEL_BYTES

    @property
    def tap_passes(self) -> int:
        """Return how many times the lanes must be filled for all taps."""
        return -(-TAPS // self.lanes)

    def first_row(self, number: int) -> int:
        """Return the kernel row of a tap pass's first tap."""
        return number * self.lanes // ROW_TAPS

    @cached_property
    def streams(self) -> int:
        """Return how many kernel rows the taps of one tap pass touch at most."""
        return max(
            (min((number + 1) * self.lanes, TAPS) - 1) // ROW_TAPS - self.first_row(number) + 1
            for number in range(self.tap_passes)
        )

    @property
    def supported(self) -> bool:
        """Return whether the feature buffer's one word per cycle feeds one pixel per cycle."""
        return self.pixels == self.streams == 2 or self.pixels >= self.streams + 2

    @property
    def ahead(self) -> int:
        """Return the distance in words from a pixel's own word to the one fetched along with it."""
        return 2 if self.pixels == 2 else 1

    @property
    def fill(self) -> int:
        """Return the cycles in front of each row: two per stream, and `ahead` - 1 more."""
        return 2 * self.streams + (self.ahead - 1)


def packing(config: Config) -> Packing:
    """Return the geometry for a configuration, on which the timeline counts too."""
    result = Packing(config.array.input_lanes)
    assert not result.supported or result.fill == pipeline.packed_fill(config)
    return result
