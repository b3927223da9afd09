"""Runs a program on the Verilog accelerator behind the reference memory."""

import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from hwsim.program.program import Program, Traffic
from testbenches.reference_memory import Memory, ReferenceMemory
from testbenches.trace import Trace

TRACE = "HWSIM_TRACE"  # environment: a file that gets every run's events


@dataclass(frozen=True)
class Run:
    """What a program left behind."""

    cycles: int
    memory: bytes
    monitor_bytes: dict[Traffic, int]
    counter_bytes: dict[Traffic, int]


async def reset(dut: Any) -> None:
    Clock(dut.clk, 10, unit="ns").start()
    dut.rst.value = 1
    dut.start.value = 0
    for _ in range(3):
        await FallingEdge(dut.clk)
    dut.rst.value = 0
    await FallingEdge(dut.clk)


async def run_program(
    dut: Any,
    program: Program,
    image: bytes,
    stalls: random.Random | None = None,
    *,
    limit: int,
) -> Run:
    """Place program and image in memory, start, and wait for `done`, at most `limit` cycles.

    With `stalls` the memory hesitates at random, and the cycles mean nothing.
    """
    memory = Memory(program)
    memory.place(program.region(program.graph.input).address, image)
    reference = ReferenceMemory(dut, program.config, memory, stalls)
    trace = Trace(dut, reference) if TRACE in os.environ else None
    dut.program_address.value = program.code.address
    dut.start.value = 1
    cycle = 0
    while True:
        reference.step(cycle)
        if trace:
            trace.step(cycle)
        await FallingEdge(dut.clk)
        if cycle == 0:
            dut.start.value = 0
        cycle += 1
        if dut.done.value:
            break
        assert cycle < limit, f"not done after {limit} cycles"
    if trace:
        trace.step(cycle)
        with Path(os.environ[TRACE]).open("a", encoding="utf-8") as output:
            print(program.graph.name, program.config.name, file=output)
            output.writelines(trace.lines)
    counters = {kind: int(getattr(dut, f"bytes_{kind.name.lower()}").value) for kind in Traffic}
    return Run(cycle, bytes(memory.data), reference.monitor.bytes, counters)
