"""The way in which a stage is cut into tiles.

A stage's output is cut into *stripes* of columns: one, unless a few rows of the input do not fit
the feature buffer. A stripe is cut into *bands* of rows, a band into *tiles* that fit a bank of
accumulators. The rows of the input lie in a ring in the feature buffer, so that a sweep over a
stripe reads each row once, even a row that two bands need. Schedules differ in how long weights
stay:

* LAYER: the weights of a *sweep* stay while all bands are computed. If all weights of the stage fit
  the queue, there is one sweep.
* BAND_SET: the bands of a *band set* share one reading of the weights, bundle by bundle. If the
  whole input fits the feature buffer, there is one band set.
* TILE: each tile reads all weights again, because the weights of one bundle exceed the queue.
"""

from dataclasses import dataclass
from enum import Enum

from hwsim.arch.config import Config
from hwsim.program.blocking import IMAGE_PIXEL_BYTES, Blocking, ceil_div


class WeightScope(Enum):
    """The part of a stage for which weights stay in the queue."""

    STAGE = "layer"
    BAND_SET = "band set"
    TILE = "tile"


@dataclass(frozen=True)
class Span:
    """Consecutive rows or columns: as stored (pooled), as computed and as read (input).

    `first_input` may be negative and `first_input + inputs` may pass the border. The part outside
    the input lies nowhere in memory; its taps read the zero point.
    """

    first_stored: int
    stored: int
    first_computed: int
    computed: int
    first_input: int
    inputs: int

    def clipped(self, size: int) -> tuple[int, int]:
        """Return (first, past the last) of the rows or columns inside an input of `size`."""
        return max(0, self.first_input), min(size, self.first_input + self.inputs)


@dataclass(frozen=True)
class Schedule:
    """The tiling of one stage; spans are in the order in which they are computed."""

    blocking: Blocking
    scope: WeightScope
    sweeps: tuple[tuple[int, int], ...]  # (first bundle, bundles) of each sweep
    stripes: tuple[tuple[Span, ...], ...]  # per stripe, its tiles' columns
    band_sets: tuple[tuple[Span, ...], ...]  # per band set, its bands
    ring_rows: int  # rows of each block that the feature buffer holds
    row_words: int  # words of a row in the feature buffer, the widest stripe's
    read_words: int  # features read from memory
    weight_read_words: int

    @property
    def tiles(self) -> int:
        """The number of tiles of one output block."""
        return sum(map(len, self.stripes)) * sum(map(len, self.band_sets))


def stripe_columns(
    stripe: tuple[Span, ...], width: int, blocking: Blocking, config: Config
) -> tuple[int, int]:
    """Return (first, past the last) of the input columns that a stripe keeps in the buffer.

    In a packed image they are widened to whole words.
    """
    first, last = stripe[0].clipped(width)[0], stripe[-1].clipped(width)[1]
    if blocking.packed:
        pixels = config.word_bytes // IMAGE_PIXEL_BYTES
        first = first // pixels * pixels
        last = min(ceil_div(last, pixels) * pixels, ceil_div(width, pixels) * pixels)
    return first, last
