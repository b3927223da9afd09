"""The counters equal a count in Python over several runs (Amaranth simulator)."""

from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwsim.arch.config import load_config
from hwsim.isa.registers import COUNTER_BITS
from hwsim.rtl.host.counters import TRAFFIC, Counters

OUTPUTS = ("cycles", "array_cycles", *(f"{name}_bytes" for name in TRAFFIC))


@pytest.mark.parametrize("preset", ["nano", "mid"])
def test_counters_hold_the_last_run(preset: str) -> None:
    config = load_config(preset)
    dut = Counters(config)
    rng = np.random.default_rng(config.word_bytes)
    counts = dict.fromkeys(OUTPUTS, 0)
    assert all(len(dut.counts[name]) == COUNTER_BITS for name in OUTPUTS)

    async def cycle(ctx: Any, *, start: bool, running: bool, beats: dict[str, bool]) -> None:
        ctx.set(dut.launch.start, start)
        ctx.set(dut.status.running, running)
        ctx.set(dut.events, beats)
        await ctx.tick()
        counts["cycles"] = 1 if start else counts["cycles"] + running
        counts["array_cycles"] += beats["array"]
        for name in TRAFFIC:
            counts[f"{name}_bytes"] += config.word_bytes * beats[name]
        if start:
            counts.update(dict.fromkeys(OUTPUTS[1:], 0))
        assert {name: ctx.get(dut.counts[name]) for name in OUTPUTS} == counts

    async def bench(ctx: Any) -> None:
        quiet = dict.fromkeys(("array", *TRAFFIC), False)
        for length in (1, 2, 150, 40):
            # Events in the cycle of `start` belong to no run, and all counters begin at 0.
            await cycle(ctx, start=True, running=False, beats=dict.fromkeys(quiet, True))
            for _ in range(length):
                beats = {name: bool(rng.random() < 0.5) for name in quiet}
                await cycle(ctx, start=False, running=True, beats=beats)
            assert counts["cycles"] == 1 + length  # the number of the first cycle after the run
            for _ in range(10):
                await cycle(ctx, start=False, running=False, beats=quiet)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
