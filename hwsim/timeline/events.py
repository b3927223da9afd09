"""What the timeline records of every load, tile and store, in cycles from the start pulse."""

from typing import NamedTuple

from hwsim.isa.fields import Destination


class LoadEvent(NamedTuple):
    """One LOAD, or the fetch of the first page."""

    layer: int
    destination: Destination
    first_cycle: int  # first beat on the bus
    last_cycle: int  # the cycle after the last beat
    beats: int


class TileEvent(NamedTuple):
    """One COMPUTE: issue on the array, then drain."""

    layer: int
    issue_start: int
    issue_end: int
    busy_cycles: int  # cycles of the issue in which a pixel entered the array
    waited_for: str  # what kept the array idle before and within the tile, if anything
    drain_start: int
    drain_end: int


class StoreEvent(NamedTuple):
    layer: int
    first_cycle: int  # first beat on the bus
    last_cycle: int  # the cycle after the last beat
    done_cycle: int  # last response
    beats: int
