"""The AXI4-Lite registers equal a model in Python (Amaranth simulator)."""

import random
from typing import Any

import pytest
from amaranth.hdl import Value
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hwsim.arch.config import load_config
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.identity import build_fields, reset_value
from hwsim.isa.register import Access
from hwsim.isa.registers import (
    COUNTER_BITS,
    COUNTERS,
    PAGE_SHIFT,
    PROGRAM_SHIFT,
    REGISTER_ADDRESS_BITS,
    REGISTERS,
    register,
)
from hwsim.rtl.host.axi4_lite import OKAY, SLVERR
from hwsim.rtl.host.registers import Registers
from tests.axi4_lite import PATIENCE, Host, Testbench, simulate

CONFIG = load_config("edge")
BY_OFFSET = {entry.offset: entry for entry in REGISTERS}
END, ERROR, REFUSED = (1 << field.low for field in register("INTERRUPT_STATUS").fields)
START, ABORT = (1 << field.low for field in register("CONTROL").fields)


class Model:
    """A model of the registers that the host may expect, access by access."""

    def __init__(self) -> None:
        self.words = {entry.name: reset_value(entry, CONFIG) for entry in REGISTERS}
        self.busy = False
        self.pulses = {"start": 0, "abort": 0}

    def write(self, address: int, data: int, strobe: int) -> int:
        entry = BY_OFFSET.get(address & ~3)
        if entry is None:
            return SLVERR
        enable = sum(0xFF << 8 * byte for byte in range(4) if strobe >> byte & 1)
        word = self.words[entry.name]
        if entry.name == "CONTROL":
            self._command(data & enable)
        elif entry.is_locked and self.busy:
            self.words["INTERRUPT_STATUS"] |= REFUSED if strobe else 0
        elif entry.access is Access.RW:
            self.words[entry.name] = (word & ~enable | data & enable) & entry.mask
        elif entry.access is Access.W1C:
            self.words[entry.name] = word & ~(data & enable)
        return OKAY

    def _command(self, word: int) -> None:
        was_busy = self.busy
        if word & START and was_busy:
            self.words["INTERRUPT_STATUS"] |= REFUSED
        elif word & START:
            self.pulses["start"] += 1
            self.busy = True
            self.words["STATUS"] |= 1
        self.pulses["abort"] += bool(word & ABORT and was_busy)

    def read(self, address: int) -> tuple[int, int]:
        """Return the data and the response."""
        entry = BY_OFFSET.get(address & ~3)
        return (0, SLVERR) if entry is None else (self.words[entry.name], OKAY)

    @property
    def interrupt(self) -> bool:
        return bool(self.words["INTERRUPT_STATUS"] & self.words["INTERRUPT_ENABLE"])


def device(dut: Registers, seen: dict[str, int]) -> Testbench:
    """Return a device that is busy from a start or from the next cycle on, and counts pulses."""

    async def testbench(ctx: Any) -> None:
        is_late = False
        while True:
            for name, pulse in (("start", dut.launch.start), ("abort", dut.abort)):
                seen[name] += ctx.get(pulse)
            if ctx.get(dut.launch.start):
                is_late = not is_late
                if is_late:
                    await ctx.tick()
                    assert not ctx.get(dut.launch.start), "a start lasts one cycle"
                ctx.set(dut.status.busy, 1)
            await ctx.tick()

    return testbench


def set_inputs(ctx: Any, dut: Registers, model: Model, draw: random.Random) -> None:
    """Set drawn inputs, as the accelerator may do between two accesses."""
    model.busy = draw.random() < 0.5
    stopping, ends, fails = draw.getrandbits(1), draw.random() < 0.25, draw.random() < 0.25
    code, descriptor = draw.choice(list(ErrorCode)), draw.getrandbits(32 - PROGRAM_SHIFT)
    ctx.set(dut.status.busy, model.busy)
    ctx.set(dut.status.stopping, stopping)
    ctx.set(dut.status.end_event, ends)
    ctx.set(dut.status.error_event, fails)
    ctx.set(dut.status.error.code, code)
    ctx.set(dut.status.error.source, descriptor)
    model.words |= {
        "STATUS": model.busy | stopping << 1,
        "INTERRUPT_STATUS": model.words["INTERRUPT_STATUS"] | END * ends | ERROR * fails,
        "ERROR_CODE": code,
        "ERROR_DESCRIPTOR": descriptor << PROGRAM_SHIFT,
    }
    for name in COUNTERS:
        count = draw.getrandbits(COUNTER_BITS)
        ctx.set(dut.counts[name.lower()], count)
        model.words |= {f"{name}_LOW": count & 0xFFFF_FFFF, f"{name}_HIGH": count >> 32}


