"""The accelerator in a testbench: a host at its registers, the reference memory at its bus."""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from hwsim.arch.config import Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.registers import REGISTER_BYTES, register
from hwsim.program.program import Program, Window
from hwsim.program.traffic import COUNTERS, ByteCounts
from hwsim.testbenches.reference_memory import OKAY, Memory, ReferenceMemory, Response
from hwsim.testbenches.trace import Trace

CONFIG = "HWSIM_CONFIG"  # environment: the build under test, as JSON
TRACE = "HWSIM_TRACE"  # environment: a file that gets every run's events
ACCESS_CYCLES = 50  # within which the registers must answer
PATIENCE = 20  # times the predicted cycles, before a run counts as hung


def configuration() -> Config:
    return Config.model_validate_json(os.environ[CONFIG])


@dataclass(frozen=True)
class Run:
    """How a run ended and what it left behind."""

    events: dict[str, int]  # INTERRUPT_STATUS
    error: ErrorCode
    error_descriptor: int
    cycles: int
    array_cycles: int
    memory: bytes
    monitor_bytes: ByteCounts
    counter_bytes: ByteCounts
    bins: frozenset[str] = frozenset()  # of coverage.py, seen on the bus


class Windows(Protocol):
    """Whatever knows the two windows of memory that a host opens."""

    @property
    def constants(self) -> Window: ...

    @property
    def features(self) -> Window: ...


