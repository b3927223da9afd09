"""The read channel of a memory whose directions share its bandwidth; writes go first."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from hwsim.arch.config import Config
from hwsim.isa.descriptor import Load
from hwsim.isa.fields import Destination
from hwsim.timeline.burst_train import BurstTrain
from hwsim.timeline.bursts import Bursts
from hwsim.timeline.read_channel import ReadChannel
from hwsim.timeline.writes import Writes


class _NewestLoad(NamedTuple):
    """The load that was timed last, and the state of bus and load unit before it."""

    load: Load
    bursts: Bursts
    begins: int
    address: int  # cycle of its first address on the bus
    unit_free: int
    busy: int  # time since which the bus had been busy
    free: int  # time from which on it was free
    addresses: list[int]
    answered: list[int]


class SharedReadChannel(ReadChannel):
    """A read channel whose beats go around those of writes.

    A write is known before most loads that meet it are timed, as loads are timed only when somebody
    asks for their words. The newest load may be timed already, and is timed once more then. Loads
    before it are not: the bus is free later by the time of the write.
    """

    def __init__(self, config: Config, computes: Sequence[int], stores: Sequence[int]) -> None:
        super().__init__(config, computes, stores)
        self._writes: Writes = Writes()
        self._is_late_burst_alone = False  # it pushes those behind it into writes
        self._newest_load: _NewestLoad | None = None

    def write(self, offered: int, free: int, ticks: int) -> int:
        """Return the time at which a write begins; reads wait from then on until its end.

        Nothing is read between two writes if the second waits for the first.
        """
        begin = free if offered < free else self._end_of_beat(offered)
        end = begin + ticks
        if end > self._busy_since:
            self._writes.add(offered, begin, end)
            if begin < self._data_free:
                self._push(begin, end)
        return begin

    def _push(self, begin: int, end: int) -> None:
        """Time the newest load once more, around a write that begins before the load's end."""
        newest = self._newest_load
        if newest is None:  # the first page
            self._data_free += end - max(begin, self._busy_since)
            return
        if self._busy_since < newest.free and begin < newest.free:  # loads before it are late, too
            newest = newest._replace(free=newest.free + end - max(begin, self._busy_since))
        self._newest_load = newest
        self._unit_free, self._busy_since, self._data_free = (
            newest.unit_free,
            newest.busy,
            newest.free,
        )
        self._addresses, self._answered = newest.addresses, newest.answered
        train = self._train(newest.bursts, newest.address)
        self._record_bursts(newest.begins, newest.bursts, train)
        self._replace_words(newest.load, newest.bursts, train)
        cycle_ticks = self._cycle_ticks
        first, last = -(-train.first_beat // cycle_ticks), -(-self._data_free // cycle_ticks)
        event = self.events.last()._replace(first_cycle=first, last_cycle=last)
        self.events.replace_last(event)

    def _replace_words(self, load: Load, bursts: Bursts, train: BurstTrain) -> None:
        """Record anew when the words of the newest load are there, as far as nobody has asked."""
        if load.destination == Destination.PROGRAM:
            cycles = self._page_cycles(bursts, train)
            left = min(len(self._descriptors), len(cycles))
            for _ in range(left):
                self._descriptors.pop()
            self._descriptors.extend(cycles[len(cycles) - left :])
            return
        if load.destination == Destination.FEATURES:
            self._chunks.take_back(load.blocks)
        else:
            self._weights.take_back(load.row_words)
            self._arrivals.clear()
        self._add_words(load, bursts, train)

    def _time_next(self) -> None:
        """Time the next load, and keep what it takes to time it once more."""
        self._settle_weights()
        load, _, _, bursts = self._pending[0]
        before = self._unit_free, self._busy_since, self._data_free
        addresses, answered = self._addresses, self._answered
        super()._time_next()
        assert self._newest is not None
        timed = load, bursts, self.begun[-1], self._newest.addresses[0]
        self._newest_load = _NewestLoad(*timed, *before, addresses, answered)

    def _end_of_beat(self, time: int) -> int:
        """Return when the beat ends that is read at a time, or the time if there is none.

        A write that is offered just when a beat begins waits for that one, too.
        """
        free, beat_ticks, newest = self._data_free, self._beat_ticks, self._newest
        pauses = newest is not None and newest.has_gaps and newest.first_beat <= time
        if self._busy_since <= time < free and not pauses:
            return time + (free - time - 1) % beat_ticks + 1
        train = self._train_at(time) if time >= free else newest if pauses else None
        if train is not None:
            number = bisect_right(range(train.bursts), time, key=train.start) - 1
            if time < train.end(number + 1):
                return time + beat_ticks - (time - train.start(number)) % beat_ticks
        return time

    def _train_at(self, time: int) -> BurstTrain | None:
        """Time the loads that end before a time; return the bursts of one that is read then."""
        while self._pending and not self._needs_future_room(self._pending[0][0]):
            train = self._coming()[2]
            if train.first_beat > time:
                return None
            if train.end(train.bursts) > time:
                return train
            self._time_next()
        return None
