"""The files of `hwsim compile` are right: memory as in the benches, and all that a host needs."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hwsim.arch.config import load_config
from hwsim.cli import main
from hwsim.compiler import compile_graph
from hwsim.compiler.image import packed_input
from hwsim.flows.quantized import float_weights, quantized_graph
from hwsim.frontends.builtin import build_network
from hwsim.golden.photographs import load_image
from hwsim.golden.reference import stored_image
from hwsim.isa.identity import fingerprint, reset_value
from hwsim.isa.registers import register
from hwsim.machine import Machine
from hwsim.program.program import Program
from hwsim.program.relocate import relocate
from hwsim.report.memory_map import CompiledNetwork, MemoryMap, make_memory_map
from hwsim.rtl.deliver.example import example_files
from hwsim.rtl.deliver.system_rdl import write_manual
from hwsim.testbenches.axi_memory import Contents
from hwsim.testbenches.driver import FLAGS
from hwsim.timeline import time_program
from tests.drawn import configs, drawn_input, in_memory, shapes_of_graphs, with_drawn_constants
from tests.loading import alone
from tests.outputs import golden_outputs
from tests.test_machine import compiled

MINI = "condensation-net-mini"
BASE = 0x30000
NETWORK = CompiledNetwork("drawn", 1, 1, 1, 8, "drawn")
FILES = {"memory.bin", "memory.json", "memory.h", "expected.bin"}
OUTPUTS = Path(__file__).parents[1] / "docs" / "outputs.md"

pytestmark = pytest.mark.usefixtures("workplace")


@pytest.fixture(scope="module")
def written(workplace: Path) -> Path:
    """Return the folder that the command writes for a photograph, at a base other than 0."""
    arguments = ["compile", MINI, "--image", "photo.jpg", "--base", hex(BASE)]
    assert main([*arguments, "--out", "written", "-q"]) == 0
    return workplace / "written"


@pytest.fixture(scope="module")
def document(written: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((written / "memory.json").read_text())
    return value


CELLS = ("cell_rows", "cell_columns", "cell_top", "cell_left")


def program_at(base: int) -> Program:
    shapes = build_network(MINI)
    graph = quantized_graph(shapes, float_weights(shapes, None), multiplier_bits=16)
    return relocate(compile_graph(graph, load_config("edge")), base)


def stored_photograph() -> NDArray[np.int8]:
    values: NDArray[np.int8] = stored_image(load_image("photo.jpg", height=64, width=64)).numpy()
    return values


def element(memory: bytes, tensor: dict[str, Any], c: int, y: int, x: int) -> int:
    """Return one element, at its documented place after the tensor's address."""
    pixel = tensor["pixel_bytes"]
    offset = c // pixel * tensor["block_bytes"] + y * tensor["row_bytes"] + x * pixel + c % pixel
    return int.from_bytes(memory[offset : offset + 1], "little", signed=True)


def unpacked(memory: bytes, tensor: dict[str, Any]) -> NDArray[np.int8]:
    """Return `x[C, H, W]`, read element by element."""
    return np.array(
        [element(memory, tensor, c, y, x) for c, y, x in np.ndindex(*tensor["shape"])], np.int8
    ).reshape(tensor["shape"])


