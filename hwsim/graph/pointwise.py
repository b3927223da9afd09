"""Operators whose every output is a function of one input."""

from dataclasses import dataclass
from typing import ClassVar

from hwsim.graph.file_constants import ConstantOperand
from hwsim.graph.operators import Activation, Operator
from hwsim.graph.tensors import Quantization


@dataclass(frozen=True, kw_only=True)
class Pointwise(Operator):
    """A function of each value, the same for all or for all of a channel."""


@dataclass(frozen=True, kw_only=True)
class Quantize(Pointwise):
    """Integers from real values, or from integers of another scale or zero point."""

    KIND: ClassVar[str] = "quantize"


@dataclass(frozen=True, kw_only=True)
class Dequantize(Pointwise):
    """Real values from integers."""

    KIND: ClassVar[str] = "dequantize"


@dataclass(frozen=True, kw_only=True)
class Clamp(Pointwise):
    """A rectifier that stands alone: ReLU, ReLU6 or ReLU from -1 to 1."""

    activation: Activation

    KIND: ClassVar[str] = "clamp"


@dataclass(frozen=True, kw_only=True)
class LeakyRelu(Pointwise):
    """Values below 0 are multiplied by `slope`."""

    slope: float

    KIND: ClassVar[str] = "leaky relu"


@dataclass(frozen=True, kw_only=True)
class Prelu(Pointwise):
    """Values below 0 are multiplied by a slope that is learned, mostly one for each channel."""

    slopes: ConstantOperand

    KIND: ClassVar[str] = "prelu"


@dataclass(frozen=True, kw_only=True)
class Logistic(Pointwise):
    """1 / (1 + exp(-x))."""

    KIND: ClassVar[str] = "logistic"


@dataclass(frozen=True, kw_only=True)
class Tanh(Pointwise):
    """The hyperbolic tangent."""

    KIND: ClassVar[str] = "tanh"


@dataclass(frozen=True, kw_only=True)
class ScaledLogistic(Logistic):
    """A logistic function that leaves steps of its own, or real values, as ONNX has it."""


@dataclass(frozen=True, kw_only=True)
class ScaledTanh(Tanh):
    """A hyperbolic tangent that leaves steps of its own, as ONNX has it."""


@dataclass(frozen=True, kw_only=True)
class HardSigmoid(Pointwise):
    """slope x + offset, clamped to 0 and 1."""

    slope: float
    offset: float

    KIND: ClassVar[str] = "hard sigmoid"


@dataclass(frozen=True, kw_only=True)
class Limit(Pointwise):
    """Values between two ends."""

    low: float
    high: float

    KIND: ClassVar[str] = "limit"


@dataclass(frozen=True, kw_only=True)
class Gated(Pointwise):
    """x times a function of x, which is rounded to steps before if it has any; SiLU is one."""

    gate: Pointwise
    steps: Quantization | None = None

    KIND: ClassVar[str] = "gated"


@dataclass(frozen=True, kw_only=True)
class HardSwish(Pointwise):
    """x times (x + 3) / 6, the second factor clamped to 0 and 1."""

    KIND: ClassVar[str] = "hard swish"
