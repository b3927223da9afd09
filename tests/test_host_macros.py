"""The macros of memory.h from which functions of the host take their parameters."""

import json
import re
import subprocess
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

import hwsim
from hwsim.errors import InputError
from hwsim.graph import host_operators, operators, pointwise
from hwsim.graph.host_operators import DetectionHead, TransposeConvolution
from hwsim.graph.operators import Arithmetic, Operator
from hwsim.graph.steps import FileNetwork
from hwsim.report.c_host_steps import ELSEWHERE, PARAMETERS, c_number
from hwsim.report.file_figures import NOT_PARAMETERS
from tests.tflite_small import with_host_tail

WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wconversion", "-pedantic")
MACROS = re.compile(r"^#define MEMORY_HOST_OP_(\w+) +(.*)$", re.MULTILINE)
EXPECTED = {  # of the transposed convolution, the difference, the pool, the slopes, the mean
    "1_KERNEL_ROWS": "3", "1_KERNEL_COLUMNS": "2", "1_STRIDE_ROWS": "2", "1_STRIDE_COLUMNS": "2",
    "1_PADDING_TOP_PIXELS": "0", "1_PADDING_LEFT_PIXELS": "0", "1_PADDING_BOTTOM_PIXELS": "1",
    "1_PADDING_RIGHT_PIXELS": "0", "1_LEAST": "(-128)", "1_MOST": "127",
    "1_INPUT_0_MAP": "{ 4u, 3u, 6u }", "1_INPUT_0_ELEMENTS": "72", "1_INPUT_0_SCALE": "0.25f",
    "1_INPUT_0_ZERO_POINT": "(-1)", "1_OUTPUT_MAP": "{ 8u, 6u, 3u }", "1_OUTPUT_ELEMENTS": "144",
    "1_OUTPUT_SCALE": "0.10000000149011612f", "1_OUTPUT_ZERO_POINT": "2",
    "2_IS_CONSTANT_FIRST": "1", "2_LEAST": "(-9)", "2_MOST": "39",
    "3_WINDOW_ROWS": "3", "3_WINDOW_COLUMNS": "2", "3_PADDING_BOTTOM_PIXELS": "1",
    "4_SLOPE": "0.25f", "5_OVER_ROWS": "0", "5_OVER_COLUMNS": "1", "5_OVER_CHANNELS": "0",
    "6_OUTPUT_MAP": "{ 2u, 2u, 3u }",
}  # fmt: skip


