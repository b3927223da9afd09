"""Memory, its map and its header serve a network of two inputs and two outputs, whatever named."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import hwsim
from hwsim.arch.config import load_config
from hwsim.cli import main
from hwsim.escape import c_name
from hwsim.golden.reference import run_graph
from hwsim.graph import Graph, Padding, Shape, Source, Tensor
from hwsim.report.c_defines import prefixes
from hwsim.report.placed_tensor import PlacedTensor
from hwsim.rtl.deliver.example import example_files
from hwsim.rtl.deliver.system_rdl import write_manual
from hwsim.testbenches.driver import FLAGS
from tests.branched import two_cameras
from tests.drawn import drawn_inputs, with_drawn_constants
from tests.test_report_document import keeps_to_the_schema

BASE = 0x30000
HOSTILE = 'a */ b " ??/ \\ é %d'
NAMES = {
    "camera": "camera a",
    "other": "camera_a",
    "large head": "head",
    "small head": HOSTILE,
}
# Prints every field of every tensor, and then each of its elements, from the file that argv names.
PROGRAM = """\
#include <stdio.h>
#include "npu.h"
#include "npu_driver.h"
#include "memory.h"

static const struct npu_tensor inputs[MEMORY_INPUTS_COUNT] = MEMORY_INPUTS;
static const struct npu_tensor outputs[MEMORY_OUTPUTS_COUNT] = MEMORY_OUTPUTS;

static void show(const struct npu_tensor *tensor, FILE *file, long start)
{
    uint32_t c, y, x;

    printf("%s\\n%s %u %u %u %u %u %u %u %u %u %u %u %u %.17g %d\\n", tensor->name, tensor->layout,
           tensor->address, tensor->size_bytes, tensor->channels, tensor->height, tensor->width,
           tensor->pixel_bytes, tensor->row_bytes, tensor->block_bytes, tensor->cell_rows,
           tensor->cell_columns, tensor->cell_top, tensor->cell_left, tensor->scale,
           tensor->zero_point);
    for (c = 0; c < tensor->channels; c++)
        for (y = 0; y < tensor->height; y++)
            for (x = 0; x < tensor->width; x++) {
                uint32_t address = npu_element_address(tensor, c, y, x);

                fseek(file, start + (long)(address - tensor->address), SEEK_SET);
                printf("%d ", (int)(signed char)fgetc(file));
            }
    printf("\\n");
}

