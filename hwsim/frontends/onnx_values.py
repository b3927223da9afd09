"""The kinds of values that an ONNX tensor has while the nodes of a file are read.

Real numbers between a DequantizeLinear and a QuantizeLinear are not stored. They are either those
of a map of integers, or those that an operator will leave as soon as somebody quantizes them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.frontends.onnx_views import View
from hwsim.graph import Quantization
from hwsim.graph.file_tensors import Element
from hwsim.graph.operators import Operator


@dataclass(frozen=True)
class Steps:
    """A scale and a zero point of the file's own integers."""

    element: Element
    quantization: Quantization

    @property
    def signed(self) -> Quantization:
        """The same of the int8 values that stand for the file's integers."""
        own = self.quantization
        return Quantization(own.scale, own.zero_point - self.element.offset)


@dataclass(frozen=True, eq=False)
class Constant:
    """Values that the file has, as they are."""

    values: NDArray[Any]


@dataclass(frozen=True, eq=False)
class QuantizedConstant:
    """The real numbers scale x (value - zero point) of integers that the file has.

    Scales and zero points are one, or one for each index of `axis`. `bits` is the width of an
    integer in the file; here it has at least a byte.
    """

    values: NDArray[Any]
    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    axis: int
    bits: int = 8

    @property
    def real(self) -> NDArray[np.float32]:
        shape = [1] * self.values.ndim
        if self.scales.size > 1:
            shape[self.axis] = self.scales.size
        centred = self.values.astype(np.int64) - self.zero_points.reshape(shape)
        found: NDArray[np.float32] = centred.astype(np.float32) * self.scales.reshape(shape)
        return found


@dataclass(frozen=True)
class Integers:
    """A tensor of the graph in the file's integers."""

    tensor: str
    view: View
    steps: Steps


@dataclass(frozen=True)
class Dequantized:
    """The real numbers that stand for integers."""

    integers: Integers

    @property
    def view(self) -> View:
        return self.integers.view


@dataclass(frozen=True)
class Reals:
    """A tensor of the graph in real numbers, from outside or left by the host."""

    tensor: str
    view: View


@dataclass(frozen=True)
class Draft:
    """The real numbers that an operator will leave: it is in the graph when these are integers."""

    operator: Operator
    view: View


@dataclass(frozen=True)
class JoinedDraft:
    """Maps one behind the other whose steps differ: each is quantized before they are joined."""

    operator: Operator
    parts: tuple[Integers, ...]
    view: View


Value = Constant | QuantizedConstant | Integers | Dequantized | Reals | Draft | JoinedDraft
