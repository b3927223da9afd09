"""The way in which a stage is cut into tiles.

A stage's output is cut into *stripes* of columns: one, unless a few rows of its sources do not fit
the feature buffer. A stripe is cut into *bands* of rows, a band into *tiles* that fit a bank of
accumulators. The rows of each source lie in a ring in the feature buffer, so that a sweep over
a stripe reads each row once, even a row that two bands need. Schedules differ in how long weights
stay:

* LAYER: the weights of a *sweep* stay while all bands are computed. If all weights of the stage fit
  the queue, there is one sweep.
* BAND_SET: the bands of a *band set* share one reading of the weights, bundle by bundle. If all
  sources fit the feature buffer, there is one band set.
* TILE: each tile reads all weights again, because the weights of one bundle exceed the queue.

A STORE writes the words of a tile's bundle, or of a *bundle set* where a few words of each follow
each other: those of a fully connected layer would be fewer than the words of their descriptors.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from hwsim.program.blocking import Blocking


class WeightScope(Enum):
    """The part of a stage for which weights stay in the queue."""

    STAGE = "layer"
    BAND_SET = "band set"
    TILE = "tile"


class Span(NamedTuple):
    """Consecutive rows or columns of a stage: as stored (pooled), and as computed."""

    first_stored: int
    stored: int
    first_computed: int
    computed: int


@dataclass(frozen=True)
class Ring:
    """The place of a source's rows in the feature buffer: a ring of rows for each block.

    That of a *resident* map, which an earlier stage has stored there, has all its rows.
    """

    first_word: int
    rows: int
    row_words: int  # in the widest stripe
    blocks: int

    @property
    def block_words(self) -> int:
        return self.rows * self.row_words

    @property
    def end_word(self) -> int:
        return self.first_word + self.blocks * self.block_words


@dataclass(frozen=True)
class Schedule:
    """The tiling of one stage; spans are in the order in which they are computed."""

    blocking: Blocking
    scope: WeightScope
    sweeps: tuple[range, ...]  # the bundles of each sweep
    stripes: tuple[tuple[Span, ...], ...]  # per stripe, its tiles' columns
    band_sets: tuple[tuple[Span, ...], ...]  # per band set, its bands
    rings: tuple[Ring, ...]  # one for each source
    resident: tuple[bool, ...]  # of each source: it lies whole in the buffer, and is not loaded
    source_words: tuple[int, ...]  # read from memory, of each source
    weight_read_words: int
    set_bundles: int  # bundles of a bundle set

    def bundle_sets(self, bundles: range) -> list[range]:
        """Return the bundle sets of these bundles of a tile."""
        starts = range(bundles.start, bundles.stop, self.set_bundles)
        return [range(start, min(start + self.set_bundles, bundles.stop)) for start in starts]

    @property
    def stores_of_tile(self) -> int:
        """The number of STOREs that write all bundles of a tile, sweep by sweep."""
        return sum(len(self.bundle_sets(bundles)) for bundles in self.sweeps)

    @property
    def tiles(self) -> int:
        """The number of tiles of one output block."""
        return sum(map(len, self.stripes)) * sum(map(len, self.band_sets))

    @property
    def read_words(self) -> int:
        """Words of features that are read from memory."""
        return sum(self.source_words)
