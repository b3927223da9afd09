"""A `.tflite` of several programs: its steps, its one memory, its timeline, and its Verilog."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

import hwsim
from hwsim.arch.config import load_config
from hwsim.compiler.image import packed_input
from hwsim.compiler.pack import unpack_features
from hwsim.flows.estimate import compiled
from hwsim.flows.progress import silent
from hwsim.golden.tflite.interpreter import run_operator
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.graph.steps import FileNetwork, HostStep
from hwsim.machine import Machine
from hwsim.program.network_plan import NetworkProgram
from hwsim.program.program import Program
from hwsim.report.charts import memory_chart
from hwsim.report.perfetto import trace_text
from hwsim.report.web_page import page_text
from hwsim.testbenches import network_bench
from hwsim.timeline import time_program
from tests.test_tflite_chained import KINDS
from tests.tflite_chained import chained_file
from tests.tflite_judges import litert_outputs
from tests.tflite_small import braided

SEVERAL = (0, 5, 28, 55)  # seeds of chained files with several programs
LONG_CHAIN = 20  # operators


@pytest.fixture
def content() -> bytes:
    return braided().content()


@pytest.fixture
def network(content: bytes, tmp_path: Path) -> FileNetwork:
    path = tmp_path / "braided.tflite"
    path.write_bytes(content)
    return loaded(path)


def loaded(path: Path, kernels: str = "litert") -> FileNetwork:
    found = hwsim.load(path, kernels=kernels)
    assert isinstance(found, FileNetwork)
    return found


def drawn_input() -> NDArray[np.int8]:
    return np.random.default_rng(5).integers(-128, 128, (1, 4, 4, 4)).astype(np.int8)


def test_the_host_s_work_cuts_only_what_waits_for_it(network: FileNetwork) -> None:
    assert [[stage.name for stage in step.graph.stages] for step in network.device_steps] == [
        ["conv_2d_0", "conv_2d_6"],
        ["conv_2d_2", "add_4"],
        ["conv_2d_8"],
    ]
    assert [step.operator.name for step in network.host_steps] == [
        "depth_to_space_1",
        "resize_bilinear_5",
    ]
    first, _, last = network.device_steps
    assert first.leaves == ("conv_2d_0", "conv_2d_6")
    assert last.reads == ("resize_bilinear_5", "conv_2d_6", "conv_2d_0")


def test_the_outputs_are_litert_s(network: FileNetwork, content: bytes) -> None:
    x = drawn_input()
    (found,) = hwsim.run(network, "nano", inputs={"x": x}, check=True).outputs.values()
    (expected,) = litert_outputs(content, [x])
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(found)) > 8


def test_an_estimate_is_the_sum_of_its_programs(network: FileNetwork) -> None:
    config = load_config("nano")
    programs = compiled(ProgramGraphs.of_steps(network), config, silent).programs
    alone = [time_program(program) for program in programs]
    found = hwsim.estimate(network, config)
    timeline = found.estimate.timeline
    assert found.totals.cycles == timeline.cycles == sum(each.cycles for each in alone)
    assert [layer.name for layer in found.layers] == [
        time.stage.name for each in alone for time in each.stages
    ]
    assert [layer.cycles for layer in found.layers] == [
        time.cycles for each in alone for time in each.stages
    ]
    assert found.totals.macs == network.graph.macs
    # Nothing of a program happens before the one in front of it has ended.
    ends = np.cumsum([each.cycles for each in alone])
    stages = np.cumsum([len(each.stages) for each in alone])
    for events in (timeline.loads, timeline.stores):
        for event in events:
            number = int(np.searchsorted(stages, event.stage, side="right"))
            assert event.last_cycle <= ends[number]
            assert number == 0 or event.first_cycle >= ends[number - 1]
    figures = found.document.file
    assert figures is not None
    assert sum(step.read_bytes for step in figures.host_steps) == 64 + 256
    chart = memory_chart(found.document, found.estimate.program)
    assert [text.partition("<br>")[0] for text in chart["layout"]["xaxis"]["ticktext"]] == [
        "conv_2d_0", "conv_2d_6", "depth_to_space_1", "conv_2d_2", "add_4", "resize_bilinear_5",
        "conv_2d_8",
    ]  # fmt: skip


def test_a_page_and_a_trace_show_all_programs(network: FileNetwork) -> None:
    found = hwsim.estimate(network, "nano")
    page = page_text(found.document, found.estimate)
    for text in ("program 3", "depth_to_space_1", "conv_2d_8", "time between programs is left out"):
        assert text in page
    trace = json.loads(trace_text(found.estimate))
    layers = [event for event in trace["traceEvents"] if event.get("cat") == "layers"]
    assert [event["name"] for event in layers] == [layer.name for layer in found.layers]
    assert trace["otherData"]["cycles"] == found.totals.cycles


def run_in_place(
    network: FileNetwork, programs: NetworkProgram, inputs: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Return the outputs `x[C, H, W]` of all steps on one memory, which is all that they share."""
    memory = np.zeros(programs.size_bytes, np.uint8)
    for program in programs.programs:
        for address, part in program.image().items():
            memory[address : address + len(part)] = np.frombuffer(part, np.uint8)
    config, placed = programs.config, {each.name: each for each in programs.graph.tensors}
    held = dict(inputs)  # what the host has on its own

    def write(name: str, x: NDArray[Any]) -> None:
        held[name] = x
        if name in placed:
            region = programs.region(placed[name])
            packed = packed_input(programs, placed[name], x)
            memory[region.address : region.end] = np.frombuffer(packed, np.uint8)

    def read(name: str) -> NDArray[Any]:
        if name not in placed or name in held:
            return held[name]
        region, shape = programs.region(placed[name]), placed[name].shape
        return unpack_features(memory[region.address : region.end].tobytes(), shape, config)

    for name, x in inputs.items():
        write(name, x)
    waiting = iter(programs.programs)
    for step in network.steps:
        if isinstance(step, HostStep):
            maps = [read(name) for name in step.reads]
            left = run_operator(network.operators, step.operator, maps, network.kernels)
            for name, x in left.items():
                write(name, x)
        else:
            program = next(waiting)
            machine = Machine(program, _zeros(program))
            machine.memory.data[:] = memory[: program.size_bytes]
            memory[: program.size_bytes] = machine.run().data
    return {name: read(name) for name in network.operators.outputs}


