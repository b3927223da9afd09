"""The number of descriptors of a program, before any is written.

It tells the program's size in memory, if it can be compiled at all, and how much of the work is
still to be done. `hwsim.compiler.compile` asserts it for every stage that it writes.
"""

from itertools import accumulate

from hwsim.arch.config import Config
from hwsim.compiler.spans import ROWS, SpansRead, column_spans, row_spans
from hwsim.graph import Source, Stage
from hwsim.isa.fields import PAGE_DESCRIPTORS
from hwsim.program.blocking import block_stage, ceil_div
from hwsim.program.schedule import Schedule, WeightScope

WORK_PER_PAGE = PAGE_DESCRIPTORS - 1  # the first descriptor of a page loads the next one


def least_computes(stage: Stage, config: Config) -> int:
    """Return a number of COMPUTEs below which no schedule of a stage stays."""
    blocking, stored = block_stage(stage, config), stage.output.shape
    (rows,) = row_spans(stage, [(0, stored.height)])
    (columns,) = column_spans(stage, [(0, stored.width)])
    tiles = ceil_div(rows.computed * columns.computed, config.buffers.accumulator_depth)
    return tiles * blocking.output_blocks * len(blocking.kernel_parts)


def stage_descriptors(stage: Stage, schedule: Schedule, config: Config) -> int:
    """Return the number of a stage's descriptors, without those that load pages."""
    blocking = schedule.blocking
    loads = sum(
        _feature_loads(source, schedule)
        for source, is_resident in zip(stage.sources, schedule.resident, strict=True)
        if not is_resident
    )
    loads += _weight_loads(schedule, config)
    computes = blocking.output_blocks * len(blocking.kernel_parts)
    return schedule.tiles * (computes + schedule.stores_of_tile) + loads


def _feature_loads(source: Source, schedule: Schedule) -> int:
    """Return the number of loads of a source.

    In every sweep, each band that needs rows below those of the bands before it is a load.
    """
    bands = [band for band_set in schedule.band_sets for band in band_set]
    read = SpansRead.of(source, bands, ROWS)
    loads, end = 0, read.first[0]
    for last in read.end:
        loads += last > end
        end = max(last, end)
    return loads * len(schedule.sweeps) * len(schedule.stripes)


def _weight_loads(schedule: Schedule, config: Config) -> int:
    """Return the number of loads of weights: one for each sweep, or for each bundle set.

    The first one of a band set is loaded ahead. If the queue cannot hold all of it, the rest is
    one more load. A tile of several COMPUTEs whose weights exceed the queue has a load for each,
    but for what was loaded ahead.
    """
    if schedule.scope is WeightScope.STAGE:
        return len(schedule.sweeps)
    blocking = schedule.blocking
    readings = len(schedule.stripes) * len(schedule.band_sets)
    if schedule.scope is WeightScope.BAND_SET:
        return readings * schedule.stores_of_tile
    first_set = schedule.bundle_sets(range(blocking.bundles))[0]
    first_blocks = min(len(first_set) * blocking.bundle_blocks, blocking.output_blocks)
    first_words = first_blocks * blocking.weight_words
    if not blocking.computes_load_alone:
        split = readings if first_words > config.weight_words else 0
        return schedule.tiles * schedule.stores_of_tile + split
    pieces = [part.weight_words for part in blocking.kernel_parts]
    pieces[-1] += blocking.parameter_words
    ends = accumulate(pieces * first_blocks)
    ahead = min(first_words, config.weight_words)
    covered = sum(end <= ahead for end in ends)
    return schedule.tiles * blocking.output_blocks * len(pieces) + readings * (1 - covered)


def page_loads(work: int, before: int) -> int:
    """Return how many loads of pages stand among the first `before` of `work` other descriptors.

    Every page but the last begins with the load of the next page.
    """
    pages = ceil_div(max(0, work - PAGE_DESCRIPTORS), WORK_PER_PAGE)
    return min(pages, ceil_div(before, WORK_PER_PAGE))
