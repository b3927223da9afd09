"""Stages of real `.tflite` networks store the file's own values, in golden and in the machine."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

from hwsim.arch.config import load_config
from hwsim.compiler import compile_graph
from hwsim.frontends.tflite import read_network
from hwsim.golden.reference import run_graph
from hwsim.golden.tflite.interpreter import run_quantized_operators
from hwsim.graph import Graph, Stage
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.machine import Machine
from hwsim.passes.host_parts import host_parts
from hwsim.passes.lower import lower_as_in_file
from tests.tflite_judges import NAMES, Arrays, network_file, references

STAGES = {
    "ad01_int8": 10,
    "kws_dscnn_int8": 11,
    "mcunet_detection_int8": 68,
    "mobilenet_v1_025_128_uint8": 29,
    "mobilenet_v2_224_int8": 64,
    "resnet8_int8": 14,
    "ssd_slim_120x160_int8": 42,
    "vww_96_int8": 29,
}
IN_THE_MACHINE = ("ad01_int8", "kws_dscnn_int8", "resnet8_int8", "vww_96_int8")
Map = NDArray[np.int8]


def source_maps(graph: OperatorGraph, inputs: Arrays) -> dict[str, Map]:
    """Return every map of a network as its file computes it."""
    given = {
        tensor.name: graph.in_file[tensor.name].to_map(values)
        for tensor, values in zip(graph.inputs, inputs, strict=True)
    }
    return run_quantized_operators(graph, given, Kernels.LITERT)


def device_graph(graph: OperatorGraph) -> Graph:
    return lower_as_in_file(host_parts(graph), Kernels.LITERT).graph


@pytest.mark.parametrize("name", NAMES)
def test_every_stage_stores_what_the_file_computes(name: str) -> None:
    network = read_network(network_file(name))
    graph = device_graph(network)
    assert len(graph.stages) == STAGES[name]
    assert graph.macs == network.total_macs
    assert graph.macs == network.total_macs
    (inputs, _), *_ = references(name)
    maps = source_maps(network, inputs)
    given = {tensor.name: torch.tensor(maps[tensor.name])[None] for tensor in graph.inputs}
    found = run_graph(graph, given)
    for stage in graph.stages:
        stored, expected = found[stage.output.name][0].numpy(), maps[stage.output.name]
        np.testing.assert_array_equal(stored, expected, err_msg=stage.name)


@pytest.mark.parametrize("preset", ["nano", "edge"])
@pytest.mark.parametrize("name", IN_THE_MACHINE)
def test_the_machine_stores_what_the_file_computes(name: str, preset: str) -> None:
    network = read_network(network_file(name))
    graph = device_graph(network)
    (inputs, _), *_ = references(name)
    maps = source_maps(network, inputs)
    program = compile_graph(graph, load_config(preset))

    def on_stage(stage: Stage, stored: NDArray[np.int8]) -> None:
        np.testing.assert_array_equal(stored, maps[stage.output.name], err_msg=stage.name)

    given = {tensor.name: np.ascontiguousarray(maps[tensor.name]) for tensor in graph.inputs}
    Machine(program, given, on_stage=on_stage).run()
