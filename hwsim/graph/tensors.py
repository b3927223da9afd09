"""Tensors as they are stored between stages, and the spatial pool, which decides their shapes."""

from dataclasses import dataclass
from enum import IntEnum


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
