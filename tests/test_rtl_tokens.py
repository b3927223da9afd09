"""Each token counts its own events and wraps (Amaranth simulator)."""

from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwsim.isa.fields import TOKEN_BITS
from hwsim.rtl.program.tokens import Tokens
from tests.streams import Each, step

EVENTS = {
    "next_chunks": "chunk_loaded",
    "computes": "tile_issued",
    "drains": "tile_staged",
    "staged": "store_read",
    "stores": "store_done",
}
CYCLES = 300


@pytest.mark.parametrize("seed", range(2))
def test_every_token_counts_its_own_event(seed: int) -> None:
    dut = Tokens()
    rng = np.random.default_rng(seed)
    counts = dict.fromkeys(EVENTS, 0)
    happens = dict.fromkeys(EVENTS, False)

    def drive(ctx: Any, _cycle: int) -> None:
        for number, (token, event) in enumerate(EVENTS.items()):
            happens[token] = bool(rng.random() < (number + 1) / 6)
            ctx.set(getattr(dut, event), happens[token])

    def sample(ctx: Any, _cycle: int) -> None:
        for token, count in counts.items():
            port = getattr(dut, token)
            if token == "next_chunks":
                assert ctx.get(port) == count + happens[token]
            else:
                assert (ctx.get(port.count), ctx.get(port.event)) == (count, happens[token])
            counts[token] += happens[token]

    step(dut, [Each(drive, sample)], lambda: True, CYCLES)
    assert len(set(counts.values())) == len(EVENTS)


def test_every_count_wraps() -> None:
    dut = Tokens()

    async def bench(ctx: Any) -> None:
        for event in EVENTS.values():
            ctx.set(getattr(dut, event), 1)
        await ctx.tick().repeat((1 << TOKEN_BITS) - 1)
        for token in (dut.computes, dut.drains, dut.staged, dut.stores):
            assert ctx.get(token.count) == (1 << TOKEN_BITS) - 1
        assert ctx.get(dut.next_chunks) == 0
        await ctx.tick().repeat(2)
        for token in (dut.computes, dut.drains, dut.staged, dut.stores):
            assert ctx.get(token.count) == 1
        assert ctx.get(dut.next_chunks) == 2

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
