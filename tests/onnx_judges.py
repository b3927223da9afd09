"""ONNX Runtime as the judge of an `.onnx`, operator by operator on the runtime's own input."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from hwsim.flows.network import tables_of
from hwsim.golden.onnx.interpreter import run_operator
from hwsim.golden.reference import run_stage
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Operator
from hwsim.graph.steps import FileNetwork
from hwsim.passes.lower import FILE_PASSES
from hwsim.passes.stages import staged_as_in_file
from hwsim.passes.steps import shared

Arrays = Mapping[str, NDArray[Any]]


@dataclass
class Differences:
    """Values that were compared with the runtime's, those that differ, and by how much."""

    values: Counter[str] = field(default_factory=Counter)
    different: Counter[str] = field(default_factory=Counter)
    largest: Counter[str] = field(default_factory=Counter)

    def note(self, kind: str, found: NDArray[Any], expected: NDArray[Any]) -> None:
        steps = np.abs(found.astype(np.float64) - expected.astype(np.float64))
        self.values[kind] += steps.size
        self.different[kind] += int((steps > 0).sum())
        self.largest[kind] = max(self.largest[kind], int(np.ceil(steps.max())))

    def show(self, whose: str) -> None:
        """Print a row for each kind of operator."""
        for kind, count in self.values.items():
            share = self.different[kind] / count
            print(
                f"{whose:32} {kind:18} {self.different[kind]:>7,} of {count:>10,} values differ, "
                f"{share:.5%}, by at most {self.largest[kind]}"
            )


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """Return the runtime with a model as it is: nothing is fused, nothing is optimized."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def runtime_tensors(path: Path, inputs: Arrays) -> dict[str, NDArray[Any]]:
    """Return every tensor that the runtime computes, by its name in the file."""
    model = onnx.load(path)
    constants = {tensor.name for tensor in model.graph.initializer}
    left = [name for node in model.graph.node for name in node.output if name not in constants]
    model.graph.ClearField("output")
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in left if name)
    running = session(model)
    names = [each.name for each in running.get_outputs()]
    return {**dict(zip(names, running.run(names, dict(inputs)), strict=True)), **inputs}


def maps_of(graph: OperatorGraph, tensors: Arrays) -> dict[str, NDArray[Any]]:
    """Return the runtime's tensors as maps, by their names in the graph.

    What the graph has in integers and the file in real numbers becomes the integers for which
    these stand.
    """
    found: dict[str, NDArray[Any]] = {}
    for name, tensor in graph.in_file.items():
        if tensor.name not in tensors:
            continue
        values = tensors[tensor.name]
        own = tensor.quantization
        if own is not None and values.dtype == np.float32:
            steps = values.astype(np.float64) / own.scale
            assert np.abs(steps - np.rint(steps)).max() < 1e-3
            values = (np.rint(steps) + own.zero_point).astype(tensor.element.value)
        if tuple(values.shape) == tensor.dims and values.dtype == tensor.element.value:
            found[name] = tensor.to_map(values)
    return found


def judge_operators(graph: OperatorGraph, maps: Arrays, found: Differences) -> list[Operator]:
    """Compare the source witness with the runtime; return the operators that were not compared."""
    left_out: list[Operator] = []
    for operator in graph.operators:
        names = (*operator.inputs, *operator.outputs)
        if all(name in maps for name in names):
            read = [maps[name] for name in operator.inputs]
            for name, x in run_operator(graph, operator, read).items():
                found.note(operator.KIND, x, maps[name])
        else:
            left_out.append(operator)
    return left_out


def judge_stages(network: FileNetwork, maps: Arrays, found: Differences) -> int:
    """Compare what stages store with the runtime; return how many were not compared.

    They are those of single operators: none has taken up a table or a pool of another one, but for
    max-feature-maps, whose halves exist nowhere.
    """
    tables = tables_of(network.operators, network.kernels)
    parts, _ = shared(network.operators, network.kernels, tables)
    device = parts.device
    for rewrite in FILE_PASSES:
        device = rewrite(device)
    graph = staged_as_in_file(device, network.kernels, tables)
    kinds = {operator.name: operator.KIND for operator in network.operators.operators}
    left_out = 0
    for stage in graph.stages:
        names = [tensor.name for tensor in stage.inputs]
        if all(name in maps for name in (*names, stage.output.name)):
            read = {name: torch.from_numpy(maps[name].copy())[None] for name in names}
            stored = run_stage(stage, read)[0].numpy()
            kind = kinds.get(stage.name, "copy") + (
                " and maximum" if stage.channel_pool > 1 else ""
            )
            found.note(kind, stored, maps[stage.output.name])
        else:
            left_out += 1
    return left_out
