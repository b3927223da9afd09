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
        to_last_beat = cycles + ROUNDING - pace.cycles_per_beat
        start: float = data_free
        for number in range(min(bursts, followed)):
            last_beat = (
                answered[number]
                if number < round_bursts
                else int(starts[number - round_bursts] + to_last_beat)
            )
            address = max(address, last_beat + to_slot)
            start = max(start, address + latency)
            addresses.append(address)
            starts.append(start)
            address += 1
            start += cycles
        self._starts, self.addresses = starts, addresses

        steps = len(self._starts) - 1
        self.first_beat = self.start(0)
        self.has_gaps = (
            self._starts[-1] > self._starts[0] + steps * cycles + ROUNDING
            or self._period > round_bursts * cycles
        )

    def start(self, number: int) -> int:
        """Return the cycle of the first beat of burst `number`, from 0."""
        return int(self._start(number) + ROUNDING)

    def end(self, count: int) -> int:
        """Return the cycle after the last beat of the first `count` bursts."""
        shorter = self._shorter if count == self._bursts else 0.0
        return int(self._start(count - 1) + self._cycles - shorter + ROUNDING)

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
        last = self._bursts - 1
        own = range(max(self._bursts - self._pace.outstanding, 0), last)
        from_start = self._cycles + ROUNDING
        ends = [int(self._start(number) + from_start) for number in own]
        ends.append(self.end(self._bursts))
        cycles_per_beat = self._pace.cycles_per_beat
        return [*before[len(ends) :], *(end - cycles_per_beat for end in ends)]
