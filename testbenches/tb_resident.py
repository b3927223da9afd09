"""Compare the Verilog with golden, machine and timeline on networks whose maps stay on the chip."""

import os
from typing import Any

import cocotb

from hwsim.compiler import compile_graph
from hwsim.program.program import Program
from hwsim.testbenches.axi_memory import hesitant
from hwsim.testbenches.bench import configuration
from hwsim.testbenches.cases import BRANCHES, DEPTHWISE, FUNCTIONS, case_graph, with_constants
from hwsim.testbenches.interleaved_graphs import drawn_plan, with_few_words
from hwsim.testbenches.replay import seed_of
from hwsim.testbenches.tb_accelerator import check, started

DRAWN_TURNS = "HWSIM_DRAWN_TURNS"  # environment: how many networks are drawn
RESIDENT = ("chain", "windows", BRANCHES, DEPTHWISE, FUNCTIONS)
INTERLEAVED = ("chain", DEPTHWISE, FUNCTIONS)
FEW_WORDS = (
    128,
    256,
    384,
    512,
    768,
    1024,
    1536,
    2048,
)  # a part of the feature buffer, so that maps become rings


def resident_program(case: str) -> Program:
    config = configuration().model_copy(update={"residency": True})
    program = compile_graph(case_graph(case, config), config)
    assert program.residents
    return program


def interleaved_program(case: str) -> Program | None:
    """Return the first program with rings of rows that the case has with few words of features.

    Some builds hold the weights of no two of its stages: then there is none.
    """
    config = configuration()
    for words in (few for few in FEW_WORDS if few <= config.feature_words):
        program = compile_graph(case_graph(case, config), with_few_words(config, words))
        if program.interleaved:
            return program
    return None


@cocotb.test()
@cocotb.parametrize(case=RESIDENT)
async def runs(dut: Any, case: str) -> None:
    """One small network has the right values, bytes and cycles."""
    bench = await started(dut)
    await check(bench, resident_program(case))


@cocotb.test()
@cocotb.parametrize(case=INTERLEAVED)
async def takes_turns(dut: Any, case: str) -> None:
    """Stages whose bands are interleaved have the right values, bytes and cycles."""
    bench = await started(dut)
    if (program := interleaved_program(case)) is not None:
        await check(bench, program)


@cocotb.test()
async def takes_drawn_turns(dut: Any) -> None:
    """Drawn networks with interleaved stages have the right values and bytes under stalls."""
    bench, config = await started(dut), configuration()
    first = seed_of("drawn turns")
    for seed in range(first, first + int(os.environ.get(DRAWN_TURNS, "3"))):
        plan = drawn_plan(config, seed)
        program = compile_graph(with_constants(plan.graph, config, seed), plan.config)
        await check(bench, program, hesitant(seed))


@cocotb.test()
async def stalls(dut: Any) -> None:
    """A memory that hesitates changes no value and no byte, run after run."""
    bench = await started(dut)
    for case in RESIDENT:
        await check(bench, resident_program(case), hesitant(seed_of("resident", case)))
    for case in INTERLEAVED:
        if (program := interleaved_program(case)) is not None:
            await check(bench, program, hesitant(seed_of("interleaved", case)))