def check_outputs(ctx: Any, dut: Registers, model: Model) -> None:
    assert ctx.get(dut.launch.program) == model.words["PROGRAM_ADDRESS"] >> PROGRAM_SHIFT
    for name in ("constants", "features"):
        for end in ("base", "limit"):
            expected = model.words[f"{name}_{end}".upper()] >> PAGE_SHIFT
            assert ctx.get(dut.windows[name][end]) == expected, (name, end)
    assert ctx.get(dut.interrupt) == model.interrupt


@pytest.mark.parametrize("stall", [0.0, 0.6])
def test_every_access_does_what_the_table_says(stall: float) -> None:
    dut, model = Registers(CONFIG), Model()
    draw = random.Random(7)
    seen = {"start": 0, "abort": 0}
    responses: list[int] = []

    async def host(ctx: Any) -> None:
        bus = Host(dut, ctx, stall)
        for entry in REGISTERS:
            assert await bus.read_of(entry.name) == reset_value(entry, CONFIG), entry.name
        for _ in range(1500):
            if draw.random() < 0.3:
                set_inputs(ctx, dut, model, draw)
                await ctx.tick()
                ctx.set(dut.status.end_event, 0)
                ctx.set(dut.status.error_event, 0)
            if draw.random() < 0.8:
                often = [register("CONTROL"), register("INTERRUPT_STATUS")]
                entry = draw.choice([*REGISTERS, *often * 5])
                address = entry.offset | draw.getrandbits(2)
            else:
                address = draw.getrandbits(REGISTER_ADDRESS_BITS)
            if draw.random() < 0.6:
                data = draw.getrandbits(32) if draw.random() < 0.7 else draw.getrandbits(2)
                strobe = draw.choice([15, 15, 15, 1, 0, draw.getrandbits(4)])
                response = await bus.write(address, data, strobe)
                assert response == model.write(address, data, strobe)
            else:
                data, response = await bus.read(address)
                assert (data, response) == model.read(address), hex(address)
            responses.append(response)
            await ctx.tick().repeat(2)
            check_outputs(ctx, dut, model)
            assert seen == model.pulses

    simulate(dut, host, device(dut, seen))
    assert min(seen.values()) > 10
    assert 100 < responses.count(SLVERR) < 1000


@pytest.mark.parametrize("late", range(-2, 3))
def test_an_event_is_never_lost_to_a_clear(late: int) -> None:
    """An event that comes with a clear or after it stays; an event before it is cleared."""
    dut = Registers(CONFIG)

    async def host(ctx: Any) -> None:
        bus = Host(dut, ctx)
        await ctx.tick().repeat(4)
        await bus.write_to("INTERRUPT_STATUS", END | ERROR)
        await ctx.tick().repeat(4)
        assert await bus.read_of("INTERRUPT_STATUS") == (ERROR if late >= 0 else 0)

    async def accelerator(ctx: Any) -> None:
        data_taken = 5  # cycle, from the first
        await ctx.tick().repeat(data_taken + late)
        ctx.set(dut.status.error_event, 1)
        if not late:
            assert ctx.get(dut.bus.wvalid & dut.bus.wready)
        await ctx.tick()
        ctx.set(dut.status.error_event, 0)

    simulate(dut, host, accelerator)


def test_a_second_start_is_refused_however_early() -> None:
    dut = Registers(CONFIG)
    seen = {"start": 0}

    async def host(ctx: Any) -> None:
        bus = Host(dut, ctx)
        await bus.write_to("CONTROL", START)
        await bus.write_to("CONTROL", START)
        assert await bus.read_of("INTERRUPT_STATUS") == REFUSED
        assert seen["start"] == 1

    async def accelerator(ctx: Any) -> None:
        for _ in range(PATIENCE):
            seen["start"] += ctx.get(dut.launch.start)
            if ctx.get(dut.launch.start):
                await ctx.tick()
                ctx.set(dut.status.busy, 1)
            else:
                await ctx.tick()

    simulate(dut, host, accelerator)


