"""The quantized network as QDQ ONNX, and ONNX Runtime as an outside judge of the reference.

Real arithmetic between quantizers, as ONNX defines it, differs from the integers in three ways:
float32 sums, a rescale factor that is not rounded to `multiplier_bits`, and halves that go to even.
So a few elements in a thousand may be off by one step, and none by two.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hwsim.golden.quantize import QuantizedNetwork, QuantizedStage
from hwsim.golden.reference import run_graph, run_stage
from hwsim.graph import Graph, Quantization, Shape, Stage

from brevitas.export import export_onnx_qcdq  # isort: skip  (golden.quantize quiets its import)

OPSET = 17


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
    """A stage behind the quantizer of its input, so that real numbers go in and come out."""

    def __init__(self, quantizer: nn.Module, stage: QuantizedStage) -> None:
        super().__init__()
        self.quantizer = quantizer
        self.stage = stage

    def forward(self, x: Tensor) -> Tensor:
        return real_values(self.stage(self.quantizer(x)))


class NetworkOfReals(nn.Module):
    """The whole network, with a plain tensor as its result."""

    def __init__(self, network: QuantizedNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return real_values(self.network(x))


def export_network(network: QuantizedNetwork, graph: Graph) -> onnx.ModelProto:
    """The network as one QDQ model: float32 `x[1, 3, H, W]`, pixels 0 to 1, to its detections."""
    return _export(NetworkOfReals(network), graph.inputs[0].shape)


def export_stages(network: QuantizedNetwork, graph: Graph) -> list[onnx.ModelProto]:
    """One QDQ model per stage: float32 input and output, both on their quantizers' grids."""
    stages = network.quantized_stages()
    quantizers = [network.image, *(stage.output for stage in stages)]
    return [
        _export(StageAlone(quantizer, source), stage.sources[0].tensor.shape)
        for quantizer, source, stage in zip(quantizers, stages, graph.stages, strict=False)
    ]


def compare_stages(network: QuantizedNetwork, graph: Graph, image: Tensor) -> list[Agreement]:
    """Run every stage in both, on the reference's own input.

    `graph` holds the integers of `network`; `image` is int8 `[1, 3, H, W]`, as it stores one.
    """
    models = export_stages(network, graph)
    tensors = run_graph(graph, {graph.inputs[0].name: image})
    return [
        compare_stage(model, stage, tensors)
        for model, stage in zip(models, graph.stages, strict=True)
    ]


def compare_stage(model: onnx.ModelProto, stage: Stage, tensors: Mapping[str, Tensor]) -> Agreement:
    """Run one stage in both, on its stored input, int8 `x[1, C, H, W]`, given by its name."""
    (source,) = stage.sources
    stored, output = source.tensor.quantization, stage.output.quantization
    assert stored is not None
    assert output is not None
    judged = run_model(model, _real(tensors[source.tensor.name], stored))
    steps = np.abs(_stored(judged, output) - run_stage(stage, tensors).numpy())
    return Agreement(stage.name, steps.size, int(np.count_nonzero(steps)), int(steps.max()))


def run_model(model: onnx.ModelProto, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a model of one input and one output in ONNX Runtime, with no graph optimization."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    (y,) = session.run(None, {session.get_inputs()[0].name: x})
    return np.asarray(y, np.float32)


def real_values(x: Any) -> Tensor:
    """Return the real values of a quantized tensor of Brevitas as a plain tensor."""
    return x if isinstance(x, Tensor) else x.value


def _export(module: nn.Module, shape: Shape) -> onnx.ModelProto:
    """Export by way of a file: Brevitas's function returns nothing."""
    x = torch.zeros(1, shape.channels, shape.height, shape.width)
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
