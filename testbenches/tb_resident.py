"""Compare the Verilog with golden, machine and timeline on networks whose maps stay on the chip."""

from typing import Any

import cocotb

from hwsim.compiler import compile_graph
from hwsim.program.program import Program
from hwsim.testbenches.axi_memory import hesitant
from hwsim.testbenches.bench import configuration
from hwsim.testbenches.cases import BRANCHES, DEPTHWISE, FUNCTIONS, case_graph
from hwsim.testbenches.replay import seed_of
from hwsim.testbenches.tb_accelerator import check, started

RESIDENT = ("chain", "windows", BRANCHES, DEPTHWISE, FUNCTIONS)


def resident_program(case: str) -> Program:
    config = configuration().model_copy(update={"residency": True})
    program = compile_graph(case_graph(case, config), config)
    assert program.residents
    return program


@cocotb.test()
@cocotb.parametrize(case=RESIDENT)
async def runs(dut: Any, case: str) -> None:
    """One small network has the right values, bytes and cycles."""
    bench = await started(dut)
    await check(bench, resident_program(case))


@cocotb.test()
async def stalls(dut: Any) -> None:
    """A memory that hesitates changes no value and no byte, run after run."""
    bench = await started(dut)
    for case in RESIDENT:
        await check(bench, resident_program(case), hesitant(seed_of("resident", case)))
