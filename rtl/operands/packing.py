"""How 27 taps of an image fill the lanes: geometry shared by the sequencer and the operands.

A pass takes the taps p*I ... p*I + I - 1, counted in (row, column, channel) order. They lie in at
most `streams` adjacent kernel rows; each such row of the image is read as a stream of words, one
word per cycle over all streams, and a word holds `pixels` pixels.
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
    lanes: int

    @property
    def pixels(self) -> int:
        """Pixels of one word."""
        return self.lanes // PIXEL_BYTES

    @property
    def passes(self) -> int:
        return -(-TAPS // self.lanes)

    def first_row(self, number: int) -> int:
        """Kernel row of a pass's first tap."""
        return number * self.lanes // ROW_TAPS

    @cached_property
    def streams(self) -> int:
        """Kernel rows that the taps of one pass touch, at most."""
        return max(
            (min((number + 1) * self.lanes, TAPS) - 1) // ROW_TAPS - self.first_row(number) + 1
            for number in range(self.passes)
        )

    @property
    def supported(self) -> bool:
        """Whether the feature buffer's one word per cycle feeds one pixel per cycle."""
        return self.pixels == self.streams == 2 or self.pixels >= self.streams + 2

    @property
    def ahead(self) -> int:
        """Words of a stream between the one a pixel starts in and the one fetched meanwhile."""
        return 2 if self.pixels == 2 else 1

    @property
    def fill(self) -> int:
        """Cycles in front of each row: two words per stream; with two pixels per word one more."""
        return 2 * self.streams + (self.ahead - 1)


def packing(config: Config) -> Packing:
    result = Packing(config.array.input_lanes)
    assert not result.supported or result.fill == pipeline.packed_fill(config)
    return result