def _zeros(program: Program) -> dict[str, NDArray[np.int8]]:
    shapes = {each.name: each.shape for each in program.graph.inputs}
    return {
        name: np.zeros((shape.channels, shape.height, shape.width), np.int8)
        for name, shape in shapes.items()
    }


def check_apart(network: FileNetwork, programs: NetworkProgram) -> None:
    """Check that the host can write what it leaves before it has read all that it reads."""
    for step in network.host_steps:
        left = programs.tensors.get(step.leaves[0])
        for name in step.reads:
            read = programs.tensors.get(name)
            if left is not None and read is not None:
                assert left.end <= read.address or read.end <= left.address


@pytest.mark.parametrize("preset", ["nano", "edge"])
def test_what_waits_keeps_its_place(preset: str, network: FileNetwork, content: bytes) -> None:
    programs = compiled(ProgramGraphs.of_steps(network), load_config(preset), silent)
    x = drawn_input()
    (found,) = run_in_place(network, programs, {"x": network.in_file("x").to_map(x)}).values()
    (expected,) = litert_outputs(content, [x])
    check_apart(network, programs)
    (tensor,) = network.outputs.values()
    np.testing.assert_array_equal(tensor.from_map(found), expected)
    assert programs.peak_feature_bytes == programs.least_feature_bytes
    assert programs.peak_feature_bytes < sum(each.size_bytes for each in programs.tensors.values())
    ends = [program.code.end for program in programs.programs]
    assert programs.constants.limit + 1 >= max(ends)
    assert programs.constants.base > programs.features.limit


@pytest.mark.parametrize("seed", SEVERAL)
def test_chained_files_share_one_memory(seed: int, tmp_path: Path) -> None:
    kind, kernels = KINDS[seed % len(KINDS)]
    content, inputs = chained_file(kind, seed, LONG_CHAIN)
    path = tmp_path / "chain.tflite"
    path.write_bytes(content)
    network = loaded(path, kernels)
    assert len(network.device_steps) > 1
    given = dict(zip(network.inputs, inputs, strict=True))
    maps = {name: network.inputs[name].to_map(x) for name, x in given.items()}
    programs = compiled(ProgramGraphs.of_steps(network), load_config("nano"), silent)
    check_apart(network, programs)
    expected = hwsim.run(network, "nano", inputs=given, check=True).outputs
    found = run_in_place(network, programs, maps)
    for name, own_name in network.output_names.items():
        output = network.outputs[name].from_map(found[name])
        np.testing.assert_array_equal(output, expected[own_name])


class TestVerilog:
    """The programs run in turn on the same hardware."""

    pytestmark = pytest.mark.verilator

    def test_every_witness_agrees(self, network: FileNetwork) -> None:
        found = hwsim.verify(network, "nano", inputs={"x": drawn_input()})
        assert found.failures == ()
        programs = found.document.programs
        assert [program.name for program in programs] == ["program 1", "program 2", "program 3"]
        assert [program.timeline_cycles for program in programs] == [
            program.verilog_cycles for program in programs
        ]
        (output,) = found.document.file_outputs
        assert (output.name, output.elements, output.different_elements) == ("out", 32, 0)

    def test_a_flipped_byte_is_seen_where_it_is_and_carried_on(
        self, network: FileNetwork, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = network_bench.place

        def flipped(program: Program, inputs: Mapping[int, bytes], folder: Path) -> None:
            place(program, inputs, folder)
            if program.stages[0].stage.name == "conv_2d_0":
                file = folder / network_bench.MEMORY_FILE
                contents = bytearray(file.read_bytes())
                contents[program.stages[0].weights.address] ^= 0x40
                file.write_bytes(contents)

        monkeypatch.setattr(network_bench, "place", flipped)
        found = hwsim.verify(network, "nano", inputs={"x": drawn_input()})
        first, last = found.failures
        assert first.startswith("A, program 1: conv_2d_0 differs in ")
        assert last.startswith("output out differs in ")
        assert [program.name for program in found.document.programs] == [
            "program 1", "program 2", "program 2 chained", "program 3", "program 3 chained",
        ]  # fmt: skip
