"""Each token counts its own events and wraps (Amaranth simulator)."""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Const, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hwsim.isa.fields import TOKEN_BITS
from hwsim.rtl.program.tokens import Tokens, reached
from tests.streams import Each, step

EVENTS = {
    "chunks": "chunk_loaded",
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
        for token in EVENTS:
            assert ctx.get(getattr(dut, token).count) == (1 << TOKEN_BITS) - 1
        await ctx.tick().repeat(2)
        for token in EVENTS:
            assert ctx.get(getattr(dut, token).count) == 1

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("event", [0, 1])
@pytest.mark.parametrize("wait", [0, 1, 2, 0x7FFF, 0x8000, 0xFFFF])
def test_an_event_counts_in_its_own_cycle(wait: int, event: int) -> None:
    """A token has reached what it is to wait for up to half its range ago."""
    dut = wiring.Component({"count": In(TOKEN_BITS), "o": Out(1)})
    m = Module()
    m.d.comb += dut.o.eq(reached(dut.count, Const(wait, TOKEN_BITS), Const(event)))
    dut.elaborate = lambda _platform: m

    async def bench(ctx: Any) -> None:
        for ahead in (-0x8000, -3, -2, -1, 0, 1, 0x7FFE):
            ctx.set(dut.count, (wait + ahead) % (1 << TOKEN_BITS))
            assert ctx.get(dut.o) == (ahead + event >= 0), ahead

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()
