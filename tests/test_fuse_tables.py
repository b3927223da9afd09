"""A function is fused into the stage that it alone reads, and every value stays the file's."""

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

from hwsim.frontends.tflite import read_network
from hwsim.golden.reference import run_graph
from hwsim.golden.tflite.interpreter import run_quantized_operators
from hwsim.golden.tflite.tables import function_tables
from hwsim.graph.kernels import Kernels
from hwsim.passes.host_parts import host_parts
from hwsim.passes.lower import Fate, Lowered, lower_as_in_file
from tests.tflite_small import bent
from tests.tflite_writer import File


def checked(file: File, folder: Path) -> Lowered:
    """Return the stages of a file, which store the file's own values."""
    path = folder / "small.tflite"
    path.write_bytes(file.content())
    network = read_network(path)
    tables = function_tables(network, Kernels.LITERT)
    lowered = lower_as_in_file(host_parts(network), Kernels.LITERT, tables)
    (given,) = network.inputs
    shape = given.shape.channels, given.shape.height, given.shape.width
    x = np.random.default_rng(1).integers(-128, 128, shape).astype(np.int8)
    maps = run_quantized_operators(network, {given.name: x}, Kernels.LITERT)
    found = run_graph(lowered.graph, {given.name: torch.from_numpy(x)[None]})
    for stage in lowered.graph.stages:
        stored = found[stage.output.name][0].numpy()
        np.testing.assert_array_equal(stored, maps[stage.output.name], err_msg=stage.name)
    return lowered


def test_each_convolution_takes_up_the_function_behind_it(tmp_path: Path) -> None:
    lowered = checked(bent(), tmp_path)
    assert [stage.name for stage in lowered.graph.stages] == ["conv_2d_0", "conv_2d_2"]
    assert all(stage.table for stage in lowered.graph.stages)
    by_name = {operator.name: operator for operator in lowered.operators.operators}
    function = by_name["hard_swish_1"]
    assert lowered.fate(function) is Fate.FUSED
    assert lowered.fused_into(function) == ("conv_2d_0",)
    assert lowered.own_stages(by_name["conv_2d_0"]) == ("conv_2d_0",)


def test_a_map_that_is_an_output_stays(tmp_path: Path) -> None:
    file = bent()
    file.outputs = [*file.outputs, file.operators[0].outputs[0]]
    names = [stage.name for stage in checked(file, tmp_path).graph.stages]
    assert names == ["conv_2d_0", "hard_swish_1", "conv_2d_2"]


def test_a_map_that_others_read_stays(tmp_path: Path) -> None:
    file = bent()
    first = file.operators[0].outputs[0]
    dims = file.tensors[first].dims
    again = file.tensor(dims, "int8", [0.05], [40])
    file.operator("HARD_SWISH", [first], again)
    file.outputs = [*file.outputs, again]
    names = [stage.name for stage in checked(file, tmp_path).graph.stages]
    assert names == ["conv_2d_0", "hard_swish_1", "conv_2d_2", "hard_swish_4"]
