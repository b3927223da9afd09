"""The burst guard passes legal bursts in their cycles and keeps illegal ones."""

from typing import Any

import numpy as np
import pytest

from hwsim.arch.config import load_config
from hwsim.isa.error_codes import ErrorCode
from hwsim.rtl.memory.burst_guard import BurstGuard
from hwsim.rtl.memory.bursts import burst_layout
from tests.streams import Each, Sink, Source, step
from tests.test_rtl_bursts import TAG

WORDS = 1000
WINDOWS = [(5, 9), (0x20, 0x20)]
LAYOUT = burst_layout(load_config("nano"), TAG)


def drawn_burst(rng: np.random.Generator, number: int) -> dict[str, Any]:
    """Return a legal burst, up to the last page of a window and up to the last word."""
    beats = int(rng.integers(1, 17))
    last = WORDS - beats
    in_buffer = int(rng.integers(0, 2))
    place = int(rng.choice([0, last, int(rng.integers(0, last))])) if in_buffer else 1 << 21
    return {
        "address": int(rng.choice([5, 9, 0x20, 7])) << 12 | int(rng.integers(0, 512)) << 3,
        "beats": beats,
        "last_of_block": int(rng.integers(0, 2)),
        "last": int(rng.integers(0, 2)),
        "place": place,
        "end": place + beats,
        "in_buffer": in_buffer,
        "tag": {"source": 0x2000000 + number},
    }


class Bench:
    def __init__(self, bursts: list[dict[str, Any]], seed: int, idle: float, stall: float):
        rng = np.random.default_rng(seed)
        self.dut = BurstGuard(LAYOUT, len(WINDOWS), WORDS, ErrorCode.WRITE_WINDOW)
        self.source = Source(self.dut.i, bursts, rng, idle)
        self.sink = Sink(self.dut.o, rng, stall)
        self.faults: list[tuple[int, int]] = []

    def run(self, count: int) -> None:
        step(
            self.dut,
            [Each(self._drive, self._sample), self.source, self.sink],
            lambda: len(self.sink.taken) == count,
            further_cycles=40,
        )

    def _drive(self, ctx: Any, _cycle: int) -> None:
        for window, (base, limit) in zip(self.dut.windows, WINDOWS, strict=True):
            ctx.set(window.base, base)
            ctx.set(window.limit, limit)

    def _sample(self, ctx: Any, _cycle: int) -> None:
        code = ctx.get(self.dut.fault.code)
        if code != ErrorCode.NONE:
            self.faults.append((ErrorCode(code), ctx.get(self.dut.fault.source)))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("idle", "stall"), [(0.0, 0.0), (0.0, 0.6), (0.6, 0.0), (0.4, 0.4)])
def test_what_may_go_goes_as_it_came(idle: float, stall: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bursts = [drawn_burst(rng, number) for number in range(150)]
    bench = Bench(bursts, seed, idle, stall)
    bench.run(len(bursts))
    assert bench.sink.payloads == bursts
    assert not bench.faults
    taken, left = bench.source.taken, bench.sink.taken
    passed = [-1]  # in front of the bus in the next cycle
    for number, cycle in enumerate(taken):
        passed.append(max(cycle, left[number - 1] if number else 0))
        assert bench.sink.offered[number] == passed[-1] + BurstGuard.LATENCY
        # It is taken at once, unless there are two as the cycle begins.
        had_two = number > 0 and passed[-2] > taken[number - 1]
        assert cycle == max(bench.source.offered[number], passed[-2] + had_two)
    if idle == stall == 0:
        assert left == [*range(1, len(bursts) + 1)]


@pytest.mark.parametrize("stall", [0.0, 0.7])
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"address": 0x4FF8}, ErrorCode.WRITE_WINDOW),
        ({"address": 0xA000}, ErrorCode.WRITE_WINDOW),
        ({"address": 0xFFFFF000}, ErrorCode.WRITE_WINDOW),
        ({"address": 0xA000, "end": WORDS + 16, "in_buffer": 1}, ErrorCode.WRITE_WINDOW),
        ({"end": WORDS + 1, "in_buffer": 1}, ErrorCode.BUFFER),
        ({"end": (1 << 22) - 1, "in_buffer": 1}, ErrorCode.BUFFER),
        ({"end": 1 << 22, "in_buffer": 1}, ErrorCode.BUFFER),
    ],
    ids=str,
)
def test_what_may_not_go_stays_as_the_fault(
    change: dict[str, int], code: ErrorCode, stall: float
) -> None:
    rng = np.random.default_rng(7)
    bursts = [drawn_burst(rng, number) for number in range(20)]
    bursts[9] |= change
    bench = Bench(bursts, 7, 0.2, stall)
    bench.run(9)
    assert bench.sink.payloads == bursts[:9]
    assert bench.sink.standing is None
    assert set(bench.faults) == {(code, bursts[9]["tag"]["source"])}
    assert len(bench.faults) >= 39
