"""The times of all loads, tiles, drains and stores, for the page's chart and for the trace file.

A large frame has millions of them. If there are too many to show, several of one layer in a row
become one activity.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import NamedTuple

from hwsim.program.program import Traffic
from hwsim.report.bandwidth import Transfer, bus_transfers
from hwsim.timeline import Timeline

LOADED = (Traffic.FEATURES_READ, Traffic.WEIGHTS, Traffic.PROGRAM)


def layer_spans(timeline: Timeline) -> list[tuple[int, int]]:
    """Return the cycles in which each layer is shown, which do not overlap.

    A layer whose bands are computed in turns with those of others is shown until these begin.
    """
    stages = timeline.stages
    begins = [stage.start_cycle for stage in stages[1:]]
    ends = [min(stage.end_cycle, begin) for stage, begin in zip(stages[:-1], begins, strict=True)]
    starts = [stage.start_cycle for stage in stages]
    return list(zip(starts, [*ends, stages[-1].end_cycle], strict=True))


class Activity(NamedTuple):
    """One load, issue or drain of a tile, or store, or several of them in a row, in cycles."""

    layer: int
    first_cycle: int
    last_cycle: int
    taken_cycles: int  # without the gaps between several in a row
    number: int  # of the first in its series
    parts: int = 1
    busy_cycles: int = 0  # of tiles: cycles in which a pixel enters the array
    waited_for: str = ""  # of tiles
    size_bytes: int = 0  # of transfers

    @property
    def last_number(self) -> int:
        return self.number + self.parts - 1


@dataclass(frozen=True)
class Series:
    """Spans of one kind in the order of time; `traffic` is the class of loads and stores."""

    track: str
    traffic: Traffic | None
    activities: tuple[Activity, ...]


def merged_count(timeline: Timeline, most: int) -> int:
    """Return the number in a row to merge into one, so that about `most` activities are left."""
    activities = len(timeline.loads) + 2 * len(timeline.tiles) + len(timeline.stores)
    return max(1, -(-activities // most))


def all_series(timeline: Timeline, count: int) -> tuple[Series, ...]:
    """Return all activities by kind; up to `count` of a layer in a row are merged into one."""
    transfers = bus_transfers(timeline)

    def moved(track: str, traffic: Traffic) -> Series:
        chosen = (transfer for transfer in transfers if transfer.traffic is traffic)
        return Series(track, traffic, tuple(_merged(_transfers(chosen), count)))

    return (
        *(moved("load DMA", traffic) for traffic in LOADED),
        Series("MAC array", None, tuple(_merged(_issues(timeline), count))),
        Series("drain", None, tuple(_merged(_drains(timeline), count))),
        moved("store DMA", Traffic.FEATURES_WRITTEN),
    )


def _transfers(transfers: Iterable[Transfer]) -> Iterator[Activity]:
    for number, transfer in enumerate(transfers):
        first, last = transfer.first_cycle, transfer.last_cycle
        yield Activity(
            transfer.layer, first, last, last - first, number, size_bytes=transfer.size_bytes
        )


def _issues(timeline: Timeline) -> Iterator[Activity]:
    for number, tile in enumerate(timeline.tiles):
        first, last = tile.issue_start, tile.issue_end
        yield Activity(
            tile.stage,
            first,
            last,
            last - first,
            number,
            busy_cycles=tile.busy_cycles,
            waited_for=tile.waited_for,
        )


def _drains(timeline: Timeline) -> Iterator[Activity]:
    for number, tile in enumerate(timeline.tiles):
        first, last = tile.drain_start, tile.drain_end
        yield Activity(tile.stage, first, last, last - first, number)


def _merged(activities: Iterable[Activity], count: int) -> Iterator[Activity]:
    """Yield one activity for each `count` or fewer in a row that belong to one layer."""
    for _, own in groupby(activities, lambda activity: activity.layer):
        while group := list(islice(own, count)):
            waits = dict.fromkeys(activity.waited_for for activity in group if activity.waited_for)
            yield group[0]._replace(
                last_cycle=group[-1].last_cycle,
                taken_cycles=sum(activity.taken_cycles for activity in group),
                parts=len(group),
                busy_cycles=sum(activity.busy_cycles for activity in group),
                waited_for=" and ".join(waits),
                size_bytes=sum(activity.size_bytes for activity in group),
            )
