"""A host for the AXI4-Lite registers in the Amaranth simulator, and the rules of their bus."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

from amaranth.sim import Simulator

from hwsim.isa.registers import register
from hwsim.rtl.host.axi4_lite import OKAY
from hwsim.rtl.host.registers import Registers

PATIENCE = 200  # cycles for one access

Testbench = Callable[[Any], Awaitable[None]]


class Host:
    """An AXI4-Lite manager that hesitates on every channel, with probability `stall` per cycle."""

    def __init__(self, dut: Registers, ctx: Any, stall: float = 0.0, seed: int = 1) -> None:
        self.bus, self.ctx, self.stall = dut.bus, ctx, stall
        self.random = random.Random(seed)

    def hesitates(self) -> bool:
        return self.random.random() < self.stall

    async def write(self, address: int, data: int, strobe: int = 15) -> int:
        """Return the response; address and data are offered and accepted in any order."""
        bus, ctx = self.bus, self.ctx
        ctx.set(bus.awaddr, address)
        ctx.set(bus.wdata, data)
        ctx.set(bus.wstrb, strobe)
        pending = {"aw", "w"}
        for _ in range(PATIENCE):
            for channel in sorted(pending):
                if not self.hesitates():
                    ctx.set(getattr(bus, f"{channel}valid"), 1)
            ctx.set(bus.bready, int(not self.hesitates()))
            taken = {
                channel
                for channel in pending
                if ctx.get(getattr(bus, f"{channel}valid") & getattr(bus, f"{channel}ready"))
            }
            is_answered = ctx.get(bus.bvalid & bus.bready)
            response: int = ctx.get(bus.bresp)
            await ctx.tick()
            for channel in taken:
                ctx.set(getattr(bus, f"{channel}valid"), 0)
            pending -= taken
            if is_answered:
                assert not pending, "answered before address and data were taken"
                ctx.set(bus.bready, 0)
                return response
        raise AssertionError("no response to a write")

    async def read(self, address: int) -> tuple[int, int]:
        """Return the data and the response."""
        bus, ctx = self.bus, self.ctx
        ctx.set(bus.araddr, address)
        is_taken = False
        for _ in range(PATIENCE):
            if not is_taken and not self.hesitates():
                ctx.set(bus.arvalid, 1)
            ctx.set(bus.rready, int(not self.hesitates()))
            takes = ctx.get(bus.arvalid & bus.arready)
            is_answered = ctx.get(bus.rvalid & bus.rready)
            answer = (ctx.get(bus.rdata), ctx.get(bus.rresp))
            await ctx.tick()
            if takes:
                ctx.set(bus.arvalid, 0)
                is_taken = True
            if is_answered:
                assert is_taken, "answered before the address was taken"
                ctx.set(bus.rready, 0)
                return answer
        raise AssertionError("no response to a read")

    async def write_to(self, name: str, data: int) -> None:
        assert await self.write(register(name).offset, data) == OKAY

    async def read_of(self, name: str) -> int:
        data, response = await self.read(register(name).offset)
        assert response == OKAY
        return data


def simulate(dut: Registers, host: Testbench, *devices: Testbench) -> None:
    """Run `host` to its end, with the rules of the bus checked in every cycle."""

    async def answers_wait(ctx: Any) -> None:
        names = ("bvalid", "bready", "bresp", "rvalid", "rready", "rdata", "rresp")
        before = (0,) * len(names)
        async for _, _, *sampled in ctx.tick().sample(*(getattr(dut.bus, name) for name in names)):
            now = tuple(sampled)
            if before[0] and not before[1]:
                assert (now[0], now[2]) == (1, before[2]), "a write's response did not wait"
            if before[3] and not before[4]:
                assert (now[3], now[5:]) == (1, before[5:]), "a read's answer did not wait"
            before = now

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(host)
    for background in (answers_wait, *devices):
        simulator.add_testbench(background, background=True)
    simulator.run()
