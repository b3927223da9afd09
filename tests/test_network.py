"""Whole networks on a real photograph have the right values, bytes and cycles in Verilog."""

from functools import cache
from pathlib import Path

import pytest

from hwsim.arch.config import Config
from hwsim.compiler import compile_graph
from hwsim.compiler.image import packed_inputs
from hwsim.golden.photographs import photograph
from hwsim.golden.reference import stored_image
from hwsim.graph import Graph
from hwsim.isa.error_codes import ErrorCode
from hwsim.program.relocate import relocate
from hwsim.testbenches import network_bench as bench
from hwsim.testbenches import simulator
from hwsim.testbenches.axi_memory import Violation
from hwsim.testbenches.tb_accelerator import check_machine, check_values
from hwsim.timeline import time_program
from tests.drawn import preset_with
from tests.quantized import quantized_network
from tests.test_accelerator import generated

BENCH = "hwsim.testbenches.tb_network"
MEMORIES = {
    "ideal": {"latency_cycles": 1},
    "60 cycles": {"latency_cycles": 60},
    "half bandwidth": {"bandwidth_bytes_per_cycle": 8},
    "2.5 cycles per beat": {"bandwidth_bytes_per_cycle": 6.4},
    "shared": {"bandwidth_bytes_per_cycle": 8, "shared": True},
}
quantized = cache(quantized_network)


def run_network(graph: Graph, config: Config, folder: Path, base: int = 0) -> None:
    """Run a network on the rocket, a photograph that decided no constant."""
    size = graph.only_input.shape
    image = stored_image(photograph("rocket", height=size.height, width=size.width)).numpy()
    program = relocate(compile_graph(graph, config), base)
    timeline = time_program(program)
    predicted = timeline.cycles
    inputs = {graph.only_input.name: image}
    bench.place(program, packed_inputs(program, inputs), folder)
    model = bench.build(generated(config), config)
    environment = bench.environment(program, predicted, folder)
    simulator.run(model, bench.TOP, BENCH, folder, environment, bench.plusargs(folder))
    run = bench.load_run(folder)
    assert (run.error, run.error_descriptor) == (ErrorCode.NONE, 0)
    assert run.events == {"end": 1, "error": 0, "refused": 0}
    assert run.violation is Violation.NONE
    assert run.is_complete(config.bus_bytes)
    check_machine(program, inputs, run)
    check_values(program, inputs, run)
    assert run.array_cycles == sum(stage.busy_cycles for stage in timeline.stages)
    assert run.cycles == predicted


@pytest.mark.verilator
def test_condensed_network(tmp_path: Path) -> None:
    run_network(quantized("condensation-net-mini"), preset_with("nano"), tmp_path)


@pytest.mark.verilator
@pytest.mark.slow
def test_network_at_another_address(tmp_path: Path) -> None:
    run_network(quantized("condensation-net-mini"), preset_with("nano"), tmp_path, base=0x100000)


@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("network", ["tiny-yolov2-mini", "condensation-net-mini"])
def test_network_on_edge(network: str, memory: str, tmp_path: Path) -> None:
    config = preset_with("edge", memory=MEMORIES[memory])
    run_network(quantized(network), config, tmp_path)
