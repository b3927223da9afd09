"""The accelerator in a testbench: a host at its registers, and the memory at its bus."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cocotb.triggers import FallingEdge, RisingEdge, SimTimeoutError, Timer, with_timeout

from hwsim.arch.config import Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.register import REGISTER_BYTES
from hwsim.isa.registers import register
from hwsim.program.program import Program
from hwsim.program.traffic import COUNTERS, ByteCounts
from hwsim.testbenches.axi_memory import (
    OKAY,
    REFERENCE,
    AxiMemory,
    Behaviour,
    Contents,
    Rules,
    Violation,
)
from hwsim.testbenches.trace import traced

CONFIG = "HWSIM_CONFIG"  # environment: the build under test, as JSON
PERIOD_NS = 10  # of the clock in network.sv
TOLERANCE = "HWSIM_TOLERANCE"  # environment: the timeline's largest relative error
ACCESS_CYCLES = 50  # the registers must answer within them
STRIDE_CYCLES = 100_000  # between two reports of a run's progress
PATIENCE = 20  # times the predicted cycles, before a run counts as hung


Advance = Callable[[int], None]  # receives the number of cycles so far


def ignore(_cycles: int) -> None:
    pass


def configuration() -> Config:
    return Config.model_validate_json(os.environ[CONFIG])


@dataclass(frozen=True)
class Run:
    """The end of a run, and the state that it left behind."""

    events: dict[str, int]  # INTERRUPT_STATUS
    error: ErrorCode
    error_descriptor: int
    cycles: int
    array_cycles: int
    memory: bytes
    monitor_bytes: ByteCounts
    counter_bytes: ByteCounts
    violation: Violation
    read_beats: int
    write_beats: int
    bins: frozenset[str]  # of coverage.py, seen on the bus

    def is_complete(self, bus_bytes: int) -> bool:
        """True if as many bytes crossed the bus as the addresses of bursts announced."""
        counts = self.monitor_bytes
        carried = (self.read_beats * bus_bytes, self.write_beats * bus_bytes)
        return carried == (counts.read, counts.features_written)


class Host:
    """A host that accesses the registers; it does nothing else from cycle to cycle.

    Its cycles last from falling edge to falling edge.
    """

    def __init__(self, dut: Any, config: Config):
        self.dut, self.config = dut, config

    async def reset(self) -> None:
        """Reset accelerator and bus together, for one rising edge of the clock."""
        dut = self.dut
        for name in ("awvalid", "wvalid", "arvalid", "awprot", "arprot"):
            getattr(dut, f"s_axi_{name}").value = 0
        dut.s_axi_bready.value = dut.s_axi_rready.value = 1
        dut.rst.value = 1
        await RisingEdge(dut.clk)  # a clock that begins high would fall first
        await self.step()
        dut.rst.value = 0
        await self.step()

    async def step(self) -> None:
        await FallingEdge(self.dut.clk)

    async def sleep(self, cycles: int) -> None:
        """Let cycles pass without stepping through them."""
        if cycles > 0:
            await Timer(PERIOD_NS * cycles - PERIOD_NS // 2, "ns")
            await self.step()

    async def write(self, name: str, value: int, strobes: int = 15) -> int:
        """Write a register and return the response."""
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
        """Return the hardware's byte counters, class by class."""
        return ByteCounts.by_class(
            {kind: await self.counter(name) for kind, name in COUNTERS.items()}
        )

    async def open_windows(self, rules: Rules) -> None:
        for name, window in (("CONSTANTS", rules.constants), ("FEATURES", rules.features)):
            await self.write(f"{name}_BASE", window.base)
            await self.write(f"{name}_LIMIT", window.limit)

    async def start(self, program_address: int, rules: Rules) -> None:
        """Write every register up to START, with the windows of these rules."""
        await self.open_windows(rules)
        await self.write("PROGRAM_ADDRESS", program_address)
        await self.write("INTERRUPT_ENABLE", 7)
        await self.write("CONTROL", register("CONTROL").pack(start=1))

    async def interrupt(self, limit: int, advance: Advance = ignore) -> bool:
        """Sleep until the interrupt, at most `limit` cycles; return True if it came.

        Every `STRIDE_CYCLES` cycles `advance` receives the number of cycles so far.
        """
        cycles = 0
        while not self.dut.irq.value:
            if cycles == limit:
                return False
            stride = min(STRIDE_CYCLES, limit - cycles)
            # Between two edges, as it is open which of an edge and the end of a wait comes first.
            span = PERIOD_NS * stride - PERIOD_NS // 2
            try:
                await with_timeout(RisingEdge(self.dut.irq), span, "ns")
            except SimTimeoutError:
                await self.step()
                cycles += stride
                advance(cycles)
        await self.step()
        return True


class Bench(Host):
    """The host of `network.sv`, which also controls the memory on the accelerator's bus."""

    def __init__(self, dut: Any, config: Config):
        super().__init__(dut, config)
        self.memory = AxiMemory(dut.memory, dut.clk)

    async def reset(self) -> None:
        await super().reset()
        assert not any(getattr(self.dut, f"{name}valid").value for name in ("ar", "aw", "w"))

    async def finish(self, limit: int, advance: Advance = ignore) -> Run:
        """Await the interrupt, at most `limit` cycles, and return the end of the run."""
        assert await self.interrupt(limit, advance), f"no interrupt after {limit} cycles"
        events = await self.read("INTERRUPT_STATUS")
        assert not await self.field("STATUS", "busy")
        await self.write("INTERRUPT_STATUS", events)
        assert not self.dut.irq.value
        memory = self.memory
        return Run(
            register("INTERRUPT_STATUS").unpack(events),
            ErrorCode(await self.field("ERROR_CODE", "code")),
            await self.read("ERROR_DESCRIPTOR"),
            await self.counter("CYCLES"),
            await self.counter("ARRAY_CYCLES"),
            await memory.dump(),
            memory.bytes,
            await self.byte_counters(),
            memory.violation,
            memory.count("read_beats"),
            memory.count("write_beats"),
            memory.bins,
        )


async def run_program(
    bench: Bench,
    program: Program,
    inputs: Mapping[str, bytes],
    behaviour: Behaviour = REFERENCE,
    *,
    limit: int,
) -> Run:
    """Place program and packed inputs in memory; run at most `limit` cycles to the interrupt."""
    contents = Contents.of(program)
    for tensor in program.graph.inputs:
        contents.place(program.region(tensor).address, inputs[tensor.name])
    await bench.memory.load_contents(contents, behaviour)
    with traced(bench.dut, f"{program.graph.name} {program.config.name}"):
        await bench.start(program.code.address, contents.rules)
        run = await bench.finish(limit)
    assert (run.error, run.error_descriptor) == (ErrorCode.NONE, 0)
    assert run.events == {"end": 1, "error": 0, "refused": 0}
    assert run.violation is Violation.NONE
    assert run.is_complete(program.config.bus_bytes)
    return run
