"""The quantized network: what every witness computes, with no word of tiles, buffers or buses.

A `Graph` is a chain of fused layers. Each layer is, in this order,

    convolution -> bias -> rescale + leaky -> channel pool -> spatial pool

Axes are always named: activations `x[C, H, W]`, weights `w[K, C, R, S]`, convolution output
`[K, P, Q]`. A graph without constants has only shapes: enough to price it, not to execute it.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

CHANNEL_POOL_FACTORS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Shape:
    channels: int
    height: int
    width: int

    @property
    def elements(self) -> int:
        return self.channels * self.height * self.width

    def __str__(self) -> str:
        return f"{self.channels}x{self.height}x{self.width}"


@dataclass(frozen=True)
class Quantization:
    """Real value = scale x (stored integer - zero_point)."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class Tensor:
    """A stored feature map. `quantization` is None until the network has been calibrated.

    An image comes from outside, three channels in pixels of four bytes; see
    `docs/architecture.md`, "Memory formats".
    """

    name: str
    shape: Shape
    bits: int = 8
    quantization: Quantization | None = None
    is_image: bool = False

    @property
    def zero_point(self) -> int:
        return self.quantization.zero_point if self.quantization else 0


class SpatialPool(IntEnum):
    """Maximum over 2x2 windows that start at every (stride x row, stride x column).

    Padding is on the right and bottom only and never wins, as darknet's is: stride 2 gives
    ceil(n / 2), stride 1 keeps n.
    """

    NONE = 0
    STRIDE_2 = 1
    STRIDE_1 = 2

    @property
    def stride(self) -> int:
        return 2 if self is SpatialPool.STRIDE_2 else 1

    @property
    def window(self) -> int:
        return 1 if self is SpatialPool.NONE else 2

    def pooled(self, size: int) -> int:
        return -(-size // self.stride)


@dataclass(frozen=True, eq=False)
class Constants:
    """The integers that define one layer. See `docs/numerics.md`.

    weights              int8  [K, C / groups, R, S], within the layer's `weight_bits`
    bias                 int32 [K], without the input's zero point, which the compiler folds in
    multiplier           int32 [K], >= 0, applied where accumulator + bias >= 0
    negative_multiplier  int32 [K], >= 0, applied where it is < 0 (equal to `multiplier` if linear)
    shift                int32 [K], 2 to 62
    """

    weights: NDArray[np.int8]
    bias: NDArray[np.int32]
    multiplier: NDArray[np.int32]
    negative_multiplier: NDArray[np.int32]
    shift: NDArray[np.int32]


@dataclass(frozen=True)
class Layer:
    """One fused layer.

    `filters` is K, the convolution's output channels; `output` stores K / `channel_pool` of them.
    `groups` is 1 (dense) or the channel count (each filter sees its own channel only).
    """

    name: str
    input: Tensor
    output: Tensor
    filters: int
    kernel: tuple[int, int]
    padding: int
    leaky_slope: float | None
    channel_pool: int = 1
    spatial_pool: SpatialPool = SpatialPool.NONE
    groups: int = 1
    weight_bits: int = 8
    constants: Constants | None = None

    @cached_property
    def convolution_shape(self) -> Shape:
        """K x P x Q: what the convolution computes, before either pool."""
        border = 2 * self.padding + 1
        height = self.input.shape.height + border - self.kernel[0]
        width = self.input.shape.width + border - self.kernel[1]
        return Shape(self.filters, height, width)

    @property
    def taps(self) -> int:
        return self.kernel[0] * self.kernel[1]

    @property
    def weight_count(self) -> int:
        return self.filters * self.input.shape.channels // self.groups * self.taps

    @property
    def macs(self) -> int:
        shape = self.convolution_shape
        return shape.height * shape.width * self.weight_count

    @property
    def is_reduction(self) -> bool:
        """True for a pass that only reads maps back to pool them: its products are no MACs."""
        return self.groups > 1


@dataclass(frozen=True)
class Graph:
    name: str
    layers: tuple[Layer, ...]

    @property
    def input(self) -> Tensor:
        return self.layers[0].input

    @property
    def output(self) -> Tensor:
        return self.layers[-1].output

    @cached_property
    def macs(self) -> int:
        """Useful multiply-accumulates of one frame."""
        return sum(layer.macs for layer in self.layers if not layer.is_reduction)

    @property
    def is_quantized(self) -> bool:
        return all(layer.constants is not None for layer in self.layers)
