"""How runs of words become bursts, in the Amaranth simulator."""

from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwsim.config import load_config
from rtl.bursts import Bursts

CONFIG = load_config("nano")
WORD = CONFIG.word_bytes


def expected_bursts(runs: dict[str, int]) -> list[tuple[int, int, bool, bool, bool]]:
    """(address, beats, last of run, of block, of all), one by one."""
    bursts = []
    for block in range(runs["blocks"]):
        for row in range(runs["rows"]):
            address = runs["address"] + block * runs["block_stride_bytes"]
            address += row * runs["row_stride_bytes"]
            left = runs["row_words"]
            while left:
                to_boundary = (4096 - address % 4096) // WORD
                beats = min(left, to_boundary, CONFIG.bus.burst_beats)
                left -= beats
                run_ends = left == 0
                block_ends = run_ends and row == runs["rows"] - 1
                ends = block_ends and block == runs["blocks"] - 1
                bursts.append((address, beats, run_ends, block_ends, ends))
                address += beats * WORD
    return bursts


@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_bursts_follow_the_rules_without_a_gap(stall: float) -> None:
    rng = np.random.default_rng(3)
    jobs = [
        {
            "address": int(rng.integers(0, 4096)) * WORD,
            "row_words": int(rng.integers(1, 60)),
            "rows": int(rng.integers(1, 4)),
            "row_stride_bytes": int(rng.integers(1, 900)) * WORD,
            "blocks": int(rng.integers(1, 4)),
            "block_stride_bytes": int(rng.integers(1, 5000)) * WORD,
        }
        for _ in range(40)
    ]
    expected = [burst for job in jobs for burst in expected_bursts(job)]
    assert any(beats < 16 and not ends for _, beats, ends, _, _ in expected)  # 4 KiB cut some
    dut = Bursts(CONFIG)

    async def feed(ctx: Any) -> None:
        ctx.set(dut.i.valid, 1)
        for job in jobs:
            for name, value in job.items():
                ctx.set(dut.i.payload[name], value)
            await ctx.tick().until(dut.i.ready)
        ctx.set(dut.i.valid, 0)

    async def check(ctx: Any) -> None:
        await ctx.tick().repeat(Bursts.LATENCY)
        for burst in expected:
            while rng.random() < stall:
                ctx.set(dut.o.ready, 0)
                await ctx.tick()
            ctx.set(dut.o.ready, 1)
            assert ctx.get(dut.o.valid)  # at once: no cycle is lost between runs or jobs
            names = ("address", "beats", "last_of_run", "last_of_block", "last")
            assert tuple(ctx.get(dut.o.payload[name]) for name in names) == burst
            await ctx.tick()
        assert not ctx.get(dut.o.valid)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(feed)
    simulator.add_testbench(check)
    simulator.run()
