"""Operators of quantized files keep the rules of their tensors' scales, zero points and shapes."""

from dataclasses import replace

import numpy as np
import pytest

from hwsim.errors import InputError
from hwsim.graph import Padding, Quantization, Shape, Tensor
from hwsim.graph.file_constants import ConstantOperand
from hwsim.graph.file_tensors import Element, FileTensor
from hwsim.graph.host_operators import ResizeBilinear, Softmax
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import (
    Activation,
    Add,
    DepthToSpace,
    MaxPool,
    Mean,
    Operator,
    Pad,
    Reshape,
    SpaceToDepth,
)
from hwsim.graph.pointwise import Clamp, Dequantize, LeakyRelu, Logistic, Tanh
from tests.test_operators import ends

RELU = Clamp(**ends(), activation=Activation.RELU)
THREE = ConstantOperand(np.zeros((3, 1, 1), np.int8), Quantization(1.0, 0))
STORED = FileTensor("x", (1, 6, 5, 8), Element.INT8, Quantization(0.5, 3))


def quantized(operator: Operator, read: FileTensor, left: FileTensor | None) -> OperatorGraph:
    tensor = Tensor("in", read.shape, quantization=read.signed_quantization)
    in_file = {"in": read} | ({} if left is None else {"a": left})
    return OperatorGraph("own", (tensor,), (operator,), ("a",), in_file)


def test_a_quantized_graph_knows_what_its_tensors_hold() -> None:
    unsigned = replace(STORED, element=Element.UINT8)
    graph = quantized(
        Reshape(**ends(), shape=Shape(240, 1, 1)), unsigned, replace(unsigned, dims=(1, 240))
    )
    assert graph.tensors["a"].quantization == Quantization(0.5, -125)
    values = np.arange(240, dtype=np.uint8).reshape(1, 6, 5, 8)
    x = unsigned.to_map(values)
    assert x.dtype == np.int8
    assert (x.shape, x[0, 0, 0], x[7, 5, 4]) == ((8, 6, 5), -128, 111)
    assert (unsigned.from_map(x) == values).all()


@pytest.mark.parametrize(
    ("operator", "left", "reason"),
    [
        (RELU, None, "its file has nothing"),
        (RELU, replace(STORED, dims=(1, 6, 5, 9)), "is 8x6x5 by what it reads, its file has 9"),
        (RELU, replace(STORED, quantization=None), "leaves real values, tensor 'a': only a"),
        (Dequantize(**ends()), STORED, "tensor 'a' must have real values"),
        (RELU, replace(STORED, quantization=Quantization(0.5, 128)), "zero_point = 128 must be"),
        (Logistic(**ends()), STORED, "logistic leaves scale 0.5, zero point 3: must be"),
        (Tanh(**ends()), STORED, "zero point 3: must be scale 0.0078125, zero point 0"),
        (Softmax(**ends(), beta=1.0), STORED, "must be scale 0.00390625, zero point -128"),
        (Softmax(**ends(), beta=0.0), STORED, "beta = 0.0 must be a finite number above 0"),
        (LeakyRelu(**ends(), slope=float("inf")), STORED, "slope = inf must be a finite number"),
        (
            MaxPool(**ends(), window=(1, 1), stride=(1, 1)),
            replace(STORED, quantization=Quantization(0.25, 3)),
            "of scale 0.5, zero point 3, and leaves scale 0.25, zero point 3: must be",
        ),
        (Mean(**ends(), axes=frozenset()), STORED, "axes = frozenset() must be at least one Axis"),
        (Reshape(**ends(), shape=Shape(7, 1, 1)), STORED, "reshapes 8x6x5 to 7x1x1: both must"),
        (SpaceToDepth(**ends(), block=4), STORED, "block = 4 must divide the input's 6x5"),
        (DepthToSpace(**ends(), block=3), STORED, "block = 3: its square must divide 8 channels"),
        (Pad(**ends(), padding=Padding(top=-1)), STORED, "padding = (-1, 0, 0, 0) must be"),
        (Pad(**ends(), channels=(-1, 0)), STORED, "padding of (-1, 0) channels: must be"),
        (Add(**ends()), STORED, "reads 1 tensors: it must read 2"),
        (
            Add(**ends(), constant=THREE),
            STORED,
            "operands of 8x6x5 and 3x1x1: each axis must be the same, or 1",
        ),
        (ResizeBilinear(**ends(), height=0, width=5), STORED, "height = 0 must be an integer"),
    ],
)  # fmt: skip
def test_a_quantized_operator_that_breaks_a_rule_is_refused(
    operator: Operator, left: FileTensor | None, reason: str
) -> None:
    with pytest.raises(InputError) as caught:
        quantized(operator, STORED, left)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
