"""The times at which the bursts of one load cross the bus.

Times of data are counted in *ticks*, of which so many make a cycle that a beat takes a whole number
of them: with 2.5 cycles per beat, two ticks to a cycle and five to a beat. A beat is on the bus in
the first cycle that does not begin before its time. Addresses and answers have cycles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from hwsim.arch import pipeline
from hwsim.timeline.writes import Writes

ROUNDS_BETWEEN_CYCLES = 4  # that are simulated where a beat may begin within a cycle
ROUNDING = 1e-6  # more than the floating-point error in a sum of average burst lengths


@dataclass(frozen=True)
class Pace:
    """The limits that the bus and the read manager set to bursts."""

    latency_cycles: int
    outstanding: int  # bursts that may be unanswered
    beat_ticks: int
    cycle_ticks: int = 1

    def cycle(self, ticks: int) -> int:
        """Return the first cycle that does not begin before a time."""
        return -(-ticks // self.cycle_ticks)

    def last_beat_cycle(self, end: int) -> int:
        """Return the cycle of the last beat of what ends at a time."""
        return self.cycle(end - self.beat_ticks)


class BurstTrain:
    """The bursts of one load. Each takes `ticks` on the bus, the last one `last_ticks`.

    The first address may be on the bus in cycle `address`, the first beat at the time `data_free`.
    `answered` has the cycles of the last beats of the `outstanding` bursts before this load.

    A *round* is as many bursts as may be unanswered. Simulate the first round of bursts; if
    responses limit the rate, simulate one more round, then repeat it. If they do not, bursts
    follow each other without a gap. Where beats begin within cycles, it takes some more rounds
    until they repeat themselves, and they never do if responses come nearly in time.

    With `lengths`, the ticks of every burst, all of them are simulated, and `ticks` is their
    average. They go around `writes`, if both share the memory.
    """

    def __init__(
        self,
        pace: Pace,
        bursts: int,
        ticks: float,
        last_ticks: float,
        address: int,
        data_free: int,
        answered: Sequence[int],
        lengths: list[float] | None = None,
        writes: Writes | None = None,
    ):
        self.pace, self.bursts, self._ticks = pace, bursts, ticks
        self._shorter = ticks - last_ticks
        round_bursts = pace.outstanding
        # From a burst's last beat to the last beat of the burst that was waiting for its answer.
        wait = (pipeline.READ_SLOT + pace.latency_cycles) * pace.cycle_ticks
        turnaround = wait + ticks - pace.beat_ticks
        followed = round_bursts if turnaround <= round_bursts * ticks else 2 * round_bursts
        if pace.cycle_ticks > 1:
            turnaround = wait + pace.last_beat_cycle(ceil(ticks)) * pace.cycle_ticks
            followed = self._followed(turnaround)
        self._period = max(turnaround, round_bursts * ticks)
        starts: list[float] = []  # time of the first beat
        addresses: list[int] = []
        # Local, as this loop is hot.
        latency, to_slot, cycle_ticks = pace.latency_cycles, pipeline.READ_SLOT, pace.cycle_ticks
        to_last_beat = ROUNDING - pace.beat_ticks
        if not lengths:
            lengths = [ticks] * min(bursts, followed)
            if bursts <= followed:
                lengths[-1] = last_ticks
        start: float = data_free
        for number, unbroken in enumerate(lengths):
            length = unbroken
            if number < round_bursts:
                slot = answered[number] + to_slot
            else:
                before = number - round_bursts
                last_beat = int(starts[before] + lengths[before] + to_last_beat)
                slot = -(-last_beat // cycle_ticks) + to_slot
            address = max(address, slot)
            due = (address + latency) * cycle_ticks
            free, start = start, max(start, due)
            if writes:
                start, to_last_beat_begin = writes.around(start, unbroken - pace.beat_ticks, free)
                lengths[number] = length = to_last_beat_begin + pace.beat_ticks
            addresses.append(address)
            starts.append(start)
            address += 1
            start += length
        self._starts, self._lengths, self.addresses = starts, lengths, addresses

        self.first_beat = self.start(0)
        self.has_gaps = (
            writes is not None
            or starts[-1] > starts[0] + sum(lengths[:-1]) + ROUNDING
            or self._period > round_bursts * ticks
        )

    def _followed(self, turnaround: int) -> int:
        """Return how many bursts to simulate where a beat may begin within a cycle.

        An answer has whole cycles, and so comes up to a cycle later than the beats would let it.
        """
        pace, ticks, cycle = self.pace, self._ticks, self.pace.cycle_ticks
        if turnaround + cycle <= pace.outstanding * ticks:
            return pace.outstanding
        if turnaround >= pace.outstanding * pace.cycle(ceil(ticks)) * cycle:
            return ROUNDS_BETWEEN_CYCLES * pace.outstanding
        return self.bursts  # now and then an answer is late, and delays all that follow

    def start(self, number: int) -> int:
        """Return the time of the first beat of burst `number`, from 0."""
        return int(self._start(number) + ROUNDING)

    def end(self, count: int) -> int:
        """Return the time after the last beat of the first `count` bursts."""
        if count <= len(self._starts):
            return int(self._starts[count - 1] + self._lengths[count - 1] + ROUNDING)
        shorter = self._shorter if count == self.bursts else 0.0
        return int(self._start(count - 1) + self._ticks - shorter + ROUNDING)

    def _start(self, number: int) -> float:
        if number < len(self._starts):
            return self._starts[number]
        round_bursts = self.pace.outstanding
        if len(self._starts) == round_bursts:
            return self._starts[-1] + (number - round_bursts + 1) * self._ticks
        before = len(self._starts) - round_bursts  # the bursts before the newest round
        periods, place = divmod(number - before, round_bursts)
        return self._starts[before + place] + periods * self._period

    def address(self, number: int) -> int:
        """Return the earliest cycle in which the address of burst `number` is on the bus."""
        if number < len(self.addresses):
            return self.addresses[number]
        pace = self.pace
        end = self.end(number + 1 - pace.outstanding)
        freed = -((pace.beat_ticks - end) // pace.cycle_ticks)
        follows = self.addresses[-1] + number + 1 - len(self.addresses)
        return max(follows, freed + pipeline.READ_SLOT)

    def answered(self, before: Sequence[int]) -> list[int]:
        """Return the cycles of the last beats of the newest `outstanding` bursts.

        If this load has fewer bursts, the others are the last of `before`.
        """
        beat, cycle = self.pace.beat_ticks, self.pace.cycle_ticks
        newest = min(self.bursts, self.pace.outstanding)
        if self.bursts <= len(self._starts):
            own = zip(self._starts[-newest:], self._lengths[-newest:], strict=True)
            ends = [int(start + length + ROUNDING) for start, length in own]
        else:
            ends = [self.end(number) for number in range(self.bursts - newest + 1, self.bursts + 1)]
        return [*before[newest:], *(-((beat - end) // cycle) for end in ends)]
