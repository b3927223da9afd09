"""Drawn `.tflite` files of one operator: stages store the file's values, or are refused by name."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hwsim.errors import InputError

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

from hwsim.arch.config import load_config
from hwsim.compiler import compile_graph
from hwsim.frontends.tflite import read_network
from hwsim.golden.reference import run_graph
from hwsim.golden.tflite.interpreter import run_quantized_operators
from hwsim.golden.tflite.tables import function_tables
from hwsim.graph import Graph, Stage
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.machine import Machine
from hwsim.passes.host_parts import host_parts
from hwsim.passes.lower import lower_as_in_file
from tests.tflite_drawn import DRAWN, drawn_file
from tests.tflite_judges import Arrays

QUICK, MANY = 16, 200  # files of each operator
MOST_IN_THE_MACHINE = 4096  # pixels of a map
Maps = dict[str, NDArray[np.int8]]
ONLY_TFLM_LACKS = {"RELU_N1_TO_1"}
ON_THE_HOST = {"DEQUANTIZE", "RESHAPE", "RESIZE_BILINEAR", "SOFTMAX", "TRANSPOSE_CONV"}
WITHOUT_STAGE = {"DEPTH_TO_SPACE"}
CASES = [
    *((word, kind, Kernels.LITERT) for word in DRAWN for kind in ("int8", "uint8")),
    *((word, "int8", Kernels.TFLM) for word in DRAWN if word not in ONLY_TFLM_LACKS),
]


def check_machine(graph: Graph, maps: Maps) -> None:
    """Compare what the machine stores on `nano` with the file's own maps, if these are small."""

    def on_stage(stage: Stage, stored: NDArray[np.int8]) -> None:
        if stage.output.name in maps:
            np.testing.assert_array_equal(stored, maps[stage.output.name], err_msg=stage.name)

    if max(values[0].size for values in maps.values()) <= MOST_IN_THE_MACHINE:
        given = {each.name: np.ascontiguousarray(maps[each.name]) for each in graph.inputs}
        Machine(compile_graph(graph, load_config("nano")), given, on_stage=on_stage).run()


def check_stages(network: OperatorGraph, inputs: Arrays, kernels: Kernels) -> int:
    """Compare the stages of a network with its file's own maps; return how many values are."""
    graph = lower_as_in_file(host_parts(network), kernels, function_tables(network, kernels)).graph
    given = {
        tensor.name: network.in_file[tensor.name].to_map(values)
        for tensor, values in zip(network.inputs, inputs, strict=True)
    }
    maps = run_quantized_operators(network, given, kernels)
    check_machine(graph, maps)
    found = run_graph(
        graph, {each.name: torch.tensor(maps[each.name])[None] for each in graph.inputs}
    )
    compared = 0
    for stage in graph.stages:
        if stage.output.name in maps:
            stored = found[stage.output.name][0].numpy()
            np.testing.assert_array_equal(stored, maps[stage.output.name], err_msg=stage.name)
            compared += stored.size
    return compared


def check(word: str, kind: str, kernels: Kernels, files: int, path: Path) -> None:
    outcomes = Counter[str]()
    values = 0
    for seed in range(files):
        content, inputs = drawn_file(word, kind, seed)
        path.write_bytes(content)
        network = read_network(path, kernels)
        try:
            values += check_stages(network, inputs, kernels)
            outcomes["equal"] += 1
        except InputError as error:
            outcomes[str(error).split(": ", 1)[-1]] += 1
    print(f"{kernels} {word} {kind}: {values:,} values equal, files: {dict(outcomes)}")
    assert (outcomes["equal"] > 0) == (word not in ON_THE_HOST | WITHOUT_STAGE)


@pytest.mark.parametrize(("word", "kind", "kernels"), CASES)
def test_stages_store_the_file_s_values(
    word: str, kind: str, kernels: Kernels, tmp_path: Path
) -> None:
    check(word, kind, kernels, QUICK, tmp_path / "drawn.tflite")


@pytest.mark.slow
@pytest.mark.parametrize(("word", "kind", "kernels"), CASES)
def test_stages_store_the_values_of_many_files(
    word: str, kind: str, kernels: Kernels, tmp_path: Path
) -> None:
    check(word, kind, kernels, MANY, tmp_path / "drawn.tflite")
