"""Tensors as a network's file has them: their names, axes and types, before any conversion."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hwsim.graph.input_contract import Normalization, StatedContract
from hwsim.graph.tensors import Quantization, Shape

UNSIGNED_OFFSET = 128  # an unsigned value less this is the signed one that stands for it
AXES = 4  # batch, rows, columns, channels


class Element(StrEnum):
    """The type of a tensor's elements in its file."""

    INT8 = "int8"
    UINT8 = "uint8"
    FLOAT32 = "float32"

    @property
    def offset(self) -> int:
        """The difference between a value of the file and the integer that is computed with."""
        return UNSIGNED_OFFSET if self is Element.UINT8 else 0


@dataclass(frozen=True)
class Layout:
    """The way from a map `x[C, H, W]` of a shape to the axes of a file.

    Channels, rows and columns are cut into axes of the lengths `parts`, the outer ones first, which
    are put into `order` and then joined to the file's axes.
    """

    shape: Shape
    parts: tuple[int, ...]
    order: tuple[int, ...]

    @classmethod
    def channels_last(cls, shape: Shape) -> "Layout":
        return cls(shape, (shape.channels, shape.height, shape.width), (1, 2, 0))

    @property
    def last_is_channels(self) -> bool:
        return self == Layout.channels_last(self.shape)

    def to_map(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the file's values as a map `x[C, H, W]`."""
        shape = self.shape
        cut = values.reshape([self.parts[part] for part in self.order])
        sides = shape.channels, shape.height, shape.width
        return np.ascontiguousarray(cut.transpose(np.argsort(self.order)).reshape(sides))

    def from_map(self, x: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the values of a map in the file's order."""
        return np.ascontiguousarray(x.reshape(self.parts).transpose(self.order)).reshape(-1)


@dataclass(frozen=True)
class FileTensor:
    """A tensor under the file's own name, with the file's own axes, type, scale and zero point.

    Without a `layout`, the last three axes are rows, columns and channels; those that are missing
    in front are 1. `quantization` is None for real values. `stated` has what the file, and behind
    it the file's format, say of how a photograph becomes it.
    """

    name: str
    dims: tuple[int, ...]
    element: Element
    quantization: Quantization | None = None
    stated: tuple[StatedContract, ...] = ()
    layout: Layout | None = None

    def __post_init__(self) -> None:
        assert self.layout is None or math.prod(self.layout.parts) == math.prod(self.dims)

    def __str__(self) -> str:
        return f"{self.element} {'x'.join(map(str, self.dims))}"

    @property
    def shape(self) -> Shape:
        if self.layout is not None:
            return self.layout.shape
        _, rows, columns, channels = (1,) * (AXES - len(self.dims)) + self.dims
        return Shape(channels, rows, columns)

    @property
    def signed_quantization(self) -> Quantization | None:
        """The scale and zero point of the int8 values that stand for the file's."""
        own = self.quantization
        if own is None or self.element is not Element.UINT8:
            return own
        return Quantization(own.scale, own.zero_point - self.element.offset)

    @property
    def of_codes(self) -> Normalization | None:
        """The normalization whose pixels are the element's 256 codes; None for real values."""
        own = self.signed_quantization
        if own is None:
            return None
        low, high = (own.scale * (code - own.zero_point) for code in (-128, 127))
        return Normalization(range=(low, high))

    def to_map(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the file's values as a map `x[C, H, W]` of int8, or of float32."""
        if self.element is Element.UINT8:
            values = (values.astype(np.int16) - self.element.offset).astype(np.int8)
        return self._layout.to_map(values)

    def from_map(self, x: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return a map `x[C, H, W]` with the file's axes and in the file's type."""
        values = self._layout.from_map(x).reshape(self.dims)
        if self.element is Element.UINT8:
            values = values.astype(np.int16) + self.element.offset
        return values.astype(self.element.value)

    @property
    def _layout(self) -> Layout:
        return Layout.channels_last(self.shape) if self.layout is None else self.layout
