"""A function or a maximum is fused into the stage that it alone reads; values stay the file's."""

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
        if stage.output.name in maps:
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


def pooled(window: int, stride: int, function: str | None = None) -> File:
    """Return a convolution, perhaps a function of one value, and a maximum pool."""
    file, rng = File(), np.random.default_rng(5)
    x = file.tensor((1, 9, 10, 5), "int8", [0.05], [3], name="x")
    weights = rng.integers(-90, 91, (12, 3, 3, 5)).astype(np.int8)
    w = file.constant(weights, scales=[0.004], zero_points=[0])
    b = file.constant(np.arange(12, dtype=np.int32), scales=[0.0002], zero_points=[0])
    scale, zero = (1 / 256, -128) if function == "LOGISTIC" else (0.06, -20)
    read = file.tensor((1, 9, 10, 12), "int8", [0.06], [-20])
    file.operator("CONV_2D", [x, w, b], read, StrideH=1, StrideW=1)
    if function is not None:
        given, read = read, file.tensor((1, 9, 10, 12), "int8", [scale], [zero])
        file.operator(function, [given], read)
    sides = -(-9 // stride), -(-10 // stride)
    y = file.tensor((1, *sides, 12), "int8", [scale], [zero], name="y")
    options = {"FilterHeight": window, "FilterWidth": window, "StrideH": stride, "StrideW": stride}
    file.operator("MAX_POOL_2D", [read], y, Padding=0, **options)
    file.inputs, file.outputs = [x], [y]
    return file


@pytest.mark.parametrize(
    ("window", "stride", "function", "names"),
    [
        (2, 2, None, ["conv_2d_0"]),
        (3, 2, None, ["conv_2d_0"]),
        (3, 1, None, ["conv_2d_0", "max_pool_2d_1"]),  # its tiles would compute much again
        (2, 2, "LOGISTIC", ["conv_2d_0"]),
        (2, 2, "HARD_SWISH", ["conv_2d_0", "max_pool_2d_2"]),  # which falls below 0
        (5, 1, None, ["conv_2d_0", "max_pool_2d_1 part 1", "max_pool_2d_1"]),
    ],
)
def test_a_maximum_is_taken_before_what_does_not_fall(
    window: int, stride: int, function: str | None, names: list[str], tmp_path: Path
) -> None:
    lowered = checked(pooled(window, stride, function), tmp_path)
    assert [stage.name for stage in lowered.graph.stages] == names
