"""The times at which the bursts of one load cross the bus."""

from collections.abc import Sequence
from dataclasses import dataclass

from hwsim.arch import pipeline

ROUNDING = 1e-6  # more than the floating-point error in a sum of average burst lengths


@dataclass(frozen=True)
class Pace:
    """The limits that the bus and the read manager set to bursts."""

    latency_cycles: int
    outstanding: int  # bursts that may be unanswered
    cycles_per_beat: int


class BurstTrain:
    """The bursts of one load. Each takes `cycles` on the bus, the last one `last_cycles`.

    The first address may be on the bus in cycle `address`, the first beat in cycle `data_free`.
    `answered` has the cycles of the last beats of the `outstanding` bursts before this load.

    A *round* is as many bursts as may be unanswered. Simulate the first round of bursts; if
    responses limit the rate, simulate one more round, then repeat it. If they do not, bursts
    follow each other without a gap.

    With `lengths`, the cycles of every burst, all of them are simulated, and `cycles` is their
    average.
    """

    def __init__(
        self,
        pace: Pace,
        bursts: int,
        cycles: float,
        last_cycles: float,
        address: int,
        data_free: int,
        answered: Sequence[int],
        lengths: Sequence[float] = (),
    ):
        self._pace, self._bursts, self._cycles = pace, bursts, cycles
        self._shorter = cycles - last_cycles
        round_bursts = pace.outstanding
        # From a burst's last beat to the last beat of the burst that was waiting for its answer.
        turnaround = pipeline.READ_SLOT + pace.latency_cycles + cycles - pace.cycles_per_beat
        self._period = max(turnaround, round_bursts * cycles)
        followed = round_bursts if turnaround <= round_bursts * cycles else 2 * round_bursts
        starts: list[float] = []  # cycle of the first beat
        addresses: list[int] = []
        latency, to_slot = pace.latency_cycles, pipeline.READ_SLOT  # local, as this loop is hot
        to_last_beat = ROUNDING - pace.cycles_per_beat
        self._lengths: Sequence[float] = lengths or [cycles] * min(bursts, followed)
        start: float = data_free
        for number, length in enumerate(self._lengths):
            last_beat = (
                answered[number]
                if number < round_bursts
                else int(
                    starts[number - round_bursts]
                    + self._lengths[number - round_bursts]
                    + to_last_beat
                )
            )
            address = max(address, last_beat + to_slot)
            start = max(start, address + latency)
            addresses.append(address)
            starts.append(start)
            address += 1
            start += length
        self._starts, self.addresses = starts, addresses

        self.first_beat = self.start(0)
        self.has_gaps = (
            self._starts[-1] > self._starts[0] + sum(self._lengths[:-1]) + ROUNDING
            or self._period > round_bursts * cycles
        )

    def start(self, number: int) -> int:
        """Return the cycle of the first beat of burst `number`, from 0."""
        return int(self._start(number) + ROUNDING)

    def end(self, count: int) -> int:
        """Return the cycle after the last beat of the first `count` bursts."""
        shorter = self._shorter if count == self._bursts else 0.0
        length = self._lengths[count - 1] if count <= len(self._lengths) else self._cycles
        return int(self._start(count - 1) + length - shorter + ROUNDING)

    def _start(self, number: int) -> float:
        if number < len(self._starts):
            return self._starts[number]
        round_bursts = self._pace.outstanding
        if len(self._starts) == round_bursts:
            return self._starts[-1] + (number - round_bursts + 1) * self._cycles
        periods, place = divmod(number - round_bursts, round_bursts)
        return self._starts[round_bursts + place] + periods * self._period

    def address(self, number: int) -> int:
        """Return the earliest cycle in which the address of burst `number` is on the bus."""
        if number < len(self.addresses):
            return self.addresses[number]
        freed = self.end(number + 1 - self._pace.outstanding) - self._pace.cycles_per_beat
        return max(
            self.addresses[-1] + number + 1 - len(self.addresses), freed + pipeline.READ_SLOT
        )

    def answered(self, before: Sequence[int]) -> list[int]:
        """Return the cycles of the last beats of the newest `outstanding` bursts.

        If this load has fewer bursts, the others are the last of `before`.
        """
        own = range(max(self._bursts - self._pace.outstanding, 0), self._bursts)
        ends = [self.end(number + 1) - self._pace.cycles_per_beat for number in own]
        return [*before[len(ends) :], *ends]
