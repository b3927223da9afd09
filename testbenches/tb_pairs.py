"""Write the cycles that the Verilog takes for drawn networks on drawn memories, by layers."""

import os
from pathlib import Path
from typing import Any

import cocotb
from pydantic import TypeAdapter

from hwsim.compiler.image import packed_input
from hwsim.program.traffic import add_traffic
from hwsim.testbenches.bench import PATIENCE, Bench, configuration, run_program
from hwsim.testbenches.bus_record import attribute, load_record
from hwsim.testbenches.drawn_pairs import MeasuredPair, pairs
from hwsim.testbenches.tb_accelerator import check_machine
from tests.drawn import drawn_inputs

ACCELERATOR = "HWSIM_ACCELERATOR"  # environment: the number of the accelerator that was built
MOST_PAIRS = "HWSIM_PAIRS"  # environment: how many of its pairs are run
MEASURED = "measured.json"  # in the folder of results: a `MeasuredPair` for each pair


@cocotb.test()
async def measures(dut: Any) -> None:
    """Write the cycles of every pair, whose values and bytes are checked."""
    bench = Bench(dut, configuration())
    found: list[MeasuredPair] = []
    for pair in pairs(int(os.environ[ACCELERATOR]))[: int(os.environ[MOST_PAIRS])]:
        await bench.reset()
        program, timeline = pair.program, pair.timeline
        inputs = drawn_inputs(program.graph, seed=pair.number)
        packed = {
            tensor.name: packed_input(program, tensor, inputs[tensor.name])
            for tensor in program.graph.inputs
        }
        run = await run_program(bench, program, packed, limit=PATIENCE * timeline.cycles)
        check_machine(program, inputs, run)
        assert run.counter_bytes == add_traffic([each.traffic for each in timeline.stages]).bytes
        assert run.array_cycles == sum(stage.busy_cycles for stage in timeline.stages)
        record = load_record(Path(str(cocotb.plusargs["record"])), program.config)
        layers = attribute(program, record).layers
        found.append(MeasuredPair(pair.number, run.cycles, [each.end_cycle for each in layers]))
        cocotb.log.info("%s: %d cycles, timeline %d", pair, run.cycles, timeline.cycles)
        # What is done is kept, should a later pair fail.
        Path(MEASURED).write_bytes(TypeAdapter(list[MeasuredPair]).dump_json(found))
