"""The accumulators hold exact sums while the other bank is drained (Amaranth simulator)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator
from numpy.typing import NDArray

from hwsim.arch import pipeline
from hwsim.rtl.arithmetic.accumulators import Accumulators
from hwsim.rtl.arithmetic.lane_sum import sum_bits
from tests.drawn import preset_with

DEPTH, LANES, TILES = 16, 8, 10
CONFIG = preset_with("nano", buffers={"accumulator_depth": DEPTH}, widths={"weight_bits": 4})
SKEW = pipeline.skew(CONFIG)
STEPS = [lane * (SKEW + 1) // LANES for lane in range(LANES)]


@dataclass(frozen=True)
class Sums:
    """The sums that arrive for one pixel, each lane in its own cycle."""

    index: int
    bank: int
    overwrite: bool
    scale: bool
    last: bool
    lanes: NDArray[np.int64]


@dataclass(frozen=True)
class Read:
    bank: int
    index: int
    lanes: NDArray[np.int64]


def planned(seed: int, idle: float) -> tuple[dict[int, Sums], dict[int, Read]]:
    """Return sums and reads by cycle.

    Every tile is drained, and the next begins, as soon as the contract allows. A pixel comes back
    after `REVISIT` cycles at the earliest."""
    rng = np.random.default_rng(seed)
    high = 1 << (sum_bits(CONFIG) - 1)
    sums: dict[int, Sums] = {}
    reads: dict[int, Read] = {}
    drained = [-10, -10]  # last read of each bank
    cycle = Accumulators.READ_LATENCY
    for tile in range(TILES):
        bank = tile % 2
        pixels = int(rng.integers(Accumulators.REVISIT, DEPTH + 1))
        blocks = int(rng.integers(1, 5))
        totals = np.zeros((pixels, LANES), np.int64)
        lower = int(rng.integers(0, blocks))  # the first block of lower limbs, if it is not 0
        # The array's first read must come after the drain's last read.
        cycle = max(cycle, drained[bank] + 1 + Accumulators.READ_LATENCY)
        for block in range(blocks):
            for pixel in range(pixels):
                while rng.random() < idle:
                    cycle += 1
                lanes = rng.integers(-high, high, LANES)
                scale = 0 < block == lower
                totals[pixel] = (totals[pixel] << scale * CONFIG.widths.weight_bits) + lanes
                last = (block, pixel) == (blocks - 1, pixels - 1)
                sums[cycle] = Sums(pixel, bank, block == 0, scale, last, lanes)
                cycle += 1
        read = max(max(reads, default=0) + 1, cycle - 1 + SKEW + Accumulators.WRITE_LATENCY)
        for index in rng.permutation(pixels):
            reads[read] = Read(bank, int(index), totals[index])
            drained[bank] = read
            read += 1
    return sums, reads


@pytest.mark.parametrize("idle", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_tiles_add_up_and_drain_exactly(seed: int, idle: float) -> None:
    dut = Accumulators(CONFIG)
    sums, reads = planned(seed, idle)
    rng = np.random.default_rng(seed)
    latency = Accumulators.READ_LATENCY
    revisits: dict[tuple[int, int], int] = {}
    for cycle, given in sums.items():
        place = (given.bank, given.index)
        assert cycle - revisits.get(place, -100) >= Accumulators.REVISIT  # the plan is fair
        revisits[place] = cycle

    def give(ctx: Any, cycle: int) -> None:
        payload, given = dut.i.payload, sums.get(cycle)
        ctx.set(dut.i.valid, given is not None)
        if given is None:  # whatever stands there counts for nothing
            index, bank = (int(value) for value in rng.integers(2, size=2))
            given = Sums(index, bank, cycle % 2 == 0, False, True, np.zeros(LANES, np.int64))
        for name in ("index", "bank", "overwrite", "scale", "last"):
            ctx.set(payload.accumulate[name], int(getattr(given, name)))
        for lane, step in enumerate(STEPS):
            due = sums.get(cycle - step)
            ctx.set(payload.lanes[lane], int(due.lanes[lane]) if due else 77)
        coming = sums.get(cycle + latency)
        ctx.set(dut.index, coming.index if coming else int(rng.integers(DEPTH)))
        accumulated = sums.get(cycle - SKEW)
        assert ctx.get(dut.accumulated) == (accumulated is not None and accumulated.last)

    async def bench(ctx: Any) -> None:
        for cycle in range(max(reads) + latency + 1):
            give(ctx, cycle)
            read = reads.get(cycle)
            ctx.set(dut.read.enable, read is not None)
            ctx.set(dut.read.address.bank, read.bank if read else int(rng.integers(2)))
            ctx.set(dut.read.address.index, read.index if read else int(rng.integers(DEPTH)))
            answered = reads.get(cycle - latency)
            if answered:
                got = [ctx.get(lane) for lane in dut.read.data]
                assert got == answered.lanes.tolist(), (cycle, answered)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
