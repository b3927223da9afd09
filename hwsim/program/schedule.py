"""The way in which a layer is cut into tiles.

A layer's output is cut into *stripes* of columns (one, unless a few rows of the input do not fit
the feature buffer), a stripe into *bands* of rows, a band into *tiles* that fit an accumulator
bank. The rows of the input live in a ring in the feature buffer, so that a row is read once in
each sweep over a stripe, halo or not. What differs is how long weights stay:

* LAYER: all weights of a *sweep* stay; bands follow one another. One sweep where all weights fit.
* BAND_SET: the bands of a *band set* share one reading of the weights, bundle by bundle. There is
  one band set where the whole input fits.
* TILE: each tile reads all weights again, because one bundle's weights exceed the queue.
"""

from dataclasses import dataclass
from enum import Enum

from hwsim.arch.config import Config
from hwsim.program.blocking import IMAGE_PIXEL_BYTES, Blocking, ceil_div


class WeightScope(Enum):
    LAYER = "layer"
    BAND_SET = "band set"
    TILE = "tile"


@dataclass(frozen=True)
class Span:
    """Consecutive rows or columns: stored (pooled), computed (convolution) and read (input).

    `first_input` may be negative and `first_input + inputs` may pass the border: the part outside
    is not stored anywhere, its taps read the zero point.
    """

    first_stored: int
    stored: int
    first_computed: int
    computed: int
    first_input: int
    inputs: int

    def clipped(self, size: int) -> tuple[int, int]:
        """(first, past the last) input row or column that exists, in an input of `size`."""
        return max(0, self.first_input), min(size, self.first_input + self.inputs)


@dataclass(frozen=True)
class Schedule:
    """The tiling of one layer. Spans are in the order in which they are computed."""

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
        """Tiles of one output block."""
        return sum(map(len, self.stripes)) * sum(map(len, self.band_sets))


def stripe_columns(
    stripe: tuple[Span, ...], width: int, blocking: Blocking, config: Config
) -> tuple[int, int]:
    """(first, past the last) input column that a stripe stores; whole words of a packed image."""
    first, last = stripe[0].clipped(width)[0], stripe[-1].clipped(width)[1]
    if blocking.packed:
        pixels = config.word_bytes // IMAGE_PIXEL_BYTES
        first = first // pixels * pixels
        last = min(ceil_div(last, pixels) * pixels, ceil_div(width, pixels) * pixels)
    return first, last
