"""The constants that a quantized file has in its operators, in the file's own integers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.graph.tensors import Quantization, Shape


@dataclass(frozen=True, eq=False)
class QuantizedWeights:
    """Weights and bias of a convolution: weight = scale x (stored integer - zero_point).

    weights     int8 [K, C / groups, R, S]
    scales      float32 [K], or [1] where the whole tensor has one
    zero_point  of all weights; only tensors with one scale have one other than 0
    bias        int32 [K], in steps of weight scale x input scale
    real_bias   float32 [K] where the file has real numbers, next to which `bias` is
    bits        the width that a weight has in the file, 8 or 4
    """

    weights: NDArray[np.int8]
    scales: NDArray[np.float32]
    zero_point: int
    bias: NDArray[np.int32]
    real_bias: NDArray[np.float32] | None = None
    bits: int = 8


@dataclass(frozen=True, eq=False)
class Anchors:
    """The boxes that detections are told from: float32 `values[N, 4]` of y, x, height, width."""

    values: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ConstantOperand:
    """An operand of an element-wise operator that is part of the file: int8 `values[C, H, W]`."""

    values: NDArray[np.int8]
    quantization: Quantization

    @property
    def shape(self) -> Shape:
        return Shape(*self.values.shape)
