"""The runtimes that judge the source witness of a `.tflite`, and the files that are judged."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwsim.frontends.tflite import tensor_names
from hwsim.frontends.tflite_file import read_stored
from hwsim.golden.tflite.interpreter import run_operator, run_quantized_operators
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Operator

NETWORKS = Path(os.environ.get("HWSIM_NETWORKS", "../shared/networks"))
NAMES = (
    "ad01_int8",
    "kws_dscnn_int8",
    "mcunet_detection_int8",
    "mobilenet_v1_025_128_uint8",
    "mobilenet_v2_224_int8",
    "resnet8_int8",
    "ssd_slim_120x160_int8",
    "vww_96_int8",
)
ARENA_BYTES = 1 << 26  # of TFLM
Arrays = list[NDArray[Any]]


def network_file(name: str) -> Path:
    """Return the path of a real network; skip the test where there is none."""
    path = NETWORKS / f"{name}.tflite"
    if not path.exists():
        pytest.skip(f"{path} is missing: real networks are no part of the project")
    return path


def reference_file(name: str) -> Mapping[str, NDArray[Any]]:
    """Return the kept arrays of a network's reference runs."""
    kept: Mapping[str, NDArray[Any]] = np.load(NETWORKS / "reference" / f"{name}.npz")
    return kept


def references(name: str) -> list[tuple[Arrays, Arrays]]:
    """Return the inputs of a network's reference runs, and what LiteRT's kernels left of each."""
    kept = reference_file(name)
    found: list[tuple[Arrays, Arrays]] = []
    while f"in{len(found)}" in kept:
        number, outputs = len(found), Arrays()
        while f"out{number}_{len(outputs)}_ref" in kept:
            outputs.append(kept[f"out{number}_{len(outputs)}_ref"])
        found.append(([kept[f"in{number}"]], outputs))
    assert found
    return found


def litert_tensors(content: bytes, inputs: Sequence[NDArray[Any]]) -> dict[int, NDArray[Any]]:
    """Return every tensor by its number, as LiteRT's reference kernels compute it."""
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="LiteRT is not installed")
    interpreter = litert.Interpreter(
        model_content=content,
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    for detail, values in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], values.reshape(detail["shape"]))
    interpreter.invoke()
    return {
        detail["index"]: interpreter.get_tensor(detail["index"])
        for detail in interpreter.get_tensor_details()
        if detail["name"]
    }


def litert_outputs(content: bytes, inputs: Sequence[NDArray[Any]]) -> Arrays:
    """Return a network's outputs, as LiteRT's reference kernels compute them."""
    tensors = litert_tensors(content, inputs)
    return [tensors[number] for number in _graph_outputs(content)]


def tflm_tensors(content: bytes, inputs: Sequence[NDArray[Any]]) -> dict[int, NDArray[Any]]:
    """Return every tensor that is computed or read, by its number, as TFLM computes it."""
    interpreter = _tflm(content, inputs, keeps_all=True)
    numbers = [number for operator in _operators(content) for number in operator]
    found = {number: interpreter.GetTensor(number, 0) for number in {*numbers} - {-1}}
    return {number: each["tensor_data"] for number, each in found.items()}


def tflm_outputs(content: bytes, inputs: Sequence[NDArray[Any]]) -> Arrays:
    """Return a network's outputs, as TFLM computes them."""
    interpreter = _tflm(content, inputs, keeps_all=False)
    return [interpreter.get_output(place) for place in range(len(_graph_outputs(content)))]


def _tflm(content: bytes, inputs: Sequence[NDArray[Any]], *, keeps_all: bool) -> Any:
    runtime = pytest.importorskip(
        "tflite_micro.python.tflite_micro.runtime", reason="tflite-micro is not installed"
    )
    kinds = runtime.InterpreterConfig
    interpreter = runtime.Interpreter.from_bytes(
        content,
        arena_size=ARENA_BYTES,
        intrepreter_config=kinds.kPreserveAllTensors if keeps_all else kinds.kAllocationRecording,
    )
    for place, values in enumerate(inputs):
        interpreter.set_input(values, place)
    interpreter.invoke()
    return interpreter


def _operators(content: bytes) -> Sequence[Sequence[int]]:
    """Return the numbers of the tensors that each operator reads and leaves."""
    import tflite

    graph = tflite.Model.GetRootAs(content, 0).Subgraphs(0)
    operators = (graph.Operators(index) for index in range(graph.OperatorsLength()))
    return [[*each.InputsAsNumpy().tolist(), *each.OutputsAsNumpy().tolist()] for each in operators]


def _graph_outputs(content: bytes) -> Sequence[int]:
    import tflite

    found: Sequence[int] = tflite.Model.GetRootAs(content, 0).Subgraphs(0).OutputsAsNumpy()
    return found


def maps_of(
    path: Path, graph: OperatorGraph, tensors: Mapping[int, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Return the maps of a graph, from tensors by their numbers in its file."""
    names = tensor_names(read_stored(path))
    return {
        name: graph.in_file[name].to_map(tensors[number])
        for number, name in enumerate(names)
        if name in graph.in_file and number in tensors
    }


def different(
    graph: OperatorGraph,
    operator: Operator,
    maps: Mapping[str, NDArray[Any]],
    kernels: Kernels,
) -> tuple[int, int]:
    """Return how many outputs of an operator differ on the judge's own input, and of how many."""
    left = run_operator(graph, operator, [maps[name] for name in operator.inputs], kernels)
    found = left[operator.outputs[0]]
    expected = maps[operator.outputs[0]]
    assert found.shape == expected.shape, operator.name
    assert found.dtype == expected.dtype, operator.name
    return int((found != expected).sum()), expected.size


def outputs_of(graph: OperatorGraph, inputs: Sequence[NDArray[Any]], kernels: Kernels) -> Arrays:
    """Return a network's outputs in the file's own types and shapes."""
    maps = {
        tensor.name: graph.in_file[tensor.name].to_map(values)
        for tensor, values in zip(graph.inputs, inputs, strict=True)
    }
    tensors = run_quantized_operators(graph, maps, kernels)
    return [graph.in_file[name].from_map(tensors[name]) for name in graph.outputs]
