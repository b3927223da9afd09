"""Runs of words become the right bursts, in the right cycles (Amaranth simulator)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from amaranth.lib import data

from hwsim.arch.config import load_config
from hwsim.isa.error_codes import ErrorCode
from hwsim.rtl.memory.bursts import Bursts
from tests.streams import Each, Sink, Source, step
from tests.test_rtl_runs import exceeds_bursts, expected_limit

CONFIG = load_config("nano")
WORD = CONFIG.word_bytes
TAG = data.StructLayout({"source": 26})


def expected_bursts(runs: dict[str, int]) -> list[tuple[int, int, bool, bool, bool]]:
    """Return each burst: address, beats, and if it is the last of its run, block, and all."""
    bursts = []
    for block in range(runs["blocks"]):
        for row in range(runs["rows"]):
            address = runs["address"] + block * runs["block_stride_bytes"]
            address += row * runs["row_stride_bytes"]
            left = runs["row_words"]
            while left:
                beats = min(left, expected_limit(address, CONFIG))
                left -= beats
                run_ends = left == 0
                block_ends = run_ends and row == runs["rows"] - 1
                ends = block_ends and block == runs["blocks"] - 1
                bursts.append((address, beats, run_ends, block_ends, ends))
                address += beats * WORD
    return bursts


class Flow:
    """The earliest cycles in which bursts can go through walker, cutter and guard.

    The guard takes a burst unless it has two as the cycle begins.
    """

    def __init__(self) -> None:
        self.walker_free = 0  # first cycle in which the next descriptor can be taken
        self._run_there = 0  # in the walker
        self._burst_there = 0  # in the cutter
        self._entered = -1  # the burst before came into the guard in this cycle,
        self._passed = -1  # in front of the bus in the next, or later,
        self._left = -1  # and out

    def take(self, cycle: int, tokens: int = 0) -> None:
        """Record a descriptor that is accepted in `cycle` and has its tokens in `tokens`."""
        self._run_there = max(cycle, tokens) + 1

    def begin_run(self) -> None:
        """Move the next run out of the walker, when the cutter is empty and the guard accepts."""
        self.walker_free = max(self._run_there, self._entered)
        if self._entered < self.walker_free <= self._passed:
            self.walker_free = self._passed + 1
        self._run_there = self._burst_there = self.walker_free + 1

    def at_hand(self) -> int:
        """Return the first cycle in which the run's next burst is offered to the bus."""
        had_two = self._passed > self._entered
        self._entered = max(self._burst_there, self._passed + had_two)
        self._passed = max(self._entered, self._left)
        self._burst_there = self._entered + 1
        return self._passed + 1

    def leave(self, cycle: int) -> None:
        """Record that the burst is accepted in this cycle."""
        self._left = cycle


def assert_in_first_cycles(
    descriptors: Sequence[dict[str, int]],
    source: Source,
    sink: Sink,
    met: Sequence[int] | None = None,
    may_go: Callable[[int, int, int], bool] = lambda *_: True,
) -> None:
    """Check that descriptors are accepted and bursts are offered in the earliest legal cycle.

    `met` are the cycles in which tokens came; a burst of a descriptor waits for `may_go`.
    """
    flow = Flow()
    number = 0
    for index, descriptor in enumerate(descriptors):
        taken = max(source.offered[index], flow.walker_free)
        assert source.taken[index] == taken, f"descriptor {index}"
        flow.take(taken, met[index] if met else 0)
        run_begins = True
        for _, beats, ends_run, _, _ in expected_bursts(descriptor):
            if run_begins:
                flow.begin_run()
            run_begins = ends_run
            cycle = flow.at_hand()
            while not may_go(index, beats, cycle):
                cycle += 1
            assert sink.offered[number] == cycle, f"descriptor {index}, burst {number}"
            flow.leave(sink.taken[number])
            number += 1


def assert_stands(faults: list[tuple[int, int, int]], code: ErrorCode, source: int) -> None:
    """Check that the fault came soon after the last accepted burst, and stayed."""
    cycles = [cycle for cycle, _, _ in faults]
    assert cycles == [*range(cycles[0], cycles[0] + len(cycles))]
    assert 55 <= len(cycles) <= 60
    assert {fault[1:] for fault in faults} == {(code, source)}


def drawn_run(rng: np.random.Generator, number: int) -> dict[str, Any]:
    address = int(rng.integers(0, 1 << 29)) * WORD
    words = int(rng.choice([1, 15, 16, 17, 32, 33, int(rng.integers(1, 700))]))
    return {
        "address": address,
        "words": words,
        "is_long": exceeds_bursts(words, CONFIG),
        "limit": expected_limit(address, CONFIG),
        "last_of_block": int(rng.integers(0, 2)),
        "last": int(rng.integers(0, 2)),
        "place": int(rng.integers(0, 1 << 20)),
        "in_buffer": int(rng.integers(0, 2)),
        "tag": {"source": number},
    }


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("idle", "stall"), [(0.0, 0.0), (0.0, 0.6), (0.9, 0.0), (0.4, 0.4)])
def test_bursts_follow_the_rules_without_a_gap(idle: float, stall: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    runs = [drawn_run(rng, number) for number in range(60)]
    expected = [
        [
            {
                "address": address % (1 << 32),
                "beats": beats,
                "last_of_block": run["last_of_block"] * ends,
                "last": run["last"] * ends,
                "place": run["place"] + (address - run["address"]) // WORD,
                "end": run["place"] + (address - run["address"]) // WORD + beats,
                "in_buffer": run["in_buffer"],
                "tag": run["tag"],
            }
            for address, beats, ends, _, _ in expected_bursts(
                {
                    "address": run["address"],
                    "row_words": run["words"],
                    "rows": 1,
                    "blocks": 1,
                    "row_stride_bytes": 0,
                    "block_stride_bytes": 0,
                }
            )
        ]
        for run in runs
    ]
    bursts = [burst for of_run in expected for burst in of_run]
    assert any(burst["beats"] < 16 and not burst["last"] for burst in bursts)  # 4 KiB cut some
    dut = Bursts(CONFIG, TAG)
    source, sink = Source(dut.i, runs, rng, idle), Sink(dut.o, rng, stall)
    ready: list[int] = []

    def note(ctx: Any, cycle: int) -> None:
        if ctx.get(dut.o.ready):
            ready.append(cycle)

    step(
        dut,
        [source, sink, Each(sample=note)],
        lambda: len(sink.taken) == len(bursts),
        further_cycles=10,
    )
    assert sink.payloads == bursts
    number, before = 0, 0
    for offered, taken, of_run in zip(source.offered, source.taken, expected, strict=True):
        first = max(offered, before)
        assert taken == next(cycle for cycle in ready if cycle >= first)
        before = taken
        for _ in of_run:
            assert sink.offered[number] == before + Bursts.LATENCY
            before = sink.taken[number]
            number += 1
