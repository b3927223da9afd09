"""Operators that the accelerator leaves to the host."""

from dataclasses import dataclass
from typing import ClassVar

from hwsim.graph.file_constants import QuantizedWeights
from hwsim.graph.operators import Activation, Operator
from hwsim.graph.sources import NO_PADDING, Padding


@dataclass(frozen=True, kw_only=True)
class Softmax(Operator):
    """exp(beta x) of every channel over the sum of all channels of the pixel."""

    beta: float

    KIND: ClassVar[str] = "softmax"
    IS_ON_HOST: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class Resize(Operator):
    """A map of another size, `height` x `width`."""

    height: int
    width: int
    align_corners: bool = False
    half_pixel_centers: bool = False

    IS_ON_HOST: ClassVar[bool] = True
    KEEPS_QUANTIZATION: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class ResizeNearest(Resize):
    """Each pixel is the nearest one; twice the size is an `Upsample` where that is the same."""

    KIND: ClassVar[str] = "resize nearest"


@dataclass(frozen=True, kw_only=True)
class ResizeBilinear(Resize):
    """Each pixel is interpolated between the four around it."""

    KIND: ClassVar[str] = "resize bilinear"


@dataclass(frozen=True, kw_only=True)
class TransposeConvolution(Operator):
    """Every input pixel adds its multiple of the kernel to the output, `stride` apart.

    `padding` is what is cut off the sum's top and left; the output is `height` x `width`.
    """

    filters: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    height: int
    width: int
    padding: Padding = NO_PADDING
    activation: Activation = Activation.LINEAR
    constants: QuantizedWeights

    KIND: ClassVar[str] = "transpose convolution"
    IS_ON_HOST: ClassVar[bool] = True