def test_reads_and_writes_do_not_wait_for_each_other() -> None:
    dut = Registers(CONFIG)

    async def host(ctx: Any) -> None:
        bus = Host(dut, ctx)
        ctx.set(dut.bus.awvalid, 1)
        ctx.set(dut.bus.wvalid, 1)
        await ctx.tick().until(dut.bus.wvalid & dut.bus.wready)
        ctx.set(dut.bus.awvalid, 0)  # nobody takes the response
        for _ in range(5):  # and the next write's data must wait for that, whatever its address
            assert ctx.get(dut.bus.bvalid)
            assert not ctx.get(dut.bus.wready)
            ctx.set(dut.bus.awvalid, ctx.get(dut.bus.awready))
            await ctx.tick()
        ctx.set(dut.bus.awvalid, 0)
        ctx.set(dut.bus.wvalid, 0)
        assert await bus.read_of("IDENTITY") == register("IDENTITY").pack()
        assert await bus.read_of("BUILD") == register("BUILD").pack(**build_fields(CONFIG))
        assert ctx.get(dut.bus.bvalid)
        ctx.set(dut.bus.bready, 1)
        ctx.set(dut.bus.wvalid, 1)  # the second write
        await ctx.tick().repeat(3)
        ctx.set(dut.bus.wvalid, 0)
        assert not ctx.get(dut.bus.bvalid)
        ctx.set(dut.bus.arvalid, 1)
        await ctx.tick()
        ctx.set(dut.bus.arvalid, 0)
        assert not ctx.get(dut.bus.rvalid)
        await ctx.tick()
        assert ctx.get(dut.bus.rvalid)
        await bus.write_to("INTERRUPT_ENABLE", END)
        ctx.set(dut.bus.rready, 1)  # the answer that still stands
        await ctx.tick()
        ctx.set(dut.bus.rready, 0)
        assert await bus.read_of("INTERRUPT_ENABLE") == END

    simulate(dut, host)


def test_no_output_depends_on_an_input_of_the_same_cycle() -> None:
    dut = Registers(CONFIG)
    draw = random.Random(5)
    ports = [(member.flow, "__".join(path), Value.cast(port))
             for path, member, port in dut.signature.flatten(dut)]  # fmt: skip
    outputs = [port for flow, _, port in ports if flow is Out]
    inputs = [(name, port) for flow, name, port in ports if flow is In]

    async def host(ctx: Any) -> None:
        changes = 0
        before: list[int] = []
        for _ in range(1000):
            found = [ctx.get(port) for port in outputs]
            changes += found != before
            for name, port in inputs:
                ctx.set(port, draw.getrandbits(len(port)) & (0x7F if "addr" in name else -1))
            before = [ctx.get(port) for port in outputs]
            assert before == found
            await ctx.tick()
        assert changes > 500

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(host)
    simulator.run()


def moves(bready: int) -> dict[str, list[int]]:
    """Return the cycles of transfers per channel, for a host that never waits."""
    dut = Registers(CONFIG)
    seen: dict[str, list[int]] = {name: [] for name in ("aw", "w", "b", "ar", "r")}

    async def host(ctx: Any) -> None:
        for name in ("awvalid", "wvalid", "arvalid", "rready"):
            ctx.set(getattr(dut.bus, name), 1)
        ctx.set(dut.bus.bready, bready)
        for cycle in range(24):
            for name, cycles in seen.items():
                if ctx.get(getattr(dut.bus, f"{name}valid") & getattr(dut.bus, f"{name}ready")):
                    cycles.append(cycle)
            await ctx.tick()

    simulate(dut, host)
    return seen


def test_accesses_follow_each_other_without_a_gap() -> None:
    seen = moves(bready=1)
    for name, first in {"aw": 0, "w": 1, "b": 2}.items():
        assert seen[name] == list(range(first, 24, Registers.WRITE_CYCLES)), name
    for name, first in {"ar": 0, "r": 2}.items():
        assert seen[name] == list(range(first, 24, Registers.READ_CYCLES)), name


def test_one_more_address_is_taken_while_a_response_waits() -> None:
    seen = moves(bready=0)
    assert (seen["aw"], seen["w"], seen["b"]) == ([0, 2], [1], [])
