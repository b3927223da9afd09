"""The transfers over the bus, and the greatest bandwidth among them.

A transfer's bytes are spread evenly from its first beat to its last. That is exact if the memory
keeps the bus full, and an average if bursts wait for room.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hwsim.arch.config import Config
from hwsim.isa.fields import StoreDestination
from hwsim.program.program import Traffic
from hwsim.program.traffic import LOADED
from hwsim.timeline import Timeline

WINDOW_CYCLES = 1024


class Transfer(NamedTuple):
    """One load or store on the bus, from its first beat to the cycle after its last."""

    layer: int
    traffic: Traffic
    first_cycle: int
    last_cycle: int
    size_bytes: int


def bus_transfers(timeline: Timeline) -> list[Transfer]:
    """Return the transfers of the first page, of every load, then of every store, in order."""
    word = timeline.config.word_bytes
    return [
        Transfer(
            event.stage,
            LOADED[event.destination],
            event.first_cycle,
            event.last_cycle,
            event.beats * word,
        )
        for event in timeline.loads
    ] + [
        Transfer(
            event.stage,
            Traffic.FEATURES_WRITTEN,
            event.first_cycle,
            event.last_cycle,
            event.beats * word,
        )
        for event in timeline.stores
        if event.destination == StoreDestination.MEMORY
    ]


def peak_window_bytes(transfers: Sequence[Transfer]) -> float:
    """Return the most bytes that cross the bus in one of the successive windows of a frame.

    A window has `WINDOW_CYCLES`. Rates change only when a transfer begins or ends. So it is enough
    to look at the windows in which that happens, and at the window after each of them.
    """
    first = np.array([transfer.first_cycle for transfer in transfers], float)
    last = np.array([transfer.last_cycle for transfer in transfers], float)
    rate = np.array(
        [
            transfer.size_bytes / (transfer.last_cycle - transfer.first_cycle)
            for transfer in transfers
        ]
    )
    cycles = np.concatenate([first, last])
    order = np.argsort(cycles, kind="stable")
    bytes_per_cycle = np.cumsum(np.concatenate([rate, -rate])[order])
    cycles = cycles[order]
    crossed = np.concatenate([[0.0], np.cumsum(bytes_per_cycle[:-1] * np.diff(cycles))])
    changing = cycles // WINDOW_CYCLES
    starts = np.unique(np.concatenate([changing, changing + 1])) * WINDOW_CYCLES
    ends = np.interp(starts + WINDOW_CYCLES, cycles, crossed)
    return float((ends - np.interp(starts, cycles, crossed)).max())


def bus_bytes_per_cycle(config: Config) -> float:
    """Return the most bytes per cycle on memory and bus, with reads and writes at the same time."""
    directions = 1 if config.memory.shared else 2
    return directions * config.beats_per_cycle * config.bus.bus_bits / 8
