"""Small quantized `.onnx` files, written node by node."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Reals = NDArray[np.float32]
FLOAT = TensorProto.FLOAT
OPERATOR_SET = 17
IR_VERSION = 8


@dataclass
class Small:
    """The nodes and constants of a file so far; methods return names of tensors."""

    seed: int = 0
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.drawn = np.random.default_rng(self.seed)

    def input(self, *dims: int | str, name: str = "x") -> str:
        self.inputs.append(helper.make_tensor_value_info(name, FLOAT, dims))
        return name

    def constant(self, values: NDArray[Any]) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def node(
        self, word: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any
    ) -> Any:
        """Return the name of what a node leaves, or the names of several tensors."""
        names = [f"{word.lower()}{len(self.nodes)}.{place}" for place in range(outputs)]
        self.nodes.append(helper.make_node(word, inputs, names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def steps(self, scale: float, zero_point: int, kind: type[Any] = np.int8) -> tuple[str, str]:
        return self.constant(np.float32(scale)), self.constant(kind(zero_point))  # type: ignore[arg-type]

    def quantized(
        self, x: str, scale: float = 0.05, zero_point: int = 3, kind: type[Any] = np.int8
    ) -> str:
        """Return real numbers as integers, and these as real numbers."""
        steps = self.steps(scale, zero_point, kind)
        return str(self.node("DequantizeLinear", self.node("QuantizeLinear", x, *steps), *steps))

    def weights(
        self, *dims: int, axis: int = 0, per_channel: bool = True, scale: float = 0.02
    ) -> str:
        """Return drawn weights, with a scale for each filter or one for all."""
        values = self.drawn.integers(-127, 128, dims).astype(np.int8)
        count = dims[axis] if per_channel else 1
        scales: NDArray[Any] = (scale * self.drawn.uniform(0.5, 1.5, count)).astype(np.float32)
        zeros: NDArray[Any] = np.zeros(count, np.int8)
        if not per_channel:
            scales, zeros = scales.reshape(()), zeros.reshape(())
        names = self.constant(values), self.constant(scales), self.constant(zeros)
        return str(self.node("DequantizeLinear", *names, axis=axis))

    def bias(self, count: int, size: float = 1.0) -> str:
        return self.constant(self.drawn.uniform(-size, size, count).astype(np.float32))

    def convolution(
        self, x: str, filters: int, channels: int, kernel: int = 3, **attributes: Any
    ) -> str:
        """Return a convolution of real numbers, with a drawn bias."""
        groups = attributes.get("group", 1)
        weights = self.weights(filters, channels // groups, kernel, kernel, scale=0.01)
        attributes.setdefault("pads", [kernel // 2] * 4)
        return str(self.node("Conv", x, weights, self.bias(filters), **attributes))

    def leave(self, *names: str) -> None:
        self.outputs += [helper.make_tensor_value_info(name, FLOAT, None) for name in names]

    def model(self, operator_set: int = OPERATOR_SET) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, "g", self.inputs, self.outputs, self.constants)
        sets = [helper.make_opsetid("", operator_set), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=sets, ir_version=IR_VERSION)

    def save(self, folder: Path, operator_set: int = OPERATOR_SET) -> Path:
        path = folder / "small.onnx"
        onnx.save(self.model(operator_set), path)
        return path


def reals(dims: Sequence[int], seed: int = 0, size: float = 5.0) -> Reals:
    """Return drawn input values."""
    drawn: Reals = np.random.default_rng(seed).uniform(-size, size, dims).astype(np.float32)
    return drawn
