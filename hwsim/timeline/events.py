"""The events of the timeline: every load, tile and store, in cycles from the start pulse."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar, get_type_hints, overload

from hwsim.isa.fields import Destination, StoreDestination


class LoadEvent(NamedTuple):
    """The words of one LOAD, or of the fetch of the first page, on the bus."""

    stage: int
    destination: Destination
    first_cycle: int  # first beat on the bus
    last_cycle: int  # the cycle after the last beat
    beats: int

    def moved(self, stages: int, cycles: int) -> "LoadEvent":
        """Return the event of a later stage, so many cycles later."""
        return self._replace(
            stage=self.stage + stages,
            first_cycle=self.first_cycle + cycles,
            last_cycle=self.last_cycle + cycles,
        )


class TileEvent(NamedTuple):
    """One COMPUTE: its issue on the array, then its drain."""

    stage: int
    issue_start: int
    issue_end: int
    busy_cycles: int  # cycles of the issue in which a pixel entered the array
    waited_for: str  # the reason for the array's idle cycles before and within the tile
    drain_start: int
    drain_end: int

    def moved(self, stages: int, cycles: int) -> "TileEvent":
        """Return the event of a later stage, so many cycles later."""
        return self._replace(
            stage=self.stage + stages,
            issue_start=self.issue_start + cycles,
            issue_end=self.issue_end + cycles,
            drain_start=self.drain_start + cycles,
            drain_end=self.drain_end + cycles,
        )


class StoreEvent(NamedTuple):
    """The words of one STORE on the bus, or on their way into the feature buffer."""

    stage: int
    destination: StoreDestination
    first_cycle: int  # first beat on the bus, or first word written
    last_cycle: int  # the cycle after the last one
    done_cycle: int  # last response, or last word written
    beats: int

    def moved(self, stages: int, cycles: int) -> "StoreEvent":
        """Return the event of a later stage, so many cycles later."""
        return self._replace(
            stage=self.stage + stages,
            first_cycle=self.first_cycle + cycles,
            last_cycle=self.last_cycle + cycles,
            done_cycle=self.done_cycle + cycles,
        )


Event = TypeVar("Event", bound=tuple[Any, ...])

MOST_NEWEST = 64  # events that are moved to the columns together, which is faster than one by one


class EventLog(Sequence[Event]):
    """Events in the order in which they were added.

    A program has millions of them. All but the newest are kept in columns, with eight bytes per
    member, which takes a sixth of the memory of as many tuples.
    """

    def __init__(self, kind: type[Event]) -> None:
        self._event: Callable[..., Event] = kind
        self._columns: list[Any] = [
            array("q") if hint is int else [] for hint in get_type_hints(kind).values()
        ]
        self._newest: list[Event] = []  # those that are not in the columns yet

    def add(self, event: Event) -> None:
        """Append an event."""
        if len(self._newest) == MOST_NEWEST:
            self._settle()
        self._newest.append(event)

    def last(self) -> Event:
        """Return the event that was added last."""
        return self._newest[-1] if self._newest else self[-1]

    def replace_last(self, event: Event) -> None:
        """Replace the event that was added last."""
        if self._newest:
            self._newest[-1] = event
        else:
            for column, value in zip(self._columns, event, strict=True):
                column[-1] = value

    def _settle(self) -> None:
        """Move the newest events to the columns."""
        if self._newest:
            for column, values in zip(self._columns, zip(*self._newest, strict=True), strict=True):
                column.extend(values)
            self._newest.clear()

    def __len__(self) -> int:
        return len(self._columns[0]) + len(self._newest)

    def __iter__(self) -> Iterator[Event]:
        self._settle()
        return map(self._event, *self._columns)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> list[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | list[Event]:
        self._settle()
        found = [column[index] for column in self._columns]
        return list(map(self._event, *found)) if isinstance(index, slice) else self._event(*found)
