"""Compare the Verilog with golden's values, the machine's bytes and the timeline's cycles."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
import torch
from numpy.typing import NDArray

from hwsim.compiler import compile_graph
from hwsim.compiler.image import packed_input
from hwsim.compiler.pack import unpack_padded_features
from hwsim.golden.reference import run_graph
from hwsim.isa.identity import constant_fields, reset_value
from hwsim.isa.register import Access
from hwsim.isa.registers import REGISTERS, register
from hwsim.machine import Machine
from hwsim.program.blocking import padding_values
from hwsim.program.program import Program
from hwsim.testbenches.axi_memory import OKAY, REFERENCE, Behaviour, hesitant
from hwsim.testbenches.bench import PATIENCE, TOLERANCE, Bench, Run, configuration, run_program
from hwsim.testbenches.bus_record import attribute, load_record
from hwsim.testbenches.cases import BRANCHES, CASES, DEPTHWISE, FUNCTIONS, NOT_FUSED, case_graph
from hwsim.testbenches.coverage import record
from hwsim.testbenches.coverage_bins import bins_of_program, bins_of_timeline, bins_of_values
from hwsim.testbenches.replay import seed_of
from hwsim.timeline import time_program
from tests.drawn import drawn_inputs

Inputs = Mapping[str, NDArray[np.int8]]  # `x[C, H, W]` by an input's name


def check_values(program: Program, inputs: Inputs, run: Run) -> None:
    """Check that every stored output equals golden's, and what its padding channels hold."""
    graph = program.graph
    assert graph.inputs[0].zero_point != 0, "a border of zeros would prove nothing"
    tensors = run_graph(graph, {name: torch.from_numpy(x)[None] for name, x in inputs.items()})
    padding = {stage.output.name: padding_values(stage, program.config) for stage in graph.stages}
    for output in graph.outputs:
        golden = tensors[output.name][0].numpy()
        region = program.region(output)
        stored = unpack_padded_features(
            run.memory[region.address : region.end], output.shape, program.config
        )
        channels = output.shape.channels
        np.testing.assert_array_equal(stored[:channels], golden)
        assert (stored[channels:] == padding[output.name][:, None, None]).all(), "padding channels"
    for layer in graph.stages:
        record(bins_of_values(layer, tensors[layer.output.name][0].numpy()))
    if graph.name == "slice":
        assert (golden.min(), golden.max()) == (-128, 127), "the slice must saturate at both ends"


def check_machine(program: Program, inputs: Inputs, run: Run) -> None:
    """Check that memory equals the machine's, and that three counts of bytes by class are equal."""
    machine = Machine(program, inputs)
    expected = machine.run()
    assert run.memory == expected.data.tobytes().ljust(len(run.memory), b"\0")
    assert run.monitor_bytes == run.counter_bytes
    assert run.counter_bytes == expected.byte_counts()


def check_record(program: Program) -> None:
    """Check that every word on the bus has its address and its place in the program's order."""
    record = load_record(Path(str(cocotb.plusargs["record"])), program.config)
    assert attribute(program, record).misplaced == ()


def check_cycles(program: Program, run: Run, predicted: int, tolerance: float) -> None:
    """Check that the run's cycles differ from the timeline's by at most this part of them."""
    name = f"{program.graph.name} on {program.config.name}"
    memory = program.config.memory
    cocotb.log.info(
        "%s, %d cycles of latency, %d bytes per cycle: %d cycles, timeline %d",
        name, memory.latency_cycles, memory.bandwidth_bytes_per_cycle, run.cycles, predicted,
    )  # fmt: skip
    assert abs(predicted - run.cycles) <= tolerance * run.cycles, name


async def check(
    bench: Bench,
    program: Program,
    behaviour: Behaviour = REFERENCE,
    least_tolerance: float = 0.0,
) -> Run:
    """Run a program and check it; cycles are compared only on a memory like the config's.

    They may differ by `least_tolerance`, or by what the environment allows if that is more.
    """
    graph = program.graph
    inputs = drawn_inputs(graph, seed=2)
    timeline = time_program(program)
    predicted = timeline.cycles
    packed = {
        tensor.name: packed_input(program, tensor, inputs[tensor.name]) for tensor in graph.inputs
    }
    run = await run_program(bench, program, packed, behaviour, limit=PATIENCE * predicted)
    check_values(program, inputs, run)
    check_machine(program, inputs, run)
    check_record(program)
    assert run.array_cycles == sum(layer.busy_cycles for layer in timeline.stages)
    record(bins_of_program(program) | run.bins)
    if behaviour == REFERENCE:
        tolerance = max(least_tolerance, float(os.environ.get(TOLERANCE, "0")))
        check_cycles(program, run, predicted, tolerance)
        record(bins_of_timeline(program))
    return run


def case_program(case: str) -> Program:
    return compile_graph(case_graph(case, configuration()), configuration())


async def started(dut: Any) -> Bench:
    """Return the accelerator after reset, and check that it is the configuration asked for."""
    bench = Bench(dut, configuration())
    await bench.reset()
    for name, fields in constant_fields(bench.config).items():
        assert await bench.read(name) == register(name).pack(**fields), name
    return bench


@cocotb.test()
async def keeps_registers(dut: Any) -> None:
    """Every register reads its reset value, and then the value that was written to it."""
    bench = await started(dut)
    expected = {entry.name: reset_value(entry, bench.config) for entry in REGISTERS}
    for entry in REGISTERS:
        assert await bench.read(entry.name) == expected[entry.name], entry.name
        if entry.access is Access.RW:
            assert await bench.write(entry.name, 0xFFFF_FFFF) == OKAY
            expected[entry.name] = entry.mask
    for entry in REGISTERS:
        assert await bench.read(entry.name) == expected[entry.name], entry.name


@cocotb.test()
@cocotb.parametrize(case=[*CASES, NOT_FUSED, BRANCHES, DEPTHWISE, FUNCTIONS])
async def runs(dut: Any, case: str) -> None:
    """One small network has the right values, bytes and cycles."""
    bench = await started(dut)
    await check(bench, case_program(case))


@cocotb.test()
async def stalls(dut: Any) -> None:
    """A memory that hesitates on every channel changes no value and no byte, run after run."""
    bench = await started(dut)
    for case in ("chain", "slice", "pool stride 1", "slice"):
        await check(bench, case_program(case), hesitant(seed_of("stalls", case)))
