"""The Verilog accelerator against golden values, the machine's bytes and the timeline's cycles."""

import os
from typing import Any

import cocotb
import numpy as np
import torch

from golden.reference import run_graph
from hwsim.compiler import compile_graph
from hwsim.compiler.pack import pack_features, pack_image, unpack_padded_features
from hwsim.config import Config, load_config
from hwsim.graph import Graph, Shape
from hwsim.machine import Machine
from hwsim.program.blocking import is_packed
from hwsim.timeline import time_program
from testbenches.bench import Run, reset, run_program
from testbenches.cases import Stage, random_graph, random_image

CONFIG = "HWSIM_CONFIG"  # environment: preset or file of the build under test


def configuration() -> Config:
    return load_config(os.environ[CONFIG])


def check_values(graph: Graph, config: Config, image: Any, memory: bytes, program: Any) -> None:
    """Every stored layer that is still in memory, padding channels included, equals golden."""
    golden = run_graph(graph, torch.from_numpy(image)[None])[-1][0].numpy()
    region = program.region(graph.output)
    stored = unpack_padded_features(
        memory[region.address:region.end], graph.output.shape, config)
    channels = graph.output.shape.channels
    np.testing.assert_array_equal(stored[:channels], golden)
    assert not stored[channels:].any(), "padding channels are not 0"
    assert golden.max() == 127, "the case does not saturate"
    assert golden.min() == -128 or graph.layers[-1].channel_pool > 2, "the case does not saturate"


def check_machine(program: Any, image: Any, run: Run) -> None:
    """The machine's memory and bytes by class, byte for byte."""
    machine = Machine(program, image)
    expected = machine.run()
    region = program.region(program.graph.output)
    assert run.memory[region.address:region.end] == (
        expected.data[region.address:region.end].tobytes())
    assert run.monitor_bytes == run.counter_bytes
    assert run.counter_bytes == expected.bytes_by_traffic()


async def check(dut: Any, graph: Graph, config: Config) -> None:
    program = compile_graph(graph, config)
    image = random_image(graph)
    pack = pack_image if is_packed(graph.layers[0]) else pack_features
    run = await run_program(dut, program, pack(image, config))
    check_values(graph, config, image, run.memory, program)
    check_machine(program, image, run)
    cocotb.log.info("%s on %s: %d cycles, timeline %d", graph.name, config.name, run.cycles,
                    time_program(program).cycles)


@cocotb.test()
async def slice_runs(dut: Any) -> None:
    """One 3x3 convolution, 16 channels to 16 filters condensed to 8, on 8x8 pixels."""
    config = configuration()
    graph = random_graph("slice", Shape(16, 8, 8), (Stage(8, k=2),), config)
    await reset(dut)
    await check(dut, graph, config)
