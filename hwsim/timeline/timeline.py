"""The timeline of a program: the times of its stages, tiles, loads and stores."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter

from hwsim.arch.config import Config
from hwsim.graph import Stage
from hwsim.program.program import Program
from hwsim.program.traffic import StageTraffic, traffic_by_stage
from hwsim.timeline.events import EventLog, LoadEvent, StoreEvent, TileEvent
from hwsim.timeline.roofline import Roofline, roofline
from hwsim.timeline.walk import Walk


@dataclass(frozen=True)
class StageTime:
    """The time of one stage, from the previous stage's last write response to its own.

    Where the next stage begins before, as it reads rows that are stored already, the time ends with
    its first tile. `stored_cycle` is that of the last response, or of the last word that is kept.

    `busy_cycles` + the sum of `waiting_cycles` = `cycles`. The array waits for features, weights,
    the drain (which still reads a bank of accumulators), the program (a descriptor), or the finish
    (the last tile's way to memory).
    """

    stage: Stage
    start_cycle: int
    end_cycle: int
    stored_cycle: int
    busy_cycles: int
    waiting_cycles: dict[str, int]
    roofline: Roofline
    traffic: StageTraffic

    @property
    def cycles(self) -> int:
        return self.end_cycle - self.start_cycle


@dataclass(frozen=True)
class Timeline:
    """All events of a program; `cycles` counts from the start pulse to the program's end.

    `joined` puts several one behind the other, as if no time passed between them.
    """

    config: Config
    stages: tuple[StageTime, ...]
    cycles: int
    tiles: Sequence[TileEvent]
    loads: Sequence[LoadEvent]
    stores: Sequence[StoreEvent]


def time_program(program: Program, on_stage: Callable[[], None] = lambda: None) -> Timeline:
    """Return the timeline of a program on the reference memory of its configuration.

    `on_stage` is called when a stage has been timed.
    """
    walk = Walk(program).run(on_stage)
    traffic = traffic_by_stage(program)
    stored = {event.stage: event.done_cycle for event in walk.store_events}
    begins = _first_issues(walk.tiles)
    stages: list[StageTime] = []
    start = 0
    for index, tiles in groupby(walk.tiles, key=attrgetter("stage")):
        stage, moved = program.stages[index].stage, traffic[index].bytes
        end = min(stored[index], begins.get(index + 1, stored[index]))
        busy, waiting = _busy_and_waiting(tiles, start, end)
        least = roofline(stage, program.config, moved.read, moved.features_written)
        spent = busy, waiting, least, traffic[index]
        stages.append(StageTime(stage, start, end, stored[index], *spent))
        start = end
    events = walk.tiles, walk.reads.events, walk.store_events
    return Timeline(program.config, tuple(stages), walk.end_cycle, *events)


def joined(timelines: Sequence[Timeline]) -> Timeline:
    """Return the timeline of programs that run one after the other."""
    first, *others = timelines
    if not others:
        return first
    stages: list[StageTime] = []
    tiles, loads, stores = EventLog(TileEvent), EventLog(LoadEvent), EventLog(StoreEvent)
    cycles = 0
    for timeline in timelines:
        before = len(stages)
        for tile in timeline.tiles:
            tiles.add(tile.moved(before, cycles))
        for load in timeline.loads:
            loads.add(load.moved(before, cycles))
        for store in timeline.stores:
            stores.add(store.moved(before, cycles))
        stages += (
            replace(
                time,
                start_cycle=time.start_cycle + cycles,
                end_cycle=time.end_cycle + cycles,
                stored_cycle=time.stored_cycle + cycles,
            )
            for time in timeline.stages
        )
        cycles += timeline.cycles
    return Timeline(first.config, tuple(stages), cycles, tiles, loads, stores)


def _first_issues(tiles: Iterable[TileEvent]) -> dict[int, int]:
    """Return the cycle in which each stage's first tile begins on the array."""
    found: dict[int, int] = {}
    for tile in tiles:
        found.setdefault(tile.stage, tile.issue_start)
    return found


def _busy_and_waiting(
    tiles: Iterable[TileEvent], start: int, end: int
) -> tuple[int, dict[str, int]]:
    """Return the busy cycles of a stage, and its other cycles by the reason for waiting."""
    busy, last = 0, start
    waiting: Counter[str] = Counter()
    for tile in tiles:
        busy += tile.busy_cycles
        waiting[tile.waited_for] += tile.issue_end - last - tile.busy_cycles
        last = tile.issue_end
    waiting["finish"] += end - last
    return busy, {name: cycles for name, cycles in sorted(waiting.items()) if cycles}