@pytest.fixture(params=["int8", "uint8"])
def compiled(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a folder with what `hwsim compile` writes."""
    (tmp_path / "tail.tflite").write_bytes(with_host_tail(request.param).content())
    for name, content in hwsim.compile(tmp_path / "tail.tflite", "nano").files.items():
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_parameters_are_numbers_of_c(compiled: Path) -> None:
    header = (compiled / "memory.h").read_text()
    found = dict(MACROS.findall(header))
    assert {name: found.get(name) for name in EXPECTED} == EXPECTED
    defines = json.loads((compiled / "memory.json").read_text())["defines"]
    assert {name: defines[f"MEMORY_HOST_OP_{name}"] for name in found} == found
    assert not re.search(r"True|False|[{]'|frozenset", header)


def test_every_macro_compiles(compiled: Path) -> None:
    names = [f"MEMORY_HOST_OP_{n}" for n, _ in MACROS.findall((compiled / "memory.h").read_text())]
    lines = ["#include <stdint.h>", '#include "accelerator_host_ops.h"', '#include "memory.h"']
    for number, name in enumerate(names):
        kind = "struct accelerator_map" if name.endswith("_MAP") else "float"
        kind = "uint32_t" if name.endswith("_ADDRESS") else kind
        kind = kind if kind != "float" or name.endswith(("SCALE", "BETA", "SLOPE")) else "int32_t"
        lines.append(f"extern const {kind} value_{number}; const {kind} value_{number} = {name};")
    (compiled / "all.c").write_text("\n".join([*lines, ""]))
    example = Path(hwsim.__file__).parent / "rtl" / "deliver" / "example"
    for language, standard in (("c", "c99"), ("c++", "c++17")):
        command = ["cc", "-x", language, f"-std={standard}", *WARNINGS, "-I", str(example)]
        subprocess.run([*command, "-c", "-o", "/dev/null", "all.c"], cwd=compiled, check=True)


def test_no_parameter_of_an_operator_is_left_out() -> None:
    kinds = {
        kind
        for module in (operators, host_operators, pointwise)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Operator)
    }
    of_files = {kind for kind in kinds if not issubclass(kind, DetectionHead)}
    names = {field.name for kind in of_files for field in fields(kind)} - NOT_PARAMETERS
    assert names == PARAMETERS.keys() | ELSEWHERE


READ = {"int8": "i1", "int32": "<i4", "float32": "<f4"}  # little-endian, by the document's names


def test_constants_lie_behind_the_accelerator_s(compiled: Path) -> None:
    memory = (compiled / "memory.bin").read_bytes()
    document = json.loads((compiled / "memory.json").read_text())
    defines, memory_bytes = document["defines"], document["memory_bytes"]
    assert len(memory) == memory_bytes
    windows = {write["name"]: write["value"] for write in document["registers"]}
    found = {}
    for constant in document["host_constants"]:
        address, size_bytes = constant["address"], constant["size_bytes"]
        assert address % 64 == 0
        assert address > max(windows["CONSTANTS_LIMIT"], windows["FEATURES_LIMIT"])
        name = f"{constant['step']}_{constant['name'].upper().replace(' ', '_')}"
        assert int(defines[f"MEMORY_HOST_OP_{name}_ADDRESS"].rstrip("u"), 16) == address
        part = np.frombuffer(
            memory[address : address + size_bytes], np.dtype(READ[constant["type"]])
        )
        assert int(defines[f"MEMORY_HOST_OP_{name}_ELEMENTS"]) == part.size
        found[name] = part.reshape(constant["shape"])
    network = hwsim.load(compiled / "tail.tflite")
    assert isinstance(network, FileNetwork)
    enlarging, less = network.host_steps[0].operator, network.host_steps[1].operator
    assert isinstance(enlarging, TransposeConvolution)
    assert isinstance(less, Arithmetic)
    assert less.constant is not None
    expected = {
        "1_WEIGHTS": enlarging.constants.weights.transpose(0, 2, 3, 1),
        "1_WEIGHT_SCALES": enlarging.constants.scales,
        "1_BIAS": enlarging.constants.bias,
        "2_OPERAND": less.constant.values.transpose(1, 2, 0),
    }
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
    assert defines["MEMORY_HOST_OP_1_WEIGHTS_ZERO_POINT"] == "0"
    assert defines["MEMORY_HOST_OP_2_OPERAND_MAP"] == "{ 1u, 1u, 3u }"
    assert defines["MEMORY_HOST_OP_2_OPERAND_SCALE"] == "0.029999999329447746f"
    assert defines["MEMORY_HOST_OP_2_OPERAND_ZERO_POINT"] == "(-4)"


def test_constants_move_with_the_base_and_end_within_32_bits(compiled: Path) -> None:
    path = compiled / "tail.tflite"
    here, there = (hwsim.compile(path, "nano", base=base).document for base in (0, 0x80000000))
    moved = [each.address + 0x80000000 for each in here.host_constants]
    assert [each.address for each in there.host_constants] == moved
    last = (1 << 32) - here.memory_bytes
    assert hwsim.compile(path, "nano", base=last).document.memory_bytes == here.memory_bytes
    with pytest.raises(InputError, match="addresses end at 0x100000000"):
        hwsim.compile(path, "nano", base=last + 4096)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (-3, "(-3)"), (True, "1"), (1e-7, "1e-07f"), (-0.5, "(-0.5f)")]
)
def test_numbers_have_the_syntax_of_c(value: float, text: str) -> None:
    assert c_number(value) == text
