"""The timeline of a program: when every layer, tile, load and store happens, and why it waits."""

from collections import Counter
from dataclasses import dataclass

from hwsim.graph import Layer
from hwsim.program.program import Program
from hwsim.program.traffic import LayerTraffic, traffic_by_layer
from hwsim.timeline.events import LoadEvent, StoreEvent, TileEvent
from hwsim.timeline.roofline import Roofline, roofline
from hwsim.timeline.walk import Walk


@dataclass(frozen=True)
class LayerTime:
    """One layer, from the previous layer's last write response to its own.

    `busy_cycles` + the sum of `waiting_cycles` = `cycles`. What the array waits for: features,
    weights, drain (accumulators not rescaled yet), program (descriptors), finish (the last tile's
    way to memory).
    """

    layer: Layer
    start_cycle: int
    end_cycle: int
    busy_cycles: int
    waiting_cycles: dict[str, int]
    roofline: Roofline
    traffic: LayerTraffic

    @property
    def cycles(self) -> int:
        return self.end_cycle - self.start_cycle


@dataclass(frozen=True)
class Timeline:
    """All of a program's events. `cycles` runs from the start pulse to the program's end."""

    program: Program
    layers: tuple[LayerTime, ...]
    cycles: int
    tiles: tuple[TileEvent, ...]
    loads: tuple[LoadEvent, ...]
    stores: tuple[StoreEvent, ...]


def time_program(program: Program) -> Timeline:
    """Walk a program against its config's reference memory."""
    walk = Walk(program).run()
    traffic = traffic_by_layer(program)
    ends: dict[int, int] = {event.layer: event.done_cycle for event in walk.store_events}
    tiles: dict[int, list[TileEvent]] = {}
    for tile in walk.tiles:
        tiles.setdefault(tile.layer, []).append(tile)
    layers: list[LayerTime] = []
    start = 0
    for index, part in enumerate(program.layers):
        busy, waiting = _busy_and_waiting(tiles[index], start, ends[index])
        layers.append(
            LayerTime(
                part.layer,
                start,
                ends[index],
                busy,
                waiting,
                roofline(
                    part.layer,
                    program.config,
                    traffic[index].bytes.read,
                    traffic[index].bytes.features_written,
                ),
                traffic[index],
            )
        )
        start = ends[index]
    return Timeline(
        program,
        tuple(layers),
        walk.end_cycle,
        tuple(walk.tiles),
        tuple(walk.reads.events),
        tuple(walk.store_events),
    )


def _busy_and_waiting(tiles: list[TileEvent], start: int, end: int) -> tuple[int, dict[str, int]]:
    busy = sum(tile.busy_cycles for tile in tiles)
    waiting: Counter[str] = Counter()
    last = start
    for tile in tiles:
        waiting[tile.waited_for] += tile.issue_end - last - tile.busy_cycles
        last = tile.issue_end
    waiting["finish"] += end - last
    return busy, {name: cycles for name, cycles in sorted(waiting.items()) if cycles}
