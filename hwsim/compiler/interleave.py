"""Stages whose bands are written in turns, so that a map between them needs only a ring of rows.

Stages of a *relay* hold all their weights at a time. A band of a stage is written one band before
its readers want the rows, so that these are on their way while the array computes others. No more
rows of a map lie in the buffer than from the oldest that is still to be read to the newest.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate

from hwsim.arch.chain import STRIP_ROWS, STRIP_STEP
from hwsim.arch.config import Config
from hwsim.compiler.count import stage_descriptors
from hwsim.compiler.cut import Cut
from hwsim.compiler.room import Room
from hwsim.compiler.spans import (
    ROWS,
    SpansRead,
    column_spans,
    least_ring_rows,
    row_spans,
    stripe_columns,
)
from hwsim.compiler.tiling import tile_columns
from hwsim.graph import Source, Stage
from hwsim.isa.fields import DESCRIPTOR_BYTES
from hwsim.program.blocking import block_stage, ceil_div
from hwsim.program.drain_reads import has_wide_factors, reads_per_pixel
from hwsim.program.kernel_parts import split_evenly
from hwsim.program.schedule import Schedule, Span, WeightScope

HEIGHTS = (8, 4, 2, 1)  # of the bands of a relay, in stored rows, unless a strip makes more


@dataclass(frozen=True)
class Turns:
    """The order of bands, (stage counted from the relay's first, band), and the rows of rings."""

    order: tuple[tuple[int, int], ...]
    ring_rows: tuple[int, ...]  # of each stage's output


@dataclass(frozen=True)
class Relay:
    """The schedules of consecutive stages that take turns, and what they need and move."""

    schedules: tuple[Schedule, ...]
    turns: Turns
    ring_words: dict[str, int]  # of each map that lives in a ring, in the order of stages
    moved_words: int  # features read, weights and descriptors

    @property
    def loaded_words(self) -> int:
        """The words of the buffer for rows that are loaded."""
        return sum(own_words(schedule) for schedule in self.schedules)

    @property
    def words(self) -> int:
        """All words of the buffer that the relay needs, beside maps that stay whole."""
        return sum(self.ring_words.values()) + self.loaded_words


def own_words(schedule: Schedule) -> int:
    """Return the words of the buffer for the rows that a stage loads."""
    return sum(
        ring.blocks * ring.block_words
        for ring, is_resident in zip(schedule.rings, schedule.resident, strict=True)
        if not is_resident
    )


class Interleaver:
    """Finds relays of the stages of one graph."""

    def __init__(self, stages: Sequence[Stage], config: Config) -> None:
        self._stages, self._config = stages, config
        self._bands = lru_cache(None)(self._cut_bands)
        self._turns = lru_cache(None)(self._take_turns)
        self._scheduled = lru_cache(None)(self._schedule)

    @cached_property
    def _weight_ends(self) -> list[int]:
        """The words of the weights of all stages up to each."""
        blockings = [block_stage(stage, self._config) for stage in self._stages]
        return list(accumulate(each.output_blocks * each.weight_words for each in blockings))

    def hold_their_weights(self, first: int, last: int) -> bool:
        """Return True if the weight queue has room for the weights of all these stages."""
        before = self._weight_ends[first - 1] if first else 0
        return self._weight_ends[last] - before <= self._config.weight_words

    def best_relay(self, first: int, last: int, kept: frozenset[str], room: int) -> Relay | None:
        """Return the relay of these stages that moves least in `room` words; None without any.

        Sources in `kept` lie whole in the feature buffer, as do outputs in it.
        """
        best: Relay | None = None
        for height in HEIGHTS:
            found = self._relay(first, last, height, kept)
            if found is None or found.words > room:
                continue
            if best is None or found.moved_words < best.moved_words:
                best = found
        return best

    def _relay(self, first: int, last: int, height: int, kept: frozenset[str]) -> Relay | None:
        turns = self._turns(first, last, height)
        if turns is None:
            return None
        stages = self._stages[first : last + 1]
        inside = {stage.output.name for stage in stages[:-1]}
        schedules: list[Schedule] = []
        for index in range(first, last + 1):
            flags = tuple(
                source.tensor.name in inside or source.tensor.name in kept
                for source in self._stages[index].sources
            )
            schedule = self._scheduled(index, height, flags)
            if schedule is None:
                return None
            schedules.append(schedule)
        rings = {
            stage.output.name: rows * _row_words(stage, self._config)
            for stage, rows in zip(stages[:-1], turns.ring_rows, strict=False)
            if stage.output.name not in kept
        }
        descriptor_words = DESCRIPTOR_BYTES // self._config.word_bytes
        moved = sum(
            schedule.read_words
            + schedule.weight_read_words
            + stage_descriptors(stage, schedule, self._config) * descriptor_words
            for stage, schedule in zip(stages, schedules, strict=True)
        )
        return Relay(tuple(schedules), turns, rings, moved)

    def _cut_bands(self, index: int, height: int) -> tuple[Span, ...]:
        """Return bands of `height` rows, but for the last: none passes the end of a ring."""
        stage = self._stages[index]
        rows = stage.output.shape.height
        height = max(height, rows_of_strip(stage, self._config))
        return tuple(
            row_spans(
                stage, [(first, min(height, rows - first)) for first in range(0, rows, height)]
            )
        )

    def _schedule(self, index: int, height: int, resident: tuple[bool, ...]) -> Schedule | None:
        """Return the schedule of a stage in bands of this height that holds all its weights."""
        stage, config = self._stages[index], self._config
        blocking, bands = block_stage(stage, config), self._bands(index, height)
        width = stage.output.shape.width
        columns = tile_columns(stage, config, blocking, bands, width)
        if columns is None:
            return None
        stripe = tuple(column_spans(stage, split_evenly(width, columns)))
        words = sum(
            _loaded_rows(source, bands)
            * own.stored_blocks
            * own.row_words(_columns(stripe_columns(source, own, stripe)))
            for source, own, stays in zip(stage.sources, blocking.sources, resident, strict=True)
            if not stays
        )
        cut = Cut(stage, config, blocking, Room(words, resident), bands, (stripe,))
        if not cut.holds_a_band:
            return None
        single: list[tuple[Span, ...]] = [(band,) for band in bands]
        return cut.schedule(WeightScope.STAGE, [range(blocking.bundles)], single, 1)

    def _take_turns(self, first: int, last: int, height: int) -> Turns | None:
        bands = [self._bands(index, height) for index in range(first, last + 1)]
        return take_turns(self._stages[first : last + 1], bands, height)


def rows_of_strip(stage: Stage, config: Config) -> int:
    """Return the rows that a strip of the stage's chained sources makes, if fewer cost cycles.

    A strip takes as long for one row as for all. That does not matter where the drain takes as long
    for a row, too.
    """
    if not all(source.chained for source in block_stage(stage, config).sources):
        return 1
    wide = has_wide_factors(stage, config)
    drained = reads_per_pixel(config, stage.spatial_pool.taps, wide)
    strides = [source.stride[ROWS] for source in stage.sources]
    return 1 if drained >= STRIP_ROWS else max(1, STRIP_STEP // max(strides))


def _loaded_rows(source: Source, bands: Sequence[Span]) -> int:
    """Return the rows of two bands, so that one is loaded while the other is computed."""
    held = SpansRead.of(source, bands, ROWS).held(min(2, len(bands)))
    return min(source.tensor.shape.height, max(held, least_ring_rows(source)))


def _columns(ends: tuple[int, int]) -> int:
    return ends[1] - ends[0]


def _row_words(stage: Stage, config: Config) -> int:
    shape = stage.output.shape
    return ceil_div(shape.channels, config.array.input_lanes) * shape.width


def take_turns(
    stages: Sequence[Stage], bands: Sequence[Sequence[Span]], rows_ahead: int
) -> Turns | None:
    """Return the turns of stages, or None where they cannot take turns.

    Each of them but the last must be read by another. The stages must end in the order in which
    they begin, as the queue drops weights in the order in which they were loaded. The last band of
    a stage comes behind all bands of those that it reads: a chain always keeps this order.
    """
    numbers = {stage.output.name: number for number, stage in enumerate(stages)}
    reads = [
        [
            (numbers[source.tensor.name], SpansRead.of(source, bands[number], ROWS))
            for source in stage.sources
            if source.tensor.name in numbers
        ]
        for number, stage in enumerate(stages)
    ]
    readers: list[list[tuple[int, SpansRead]]] = [[] for _ in stages]
    for reader, sources in enumerate(reads):
        for number, read in sources:
            readers[number].append((reader, read))
    if not all(readers[:-1]):
        return None
    written = [0] * len(stages)  # bands
    rows = [0] * len(stages)  # of the rings
    order: list[tuple[int, int]] = []

    def write(number: int) -> None:
        band = written[number]
        is_last = band == len(bands[number]) - 1
        for source, read in reads[number]:
            height = stages[source].output.shape.height
            wanted = height if is_last else read.end[band] + rows_ahead
            own = bands[source]
            while written[source] < len(own) and own[written[source]].first_stored < wanted:
                write(source)
        order.append((number, band))
        written[number] = band + 1
        end = bands[number][band].first_stored + bands[number][band].stored
        for reader, read in readers[number]:
            if written[reader] < len(bands[reader]):
                rows[number] = max(rows[number], end - read.first[written[reader]])

    while written[-1] < len(bands[-1]):
        write(len(stages) - 1)
    turns = [number for number, _ in order]
    begun, ended = dict.fromkeys(turns), dict.fromkeys(reversed(turns))
    if list(begun) != list(reversed(ended)):
        return None
    return Turns(tuple(order), tuple(_whole_bands(stages, bands, readers, rows)))


def _whole_bands(
    stages: Sequence[Stage],
    bands: Sequence[Sequence[Span]],
    readers: Sequence[Collection[tuple[int, SpansRead]]],
    rows: Sequence[int],
) -> list[int]:
    """Return rows of rings that no band of their stage passes the end of, and no reader's step."""
    found: list[int] = []
    names = [stage.output.name for stage in stages]
    for number, needed in enumerate(rows):
        steps = [
            least_ring_rows(source)
            for reader, _ in readers[number]
            for source in stages[reader].sources
            if source.tensor.name == names[number]
        ]
        height = stages[number].output.shape.height
        band = bands[number][0].stored
        found.append(min(height, ceil_div(max([needed, *steps]), band) * band))
    return found
