"""The read channel of a memory whose directions share its bandwidth; writes go first."""

from bisect import bisect_right
from collections.abc import Sequence

from hwsim.arch.config import Config
from hwsim.timeline.burst_train import BurstTrain
from hwsim.timeline.read_channel import ReadChannel
from hwsim.timeline.writes import Writes


class SharedReadChannel(ReadChannel):
    """A read channel whose beats go around those of writes.

    A write is known before the loads that meet it are timed, as loads are timed only when somebody
    asks for their words. Loads that are timed already end later by the time of the write; weights
    of the newest one may wait for room, and are still to go around it.
    """

    def __init__(self, config: Config, computes: Sequence[int], stores: Sequence[int]) -> None:
        super().__init__(config, computes, stores)
        self._writes: Writes = Writes()
        self._is_late_burst_alone = False  # it pushes those behind it into writes

    def write(self, offered: int, free: int, ticks: int) -> int:
        """Return the time at which a write begins; reads wait from then on until its end.

        Nothing is read between two writes if the second waits for the first.
        """
        begin = free if offered < free else self._end_of_beat(offered)
        if begin >= self._data_free:
            self._writes.add(begin, begin + ticks)
        elif begin + ticks > self._busy_since:
            if self._weights_unsettled:
                self._writes.add(begin, begin + ticks)
            end = begin + ticks
            if self._newest is not None and self._newest.has_gaps:
                self._data_free += self._pushed(self._newest, begin, end)
            else:
                self._data_free += end - max(begin, self._busy_since)
        return begin

    def _pushed(self, train: BurstTrain, begin: int, end: int) -> int:
        """Return how much later the newest load ends: not at all, if the write fits into a gap."""
        late = self._data_free - train.end(train.bursts)  # by the writes before
        number = bisect_right(range(train.bursts), begin - late, key=train.start)
        if number and begin - late < train.end(number):
            return end - begin
        return max(end - late - train.start(number), 0) if number < train.bursts else 0

    def _end_of_beat(self, time: int) -> int:
        """Return when the beat ends that is read at a time, or the time if there is none.

        A write that is offered just when a beat begins waits for that one, too.
        """
        free, beat_ticks = self._data_free, self._beat_ticks
        if self._busy_since <= time < free:
            return time + (free - time - 1) % beat_ticks + 1
        train = self._train_at(time) if time >= free else None
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
