"""Write the cycles that given networks take on given memories, as the Verilog counts them."""

import json
import os
from pathlib import Path
from typing import Any

import cocotb
from pydantic import TypeAdapter

from hwsim.testbenches.bench import configuration
from hwsim.testbenches.drawn_cases import DrawnCase
from hwsim.testbenches.tb_accelerator import check, started

CASES = "HWSIM_CASES"  # environment: a list of cases of one network each, as JSON
CYCLES = "cycles.json"  # in the folder of results: the CYCLES register after each


@cocotb.test()
async def counts(dut: Any) -> None:
    """Write the cycles of every case, whose values, bytes and timeline are checked too."""
    bench = await started(dut)
    cycles: list[int] = []
    for case in TypeAdapter(list[DrawnCase]).validate_json(os.environ[CASES]):
        await bench.reset()
        (program,) = case.programs(configuration())
        cycles.append((await check(bench, program)).cycles)
    Path(CYCLES).write_text(json.dumps(cycles), "utf-8")
