"""The C driver runs the Verilog accelerator through the AXI4-Lite port."""

import os
from pathlib import Path
from typing import Any

import cocotb
from cocotb.task import bridge, resume

from hwsim.compiler import compile_graph
from hwsim.compiler.pack import pack_features
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.identity import fingerprint
from hwsim.isa.registers import REGISTERS
from hwsim.machine import Machine
from hwsim.program.program import Program
from hwsim.program.traffic import COUNTERS, ByteCounts
from hwsim.testbenches.axi_memory import Contents
from hwsim.testbenches.bench import PATIENCE, Bench, configuration
from hwsim.testbenches.cases import case_graph
from hwsim.testbenches.driver import Job, Report, Status, run_driver
from hwsim.timeline import time_program
from tests.drawn import drawn_input

LIBRARY = "HWSIM_DRIVER"  # environment: the example, compiled
NAMES = {register.offset: register.name for register in REGISTERS}


async def drive(bench: Bench, job: Job, limit: int) -> Report:
    """Return the report of one call of the C function, whose callbacks advance the simulation."""

    @resume
    async def read(offset: int) -> int:
        return await bench.read(NAMES[offset])

    @resume
    async def write(offset: int, value: int) -> None:
        assert await bench.write(NAMES[offset], value) == 0

    @resume
    async def wait() -> bool:
        return await bench.interrupt(limit)

    run = bridge(run_driver)
    report: Report = await run(Path(os.environ[LIBRARY]), job, read, write, wait)
    return report


def job_of(program: Program) -> Job:
    return Job(
        fingerprint(program.config),
        program.code.address,
        program.constants.base,
        program.constants.limit,
        program.features.base,
        program.features.limit,
    )


@cocotb.test()
async def runs_a_network_and_reports_an_error(dut: Any) -> None:
    """Two runs have the right values and counters, and a run between them reports its error."""
    config = configuration()
    bench = Bench(dut, config)
    await bench.reset()
    program = compile_graph(case_graph("slice", config), config)
    image = drawn_input(program.graph, seed=2)
    machine = Machine(program, {program.graph.only_input.name: image})
    expected = machine.run()
    limit = PATIENCE * time_program(program).cycles
    for is_wrong in (False, True, False):
        contents = Contents.of(program)
        contents.place(
            program.region(program.graph.inputs[0]).address, pack_features(image, config)
        )
        await bench.memory.load_contents(contents)
        job = job_of(program)
        if is_wrong:
            job.features_first, job.features_last = 0xFFFF_F000, 0  # as after reset: empty
        report = await drive(bench, job, limit)
        assert not dut.irq.value
        if is_wrong:
            assert report.status is Status.FAILED
            assert report.error_code == ErrorCode.READ_WINDOW
            assert program.code.address <= report.error_descriptor < program.code.end
            continue
        assert (report.status, report.error_code) == (Status.OK, ErrorCode.NONE)
        memory = await bench.memory.dump()
        assert memory[: len(expected.data)] == expected.data.tobytes()
        counted = {kind: report.counters[name] for kind, name in COUNTERS.items()}
        assert ByteCounts.by_class(counted) == expected.byte_counts()
        assert report.counters["CYCLES"] == time_program(program).cycles