def tensor_of(document: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the one tensor that `inputs` or `outputs` names."""
    (name,) = document[key]
    (found,) = (item for item in document["tensors"] if item["name"] == name)
    return dict(found)


def test_memory_is_what_the_testbenches_start_with(written: Path, document: dict[str, Any]) -> None:
    program = program_at(BASE)
    memory = Contents.of(program)
    packed = packed_input(program, program.graph.only_input, stored_photograph())
    memory.place(program.region(program.graph.inputs[0]).address, packed)
    assert not any(memory.data[:BASE])
    found = (written / "memory.bin").read_bytes()
    assert found == bytes(memory.data[BASE:])
    assert {path.name for path in written.iterdir()} == FILES
    assert (document["base_address"], document["memory_bytes"]) == (BASE, len(found))
    assert document["files"] == [
        {"path": name, "size_bytes": (written / name).stat().st_size}
        for name in ("memory.bin", "expected.bin")
    ]


def test_expected_is_what_the_machine_leaves_at_this_base(
    written: Path, document: dict[str, Any]
) -> None:
    """The expected output equals the machine's and golden's, at the document's address."""
    program = program_at(BASE)
    memory = Machine(program, {program.graph.only_input.name: stored_photograph()}).run().data
    output = tensor_of(document, "outputs")
    expected = (written / "expected.bin").read_bytes()
    assert len(expected) == output["size_bytes"]
    assert expected == memory[output["address"] :][: output["size_bytes"]].tobytes()
    *_, reference = golden_outputs(
        program.graph, stored_image(load_image("photo.jpg", height=64, width=64))[None]
    )
    np.testing.assert_array_equal(unpacked(expected, output), reference[0].numpy())
    assert output["sha256"] == hashlib.sha256(expected).hexdigest()
    assert all(tensor["sha256"] for tensor in document["tensors"])


def test_the_input_lies_where_the_document_says(written: Path, document: dict[str, Any]) -> None:
    given_tensor = tensor_of(document, "inputs")
    start = given_tensor["address"] - BASE
    found = (written / "memory.bin").read_bytes()[start : start + given_tensor["size_bytes"]]
    np.testing.assert_array_equal(unpacked(found, given_tensor), stored_photograph())
    assert (given_tensor["layout"], given_tensor["shape"]) == ("image", [3, 64, 64])
    assert given_tensor["sha256"] == hashlib.sha256(found).hexdigest()
    assert document["image"] == {
        "name": "photo.jpg",
        "sha256": given_tensor["sha256"],
        "taken_as": "stretched to 64x64, red, green, blue, int8 elements are the pixel - 128, as "
        "darknet says",
    }
    assert document["arrays"] == []


def test_registers_and_counters_are_those_of_the_program(document: dict[str, Any]) -> None:
    program = program_at(BASE)
    timeline = time_program(program)
    values = {write["name"]: write["value"] for write in document["registers"]}
    assert values == {
        "CONSTANTS_BASE": program.constants.base,
        "CONSTANTS_LIMIT": program.constants.limit,
        "FEATURES_BASE": program.features.base,
        "FEATURES_LIMIT": program.features.limit,
        "PROGRAM_ADDRESS": program.code.address,
    }
    for write in document["registers"]:
        assert write["offset"] == register(write["name"]).offset
    assert document["expected_fingerprint"] == fingerprint(load_config("edge"))
    assert document["expected_build"] == reset_value(register("BUILD"), load_config("edge"))
    assert document["predicted_counters"]["CYCLES"] == timeline.cycles
    assert main(["estimate", MINI, "--json", "totals.json", "-q"]) == 0
    totals = json.loads(Path("totals.json").read_text())["totals"]
    assert document["predicted_counters"] == {
        "CYCLES": totals["cycles"],
        "ARRAY_CYCLES": totals["busy_cycles"],
        "PROGRAM_BYTES": totals["program_bytes"],
        "WEIGHT_BYTES": totals["weight_bytes"],
        "FEATURE_READ_BYTES": totals["features_read_bytes"],
        "FEATURE_WRITTEN_BYTES": totals["features_written_bytes"],
    }


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.integers(0, 2**32 - 1))
def test_every_tensor_lies_as_its_layout_says(data: st.DataObject, seed: int) -> None:
    graph = with_drawn_constants(data.draw(shapes_of_graphs()), seed)
    program = compiled(graph, in_memory(data.draw(configs(8))))
    document = mapped(program)
    image = drawn_input(graph, seed)
    outputs: dict[str, NDArray[np.int8]] = {graph.inputs[0].name: image}
    packed = {graph.inputs[0].name: packed_input(program, graph.only_input, image)}

    def on_stage(stage: Any, values: NDArray[np.int8]) -> None:
        region = program.region(stage.output)
        outputs[stage.output.name] = values.copy()
        packed[stage.output.name] = machine.memory.data[region.address : region.end].tobytes()

    machine = Machine(program, {graph.only_input.name: image}, on_stage=on_stage)
    machine.run()
    for tensor in document.tensors:
        assert tensor.size_bytes == len(packed[tensor.name])
        found = unpacked(packed[tensor.name], vars(tensor))
        np.testing.assert_array_equal(found, outputs[tensor.name], err_msg=tensor.name)


