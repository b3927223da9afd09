"""Tensors as they are stored between stages."""

from dataclasses import dataclass


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
    def outer_shape(self) -> Shape:
        """The shape that the network knows, which is another one where an input lies in cells."""
        return self.shape

    @property
    def zero_point(self) -> int:
        return self.quantization.zero_point if self.quantization else 0
