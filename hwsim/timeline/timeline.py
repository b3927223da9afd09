"""The timeline of a program: the times of its stages, tiles, loads and stores."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
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
        """The cycles from start to end, without those of stages whose bands come between."""
        return self.busy_cycles + sum(self.waiting_cycles.values())


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
    spent = _spent(walk.tiles, stored)
    stages: list[StageTime] = []
    for index, part in enumerate(program.stages):
        own, moved = spent[index], traffic[index].bytes
        least = roofline(part.stage, program.config, moved.read, moved.features_written)
        stages.append(
            StageTime(
                part.stage,
                own.start,
                own.end,
                stored[index],
                own.busy,
                {name: cycles for name, cycles in sorted(own.waiting.items()) if cycles},
                least,
                traffic[index],
            )
        )
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


@dataclass
class _Spent:
    """The cycles of a stage, run by run: its tiles in a row are a run."""

    start: int
    end: int = 0
    busy: int = 0
    waiting: Counter[str] = field(default_factory=Counter[str])


def _spent(tiles: Iterable[TileEvent], stored: dict[int, int]) -> dict[int, _Spent]:
    """Return the cycles of each stage: every cycle up to the last end belongs to one.

    A run ends with its last tile. The last one of a stage ends when its output is stored or, if the
    next run begins before, with that.
    """
    runs: list[tuple[int, int, int]] = []  # stage, begin of the first tile, end of the last one
    for tile in tiles:
        if runs and runs[-1][0] == tile.stage:
            runs[-1] = (tile.stage, runs[-1][1], tile.issue_end)
        else:
            runs.append((tile.stage, tile.issue_start, tile.issue_end))
    last_runs = {stage: number for number, (stage, _, _) in enumerate(runs)}
    found: dict[int, _Spent] = {}
    start = 0
    for number, (stage, own) in enumerate(groupby(tiles, key=attrgetter("stage"))):
        end = runs[number][2]
        if last_runs[stage] == number:
            following = runs[number + 1][1] if number + 1 < len(runs) else None
            end = stored[stage] if following is None else min(stored[stage], following)
        spent = found.setdefault(stage, _Spent(start))
        _add_run(spent, own, start, end)
        spent.end = start = end
    return found


def _add_run(spent: _Spent, tiles: Iterable[TileEvent], start: int, end: int) -> None:
    """Add the busy cycles of tiles in a row, and the other cycles by the reason for waiting."""
    last = start
    for tile in tiles:
        spent.busy += tile.busy_cycles
        spent.waiting[tile.waited_for] += tile.issue_end - last - tile.busy_cycles
        last = tile.issue_end
    spent.waiting["finish"] += end - last
