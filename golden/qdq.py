"""The quantized network as QDQ ONNX, and ONNX Runtime as an outside judge of the reference.

Real arithmetic between quantizers, as ONNX defines it, differs from the integers in three ways:
float32 sums, a rescale factor that is not rounded to `multiplier_bits`, and halves that go to even.
So a few elements in a thousand may be off by one step, and none by two.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hwsim.golden.quantized_network import QuantizedCopy, QuantizedNetwork, QuantizedStage
from hwsim.golden.reference import run_graph, run_stage
from hwsim.graph import Graph, Quantization, Shape, Stage

from brevitas.export import export_onnx_qcdq  # isort: skip  (golden.quantized_network quiets its import)

OPSET = 17

AnyStage = QuantizedStage | QuantizedCopy


@dataclass(frozen=True)
class Agreement:
    """Count of a stage's output elements that differ from ONNX Runtime's, and the largest step."""

    stage: str
    elements: int
    different: int
    largest_step: int

    @property
    def equal_share(self) -> float:
        return 1 - self.different / self.elements


class StageAlone(nn.Module):
    """A stage behind the quantizers of what it reads: real numbers go in and come out."""

    def __init__(self, quantizers: Mapping[str, nn.Module], stage: AnyStage) -> None:
        super().__init__()
        self.names = [tensor.name for tensor in stage.stage.inputs]
        self.quantizers = nn.ModuleList(quantizers[name] for name in self.names)
        self.stage = stage

    def forward(self, *given: Tensor) -> Tensor:
        read = [quantizer(x) for quantizer, x in zip(self.quantizers, given, strict=True)]
        return real_values(self.stage(dict(zip(self.names, read, strict=True))))


class NetworkOfReals(nn.Module):
    """The whole network, with plain tensors as its inputs and outputs, in the order of a graph."""

    def __init__(self, network: QuantizedNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        graph = self.network.graph
        names = [tensor.name for tensor in graph.inputs]
        found = self.network(dict(zip(names, given, strict=True)))
        return tuple(real_values(found[tensor.name]) for tensor in graph.outputs)


def export_network(network: QuantizedNetwork) -> onnx.ModelProto:
    """The network as one QDQ model: float32 `x[1, 3, H, W]`, pixels 0 to 1, to its outputs."""
    return _export(NetworkOfReals(network), [tensor.shape for tensor in network.graph.inputs])


def export_stages(network: QuantizedNetwork) -> list[onnx.ModelProto]:
    """One QDQ model per stage: float32 inputs and output, all on their quantizers' grids."""
    quantizers = network.quantizers()
    return [
        _export(StageAlone(quantizers, each), [tensor.shape for tensor in each.stage.inputs])
        for each in network.quantized_stages()
    ]


def compare_stages(
    network: QuantizedNetwork, graph: Graph, images: Mapping[str, Tensor]
) -> list[Agreement]:
    """Run every stage in both, on the reference's own input.

    `graph` holds the integers of `network`; `images` are int8 `[1, 3, H, W]` by input, as stored.
    """
    models = export_stages(network)
    tensors = run_graph(graph, images)
    return [
        compare_stage(model, stage, tensors)
        for model, stage in zip(models, graph.stages, strict=True)
    ]


def compare_stage(model: onnx.ModelProto, stage: Stage, tensors: Mapping[str, Tensor]) -> Agreement:
    """Run one stage in both, on its stored inputs, int8 `x[1, C, H, W]`, given by their names."""
    read = [_real(tensors[tensor.name], _known(tensor.quantization)) for tensor in stage.inputs]
    judged = run_model(model, *read)
    steps = np.abs(
        _stored(judged, _known(stage.output.quantization)) - run_stage(stage, tensors).numpy()
    )
    return Agreement(stage.name, steps.size, int(np.count_nonzero(steps)), int(steps.max()))


def run_model(model: onnx.ModelProto, *given: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a model of one output in ONNX Runtime, with no graph optimization."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [each.name for each in session.get_inputs()]
    (y,) = session.run(None, dict(zip(names, given, strict=True)))
    return np.asarray(y, np.float32)


def real_values(x: Any) -> Tensor:
    """Return the real values of a quantized tensor of Brevitas as a plain tensor."""
    return x if isinstance(x, Tensor) else x.value


def _export(module: nn.Module, shapes: Sequence[Shape]) -> onnx.ModelProto:
    """Export by way of a file: Brevitas's function returns nothing."""
    x = tuple(torch.zeros(1, *astuple(shape)) for shape in shapes)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.onnx")
        export_onnx_qcdq(module.eval(), args=x, export_path=path, opset_version=OPSET, dynamo=False)
        return onnx.load(path)


def _real(x: Tensor, quantization: Quantization) -> NDArray[np.float32]:
    values = x.numpy().astype(np.float64) - quantization.zero_point
    return (values * quantization.scale).astype(np.float32)


def _stored(y: NDArray[np.float32], quantization: Quantization) -> NDArray[np.int64]:
    steps = np.rint(y.astype(np.float64) / quantization.scale)
    return steps.astype(np.int64) + quantization.zero_point


def _known(quantization: Quantization | None) -> Quantization:
    assert quantization is not None
    return quantization