int main(int count, char **names)
{
    const struct npu_job job = MEMORY_JOB;
    FILE *memory = fopen(names[1], "rb"), *expected = fopen(names[2], "rb");
    long start = 0;
    unsigned i;

    for (i = 0; i < MEMORY_INPUTS_COUNT; i++)
        show(&inputs[i], memory, (long)(inputs[i].address - MEMORY_BASE));
    for (i = 0; i < MEMORY_OUTPUTS_COUNT; i++) {
        show(&outputs[i], expected, start);
        start += (long)outputs[i].size_bytes;
    }
    return count != 3 || job.fingerprint != MEMORY_FINGERPRINT;
}
"""

pytestmark = pytest.mark.usefixtures("workplace")


def renamed(graph: Graph) -> Graph:
    """Return a graph in which the tensors have the names of `NAMES`, and each another scale."""
    scales = {tensor.name: 0.1 + number / 7 for number, tensor in enumerate(graph.tensors)}

    def new(tensor: Tensor) -> Tensor:
        assert tensor.quantization is not None
        quantization = replace(tensor.quantization, scale=scales[tensor.name])
        name = NAMES.get(tensor.name, tensor.name)
        return replace(tensor, name=name, quantization=quantization)

    stages = tuple(
        replace(
            stage,
            sources=tuple(replace(each, tensor=new(each.tensor)) for each in stage.sources),
            output=new(stage.output),
        )
        for stage in graph.stages
    )
    inputs, outputs = (tuple(map(new, ends)) for ends in (graph.inputs, graph.outputs))
    return Graph("two by two", inputs, stages, outputs)


def with_strides(graph: Graph) -> Graph:
    """Return a graph of which the second input is larger, and read with strides of 2 and 3."""
    image, other = graph.inputs
    larger = replace(other, shape=Shape(3, 64, 119))
    stem, *stages = graph.stages
    source = Source.whole(larger, (3, 3), stride=(2, 3))
    sources = (stem.sources[0], replace(source, padding=Padding(top=1, left=1)))
    stages = [replace(stem, sources=sources), *stages]
    return Graph(graph.name, (image, larger), tuple(stages), graph.outputs)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return renamed(with_drawn_constants(with_strides(two_cameras()), seed=5))


@pytest.fixture(scope="module")
def given(graph: Graph) -> dict[str, NDArray[np.int8]]:
    return drawn_inputs(graph, seed=6)


@pytest.fixture(scope="module")
def written(graph: Graph, given: dict[str, NDArray[np.int8]], workplace: Path) -> Path:
    """Return the folder that the command writes for two arrays."""
    hwsim.save_graph(graph, "two.safetensors")
    arguments = ["compile", "two.safetensors", "--base", hex(BASE), "--out", "two", "-q"]
    for number, (name, values) in enumerate(given.items()):
        np.save(f"{number}.npy", values)
        arguments += ["--input", f"{name}={number}.npy"]
    assert main(arguments) == 0
    return workplace / "two"


@pytest.fixture(scope="module")
def document(written: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((written / "memory.json").read_text())
    return value


def expected_fields(tensor: dict[str, Any]) -> list[Any]:
    cells = ("cell_rows", "cell_columns", "cell_top", "cell_left")
    keys = ("pixel_bytes", "row_bytes", "block_bytes", *cells, "scale", "zero_point")
    sizes = [tensor["address"], tensor["size_bytes"], *tensor["shape"]]
    return [tensor["layout"], *sizes, *(tensor[key] for key in keys)]


def test_the_map_names_all_in_the_network_s_order(
    graph: Graph, given: dict[str, NDArray[np.int8]], document: dict[str, Any]
) -> None:
    assert keeps_to_the_schema(document, "compile")
    assert document["inputs"] == ["camera a", "camera_a"]
    assert document["outputs"] == ["head", HOSTILE]
    assert document["image"] is None
    assert [tensor["layout"] for tensor in document["tensors"][:3]] == ["cells", "cells", "blocks"]
    assert [array["name"] for array in document["arrays"]] == list(given)
    tensors = {tensor["name"]: tensor for tensor in document["tensors"]}
    for tensor in (*graph.inputs, *graph.outputs):
        found, shape, quantization = tensors[tensor.name], tensor.shape, tensor.quantization
        assert quantization is not None
        assert found["shape"] == [shape.channels, shape.height, shape.width]
        assert (found["scale"], found["zero_point"]) == (
            quantization.scale,
            quantization.zero_point,
        )


@pytest.mark.parametrize(
    ("compiler", "main_file", "standard"),
    [("gcc", "main.c", "c99"), ("g++", "main.cpp", "c++17")],
    ids=["C", "C++"],
)
def test_a_host_in_c_finds_every_input_and_output(
    graph: Graph,
    given: dict[str, NDArray[np.int8]],
    written: Path,
    document: dict[str, Any],
    tmp_path: Path,
    compiler: str,
    main_file: str,
    standard: str,
) -> None:
    """The driver's structures say where every value is that the arrays and golden have."""
    (tmp_path / "npu.h").write_text(write_manual(load_config("edge"), "npu").header)
    for path, text in example_files("npu").items():
        (tmp_path / path).write_text(text)
    (tmp_path / main_file).write_text(PROGRAM)
    driver, program = tmp_path / "example.so", tmp_path / "main"
    subprocess.run(["cc", *FLAGS, tmp_path / "example.c", "-o", driver], check=True)
    flags = [f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{written}"]
    subprocess.run([compiler, *flags, tmp_path / main_file, driver, "-o", program], check=True)
    command = [program, written / "memory.bin", written / "expected.bin"]
    lines = iter(subprocess.run(command, check=True, capture_output=True).stdout.splitlines())

    expected = run_graph(graph, {name: torch.from_numpy(x)[None] for name, x in given.items()})
    tensors = {tensor["name"]: tensor for tensor in document["tensors"]}
    for name in (*document["inputs"], *document["outputs"]):
        assert next(lines).decode() == name
        layout, *numbers = next(lines).decode().split()
        assert [layout, *map(float, numbers)] == expected_fields(tensors[name])
        values = np.array(next(lines).split(), np.int8).reshape(tensors[name]["shape"])
        np.testing.assert_array_equal(values, expected[name][0].numpy(), err_msg=name)


def test_defines_have_names_of_their_own(document: dict[str, Any]) -> None:
    defines = document["defines"]
    assert (defines["MEMORY_INPUTS_COUNT"], defines["MEMORY_OUTPUTS_COUNT"]) == ("2u", "2u")
    tensors = {tensor["name"]: tensor for tensor in document["tensors"]}
    for prefix, name in (
        ("INPUT_CAMERA_A", "camera a"),
        ("INPUT_CAMERA_A_2", "camera_a"),
        ("OUTPUT_HEAD", "head"),
        ("OUTPUT_A_B_D", HOSTILE),
    ):
        tensor = tensors[name]
        assert defines[f"MEMORY_{prefix}_ADDRESS"] == f"{tensor['address']:#010x}u"
        assert defines[f"MEMORY_{prefix}_SCALE"] == repr(tensor["scale"])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b"], ["A", "B"]),
        (["a b", "a_b", "A-B"], ["A_B", "A_B_2", "A_B_3"]),
        (["a", "a row"], ["A", "A_ROW_2"]),  # for A_ROW_BYTES is one of a's
        (["a row", "a"], ["A_ROW", "A_2"]),
        (["a", "a!", "a 2"], ["A", "A_2", "A_2_2"]),
        (["日本", "語"], ["UNNAMED", "UNNAMED_2"]),
        (["x" * 200, "x" * 201], ["X" * 32, "X" * 32 + "_2"]),
    ],
)
def test_names_in_c_are_legal_and_differ(names: list[str], expected: list[str]) -> None:
    tensors = [
        PlacedTensor(name, 0, 1, (1, 1, 1), "blocks", 1, 1, 1, 1, 1, 0, 0, 1.0, 0, None)
        for name in names
    ]
    assert prefixes("INPUT", tensors) == [f"MEMORY_INPUT_{name}" for name in expected]


def test_a_name_in_c_has_no_letter_that_c_does_not_know() -> None:
    assert c_name("ßtraße_ı_é") == "SSTRASSE_I"