class Bench:
    """Steps memory and hardware together, from falling edge to falling edge."""

    def __init__(self, dut: Any, config: Config):
        self.dut, self.config = dut, config
        self.cycle = 0
        self.memory: ReferenceMemory | None = None
        self.trace: Trace | None = None
        self.watch: Callable[[], None] | None = None  # called before every step

    async def reset(self) -> None:
        """Reset accelerator and bus together, for a cycle."""
        dut = self.dut
        if self.cycle == 0:
            Clock(dut.clk, 10, unit="ns").start()
        self.memory = None
        for name in ("arready", "awready", "wready", "rvalid", "bvalid"):
            getattr(dut, f"m_axi_{name}").value = 0
        for name in ("awvalid", "wvalid", "arvalid", "awprot", "arprot"):
            getattr(dut, f"s_axi_{name}").value = 0
        dut.s_axi_bready.value = dut.s_axi_rready.value = 1
        dut.rst.value = 1
        await self.step()
        dut.rst.value = 0
        assert not any(getattr(dut, f"m_axi_{name}valid").value for name in ("ar", "aw", "w"))
        await self.step()

    def attach(
        self, memory: Memory, stalls: random.Random | None = None, respond: Response | None = None
    ) -> ReferenceMemory:
        """Put another memory behind the bus, which must be quiet."""
        respond = respond or (lambda _write, _address: OKAY)
        self.memory = ReferenceMemory(self.dut, memory.config, memory, stalls, respond)
        return self.memory

    async def step(self) -> None:
        if self.watch is not None:
            self.watch()
        if self.memory is not None:
            self.memory.step(self.cycle)
        if self.trace is not None:
            self.trace.step(self.cycle)
        await FallingEdge(self.dut.clk)
        self.cycle += 1

    async def write(self, name: str, value: int, strobes: int = 15) -> int:
        """Write a register; returns the response."""
        dut = self.dut
        dut.s_axi_awaddr.value = register(name).offset
        dut.s_axi_wdata.value = value
        dut.s_axi_wstrb.value = strobes
        waiting = {"aw", "w"}
        for channel in waiting:
            getattr(dut, f"s_axi_{channel}valid").value = 1
        for _ in range(ACCESS_CYCLES):
            taken = {name for name in waiting if getattr(dut, f"s_axi_{name}ready").value}
            await self.step()
            for channel in taken:
                getattr(dut, f"s_axi_{channel}valid").value = 0
            waiting -= taken
            if not waiting:
                break
        for _ in range(ACCESS_CYCLES):
            if dut.s_axi_bvalid.value:
                response = int(dut.s_axi_bresp.value)
                await self.step()
                return response
            await self.step()
        raise AssertionError(f"a write to {name} was not answered")

    async def read(self, name: str) -> int:
        dut = self.dut
        dut.s_axi_araddr.value = register(name).offset
        dut.s_axi_arvalid.value = 1
        taken = False
        for _ in range(ACCESS_CYCLES):
            if dut.s_axi_rvalid.value:
                assert int(dut.s_axi_rresp.value) == OKAY, f"reading {name}"
                word = int(dut.s_axi_rdata.value)
                await self.step()
                return word
            taken = not taken and bool(dut.s_axi_arready.value)
            await self.step()
            if taken:
                dut.s_axi_arvalid.value = 0
        raise AssertionError(f"a read of {name} was not answered")

    async def field(self, name: str, field: str) -> int:
        return register(name).unpack(await self.read(name))[field]

    async def counter(self, name: str) -> int:
        low, high = await self.read(f"{name}_LOW"), await self.read(f"{name}_HIGH")
        return high << (8 * REGISTER_BYTES) | low

    async def byte_counters(self) -> ByteCounts:
        """Read what the hardware counted, class by class."""
        return ByteCounts.by_class(
            {kind: await self.counter(name) for kind, name in COUNTERS.items()}
        )

    async def open_windows(self, memory: Windows) -> None:
        for name, window in (("CONSTANTS", memory.constants), ("FEATURES", memory.features)):
            await self.write(f"{name}_BASE", window.base)
            await self.write(f"{name}_LIMIT", window.limit)

    async def start(self, program_address: int, memory: Windows) -> None:
        """Everything that a host does up to START."""
        await self.open_windows(memory)
        await self.write("PROGRAM_ADDRESS", program_address)
        await self.write("INTERRUPT_ENABLE", 7)
        await self.write("CONTROL", register("CONTROL").pack(start=1))

    async def finish(self, limit: int) -> Run:
        """Await the interrupt, at most `limit` cycles, and read how the run ended."""
        assert self.memory is not None
        deadline = self.cycle + limit
        while not self.dut.irq.value:
            assert self.cycle < deadline, f"no interrupt after {limit} cycles"
            await self.step()
        events = await self.read("INTERRUPT_STATUS")
        assert not await self.field("STATUS", "busy")
        await self.write("INTERRUPT_STATUS", events)
        assert not self.dut.irq.value
        return Run(
            register("INTERRUPT_STATUS").unpack(events),
            ErrorCode(await self.field("ERROR_CODE", "code")),
            await self.read("ERROR_DESCRIPTOR"),
            await self.counter("CYCLES"),
            await self.counter("ARRAY_CYCLES"),
            bytes(self.memory.memory.data),
            ByteCounts.by_class(self.memory.monitor.bytes),
            await self.byte_counters(),
            frozenset(self.memory.observer.bins),
        )


async def run_program(
    bench: Bench,
    program: Program,
    image: bytes,
    stalls: random.Random | None = None,
    *,
    limit: int,
) -> Run:
    """Place program and image in memory, run it to its interrupt, at most `limit` cycles.

    With `stalls` the memory hesitates at random, and the cycles mean nothing.
    """
    memory = Memory(program)
    memory.place(program.region(program.graph.input).address, image)
    reference = bench.attach(memory, stalls)
    if TRACE in os.environ:
        bench.trace = Trace(bench.dut, reference)
    await bench.start(program.code.address, memory)
    run = await bench.finish(limit)
    if bench.trace:
        with Path(os.environ[TRACE]).open("a", encoding="utf-8") as output:
            print(program.graph.name, program.config.name, file=output)
            output.writelines(bench.trace.lines)
        bench.trace = None
    assert (run.error, run.error_descriptor) == (ErrorCode.NONE, 0)
    assert run.events == {"end": 1, "error": 0, "refused": 0}
    return run
