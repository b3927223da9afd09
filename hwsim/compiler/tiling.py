"""The choice of a stage's schedule: of those that fit the buffers, the one with least traffic."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.compiler.cut import Cut, bundles_ahead
from hwsim.compiler.limits import check_fields
from hwsim.compiler.room import Room
from hwsim.compiler.spans import (
    COLUMNS,
    ROWS,
    SpansRead,
    column_spans,
    least_ring_rows,
    row_spans,
    stripe_columns,
)
from hwsim.errors import InputError
from hwsim.graph import Stage
from hwsim.program.blocking import Blocking, block_stage, ceil_div
from hwsim.program.drain_reads import has_wide_factors, reads_per_pixel
from hwsim.program.kernel_parts import KernelPart, split_evenly
from hwsim.program.schedule import Schedule, Span, WeightScope

# Estimates of two delays that only the timeline knows exactly; they decide between schedules of
# equal traffic.
# The share of the array's time that is lost if no band can be loaded while another is computed.
STARVED_SHARE = 0.5
TILE_OVERHEAD_CYCLES = 32.0  # a tile's own descriptors and parameters
TALLEST_BAND = 16  # stored rows; a taller band only makes the first tile wait longer


def schedule_stage(stage: Stage, config: Config, room: Room | None = None) -> Schedule:
    """Return the schedule with the least traffic; among equals, with the fewest estimated cycles.

    Without `room`, the stage loads all its sources and has the whole feature buffer. Raises
    `InputError` with the stage, the buffer and the least sufficient size if none fits.
    """
    blocking = block_stage(stage, config)
    check_fields(stage, blocking, config)
    _check_accumulators(stage, config, blocking)
    candidates = _candidates(stage, config, blocking, room or Room.whole(stage, config))
    if not candidates:
        raise InputError(_too_small(stage, config, blocking))
    return min(candidates, key=lambda schedule: _cost(stage, config, schedule))


def _candidates(stage: Stage, config: Config, blocking: Blocking, room: Room) -> list[Schedule]:
    """Return all schedules that fit with the fewest stripes that fit."""
    stored = stage.output.shape
    for stripe_count in range(1, stored.width + 1):
        stripe_width = ceil_div(stored.width, stripe_count)
        if stripe_count > 1 and ceil_div(stored.width, stripe_count - 1) == stripe_width:
            continue
        heights = _band_heights(stage, config, blocking, stripe_width)
        cuts = [_cut(stage, config, blocking, room, stripe_width, height) for height in heights]
        if found := [schedule for cut in cuts if cut for schedule in _schedules(cut)]:
            return found
    return []


def _band_heights(stage: Stage, config: Config, blocking: Blocking, stripe_width: int) -> list[int]:
    """Return the heights of bands, in stored rows, that are worth trying.

    Of those that cut the output into equally many bands, and so into the same, only the least.
    """
    pixels = min(config.buffers.accumulator_depth, _tile_pixels(config, blocking))
    limit = min(stage.output.shape.height, pixels)
    heights = set(range(1, min(limit, TALLEST_BAND) + 1))
    if stripe_width * limit <= pixels:
        heights.add(limit)
    by_count = {
        ceil_div(stage.output.shape.height, height): height
        for height in sorted(heights, reverse=True)
    }
    return sorted(by_count.values())


def _cut(
    stage: Stage, config: Config, blocking: Blocking, room: Room, stripe_width: int, height: int
) -> Cut | None:
    """Return the stage cut into stripes and bands of at most these sizes, or None if none fits."""
    stored = stage.output.shape
    bands = tuple(row_spans(stage, split_evenly(stored.height, height)))
    most_columns = tile_columns(stage, config, blocking, bands, stripe_width)
    if most_columns is None:
        return None
    stripes = tuple(
        tuple(
            column_spans(
                stage,
                [(first + start, size) for start, size in split_evenly(width, most_columns)],
            )
        )
        for first, width in split_evenly(stored.width, stripe_width)
    )
    return Cut(stage, config, blocking, room, bands, stripes)


def _schedules(cut: Cut) -> Iterator[Schedule]:
    """Yield the schedules of a cut, which differ in how long weights stay."""
    blocking, queue_words = cut.blocking, cut.config.weight_words
    all_weights = blocking.output_blocks * blocking.weight_words
    bundle_weights = min(blocking.bundle_blocks, blocking.output_blocks) * blocking.weight_words
    whole = [range(blocking.bundles)]
    single: list[tuple[Span, ...]] = [(band,) for band in cut.bands]
    if cut.holds_a_band:
        if cut.single_tile and all(cut.room.resident):
            ahead = _ranges(blocking.bundles, bundles_ahead(blocking, cut.config))
            if bundle_weights <= queue_words:
                yield cut.schedule(WeightScope.STAGE, ahead, single, 1)
                return
        if all_weights <= queue_words:
            yield cut.schedule(WeightScope.STAGE, whole, single, 1)
            return
        if bundle_weights <= queue_words:
            sweeps = _ranges(blocking.bundles, queue_words // bundle_weights)
            yield cut.schedule(WeightScope.STAGE, sweeps, single, 1)
        tiles = len(cut.bands) * sum(map(len, cut.stripes))
        yield cut.schedule(WeightScope.TILE, whole, single, tiles)
    if bundle_weights <= queue_words and (band_sets := cut.band_sets):
        readings = len(band_sets) * len(cut.stripes)
        yield cut.schedule(WeightScope.BAND_SET, whole, band_sets, readings)


def _ranges(bundles: int, most: int) -> list[range]:
    """Return the fewest ranges of all bundles with at most so many, of about equal lengths."""
    return [range(start, start + count) for start, count in split_evenly(bundles, most)]


def _cost(stage: Stage, config: Config, schedule: Schedule) -> tuple[int, float]:
    """Return what is compared: traffic in words, then estimated cycles."""
    traffic = schedule.read_words + schedule.weight_read_words
    return traffic, _extra_cycles(stage, config, schedule)


def _extra_cycles(stage: Stage, config: Config, schedule: Schedule) -> float:
    """Return estimated cycles, by which schedules of equal traffic are compared."""
    blocking = schedule.blocking
    first_band = schedule.band_sets[0][0]
    arrival, slack = 0.0, False
    for source, own, ring, is_resident in zip(
        stage.sources, blocking.sources, schedule.rings, schedule.resident, strict=True
    ):
        if is_resident:
            continue
        rows = SpansRead.of(source, [first_band], ROWS).all
        startup = rows * ring.row_words * config.beats_per_word / config.beats_per_cycle
        chunks = 1 if own.reduction_blocks == 1 else own.stored_blocks
        arrival += startup * chunks / own.reduction_blocks
        slack |= rows * 2 > ring.rows
    reduction = _issue_cycles(config, schedule)
    reads = reads_per_pixel(config, stage.spatial_pool.taps, has_wide_factors(stage, config))
    drain = stage.output.shape.height * stage.output.shape.width * reads
    stall = reduction * STARVED_SHARE if slack and _total_bands(schedule) > 1 else 0.0
    last_tile = first_band.stored * schedule.stripes[0][0].stored * reads
    overhead = TILE_OVERHEAD_CYCLES * schedule.tiles
    return max(reduction, drain) * blocking.output_blocks + arrival + last_tile + stall + overhead


def _total_bands(schedule: Schedule) -> int:
    return sum(map(len, schedule.band_sets))


def _issue_cycles(config: Config, schedule: Schedule) -> int:
    """Return the cycles of one output block on the array.

    A small tile lasts as long as the next weight block takes to load. Each row of a packed source
    begins with cycles in which only words of the image are read.
    """
    rows = Counter([band.computed for band_set in schedule.band_sets for band in band_set])
    columns = Counter([tile.computed for stripe in schedule.stripes for tile in stripe])
    # The parts that take as long as each other for every tile, by the cycles before a row.
    parts: dict[tuple[int, tuple[int, int] | None, int], list[KernelPart]] = defaultdict(list)
    for source in schedule.blocking.sources:
        fill = pipeline.packed_fill(config) if source.packed else 0
        for part in source.kernel_parts:
            parts[part.taps_per_block, part.chain_stride, fill].append(part)
    return schedule.blocking.weight_limbs * sum(
        sum(part.weight_blocks for part in alike)
        * row_count
        * column_count
        * max(alike[0].block_cycles(height, width + fill), config.weight_block_words)
        for (_, _, fill), alike in parts.items()
        for height, row_count in rows.items()
        for width, column_count in columns.items()
    )


def _tile_pixels(config: Config, blocking: Blocking) -> int:
    """Return how many stored pixels half of the staging buffer holds."""
    return config.staging_words // 2 // blocking.bundle_words


def tile_columns(
    stage: Stage, config: Config, blocking: Blocking, bands: Sequence[Span], width: int
) -> int | None:
    """Return the most stored columns of a tile that fits accumulators and staging."""
    pool = stage.spatial_pool
    computed_rows = max(band.computed for band in bands)
    stored_rows = max(band.stored for band in bands)
    available = config.buffers.accumulator_depth // computed_rows
    if available >= stage.convolution_shape.width:
        widest = width
    else:
        window, step = pool.window[COLUMNS], pool.stride[COLUMNS]
        widest = (available - window) // step + 1 if available >= window else 0
    widest = min(widest, width, _tile_pixels(config, blocking) // stored_rows)
    return widest if widest >= 1 else None


def _check_accumulators(stage: Stage, config: Config, blocking: Blocking) -> None:
    rows, columns = stage.spatial_pool.window
    convolved = stage.convolution_shape
    pixels = min(rows, convolved.height) * min(columns, convolved.width)
    least = 1 << (pixels - 1).bit_length()  # a power of two, as every depth
    if config.buffers.accumulator_depth < least:
        raise InputError(
            f"layer {stage.name}: buffers.accumulator_depth = {config.buffers.accumulator_depth} "
            f"holds no tile; the least that works is {least}"
        )
    if _tile_pixels(config, blocking) < 1:
        raise InputError(
            f"layer {stage.name}: buffers.staging_bytes = {config.buffers.staging_bytes} holds no "
            f"tile; the least that works is {2 * blocking.bundle_words * config.word_bytes}"
        )


def _too_small(stage: Stage, config: Config, blocking: Blocking) -> str:
    """Return the message for a feature buffer that does not hold a tile of one stored pixel."""
    stored = stage.output.shape
    bands = row_spans(stage, split_evenly(stored.height, 1))
    tiles = column_spans(stage, split_evenly(stored.width, 1))
    least = 0
    for source, own in zip(stage.sources, blocking.sources, strict=True):
        rows = max(SpansRead.of(source, bands, ROWS).held(1), least_ring_rows(source))
        columns = [stripe_columns(source, own, [tile]) for tile in tiles]
        row_words = max(own.row_words(last - first) for first, last in columns)
        least += min(rows, source.tensor.shape.height) * row_words * own.stored_blocks
    return (
        f"layer {stage.name}: buffers.feature_bytes = {config.buffers.feature_bytes} holds no "
        f"tile; the least that works is {least * config.word_bytes}"
    )