def mapped(program: Program) -> MemoryMap:
    return make_memory_map(alone(program), [time_program(program)], NETWORK, None, None, (), {}, {})


@pytest.mark.parametrize(
    ("compiler", "main_file", "standard"),
    [("cc", "main.c", "gnu99"), ("g++", "main.cpp", "c++17")],
    ids=["C", "C++"],
)
def test_the_header_serves_the_driver(
    written: Path,
    document: dict[str, Any],
    tmp_path: Path,
    compiler: str,
    main_file: str,
    standard: str,
) -> None:
    """The header compiles with the driver, and its numbers are those of the document."""
    (tmp_path / "npu.h").write_text(write_manual(load_config("edge"), "npu").header)
    for path, text in example_files("npu").items():
        (tmp_path / path).write_text(text)
    lines = [f'    printf("{name} %.17g\\n", (double)({name}));' for name in document["defines"]]
    headers = ("<stdio.h>", '"npu.h"', '"npu_driver.h"', '"memory.h"')
    source = "\n".join(
        [
            *(f"#include {header}" for header in headers),
            "int main(void) {",
            "    const struct npu_job job = MEMORY_JOB;",
            *lines,
            '    printf("job %u %u %u %u %u\\n", job.program_address, job.constants_first,',
            "           job.constants_last, job.features_first, job.features_last);",
            "    return job.fingerprint != NPU__FINGERPRINT__VALUE_reset || !*npu_error_text(0);",
            "}",
            "",
        ]
    )
    (tmp_path / main_file).write_text(source)
    driver, program = tmp_path / "example.so", tmp_path / "main"
    subprocess.run(["cc", *FLAGS, tmp_path / "example.c", "-o", driver], check=True)
    flags = [f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{written}"]
    subprocess.run([compiler, *flags, tmp_path / main_file, driver, "-o", program], check=True)
    output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    *pairs, job = output.splitlines()
    found = {name: float(value) for name, value in map(str.split, pairs)}
    registers = {write["name"]: write["value"] for write in document["registers"]}
    expected = {"BASE": BASE, "BYTES": document["memory_bytes"]}
    expected |= {"BUILD": document["expected_build"]} | registers
    expected["FINGERPRINT"] = document["expected_fingerprint"]
    for name, count in document["predicted_counters"].items():
        expected[f"PREDICTED_{name}"] = count
    for end, name in (("INPUT", "IMAGE"), ("OUTPUT", "DETECTIONS")):
        tensor = tensor_of(document, f"{end.lower()}s")
        expected[f"{end}S_COUNT"] = 1
        sizes = dict(zip(("channels", "height", "width"), tensor["shape"], strict=True))
        keys = ("address", "pixel_bytes", "row_bytes", "block_bytes", "zero_point", "scale", *CELLS)
        sizes |= {"bytes": tensor["size_bytes"]} | {key: tensor[key] for key in keys}
        expected |= {f"{end}_{name}_{key.upper()}": value for key, value in sizes.items()}
    assert found == {f"MEMORY_{name}": value for name, value in expected.items()}
    assert job.split()[1:] == [
        str(registers[name])
        for name in (
            "PROGRAM_ADDRESS",
            "CONSTANTS_BASE",
            "CONSTANTS_LIMIT",
            "FEATURES_BASE",
            "FEATURES_LIMIT",
        )
    ]


def test_every_name_is_documented(document: dict[str, Any]) -> None:
    text = OUTPUTS.read_text("utf-8")
    section = text[text.index("## Memory") :]
    names = {
        *document,
        *document["tensors"][0],
        *document["registers"][0],
        *document["programs"][0],
    }
    for name in names | {*document["network"]}:
        assert f"`{name}`" in section, f"{name} is not in docs/outputs.md"
    assert document["schema_version"] == "3.5"
