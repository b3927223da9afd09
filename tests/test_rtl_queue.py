"""The queue before a unit keeps its order and its cycles (Amaranth simulator)."""

import numpy as np
import pytest
from amaranth.lib import data

from hwsim.rtl.primitives.queue import Queue
from tests.streams import Each, Sink, Source, step

SHAPE = data.StructLayout({"low": 7, "high": 24})


def payloads(count: int, rng: np.random.Generator) -> list[dict[str, int]]:
    return [{"low": n % 128, "high": int(rng.integers(0, 1 << 24))} for n in range(count)]


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("stall", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("idle", [0.0, 0.3, 0.9])
def test_all_come_out_in_order(idle: float, stall: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    dut = Queue(SHAPE, 8)
    source = Source(dut.i, payloads(200, rng), rng, idle)
    sink = Sink(dut.o, rng, stall)
    step(dut, [source, sink], lambda: len(sink.taken) == 200, further_cycles=10)
    assert sink.payloads == source.payloads
    if stall == 0:  # each goes straight through, also one per cycle
        assert sink.offered == [cycle + Queue.LATENCY for cycle in source.taken]
    if idle == stall == 0:
        assert source.taken == list(range(200))


@pytest.mark.parametrize("depth", [3, 8])
def test_a_full_queue_takes_one_the_cycle_after_one_left(depth: int) -> None:
    rng = np.random.default_rng(depth)
    dut = Queue(SHAPE, depth)
    source = Source(dut.i, payloads(3 * depth, rng), rng)
    sink = Sink(dut.o, rng)
    left = [20, 21, 25]  # two in a row, and one alone

    def hold(_ctx: object, cycle: int) -> None:
        sink.hold = cycle not in left

    step(dut, [Each(drive=hold), source, sink], lambda: len(sink.taken) == 3, further_cycles=5)
    assert sink.payloads == source.payloads[:3]
    assert sink.taken == left
    assert source.taken == [*range(depth), *(cycle + 1 for cycle in left)]
