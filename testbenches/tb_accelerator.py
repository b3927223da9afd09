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
from hwsim.graph import Graph, Shape, SpatialPool
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
    assert golden.max() == 127, "no output saturates"
    assert graph.name != "slice" or golden.min() == -128, "no output saturates below"


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


CASES = {
    "slice": (Shape(16, 8, 8), (Stage(8, k=2),)),
    "one tap": (Shape(24, 6, 7), (Stage(30, kernel=1),)),
    "blocks": (Shape(40, 9, 7), (Stage(24),)),
    "k4": (Shape(8, 10, 6), (Stage(16, k=4),)),
    "k8": (Shape(8, 5, 6), (Stage(5, k=8),)),
    "pool stride 2": (Shape(8, 9, 11), (Stage(16, pool=SpatialPool.STRIDE_2),)),
    "pool stride 1": (Shape(16, 7, 5), (Stage(8, k=2, pool=SpatialPool.STRIDE_1),)),
    "image": (Shape(3, 14, 19), (Stage(16, k=2, pool=SpatialPool.STRIDE_2),)),
    "tiles": (Shape(16, 40, 37), (Stage(16, pool=SpatialPool.STRIDE_1),)),
    "chain": (Shape(3, 24, 24), (
        Stage(16, k=2, pool=SpatialPool.STRIDE_2), Stage(24, k=2, pool=SpatialPool.STRIDE_2),
        Stage(32, k=4, pool=SpatialPool.STRIDE_1), Stage(10, kernel=1))),
}


@cocotb.test()
@cocotb.parametrize(case=sorted(CASES))
async def runs(dut: Any, case: str) -> None:
    """Values, bytes and cycles of one small network."""
    config = configuration()
    graph = random_graph(case, *CASES[case], config)
    await reset(dut)
    await check(dut, graph, config)
