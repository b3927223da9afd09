"""Tensors as a network's file has them: their names, axes and types, before any conversion."""

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
class FileTensor:
    """A tensor under the file's own name, with the file's own axes, type, scale and zero point.

    The last three axes are rows, columns and channels; those that are missing in front are 1.
    `quantization` is None for real values. `stated` has what the file, and behind it the file's
    format, say of how a photograph becomes it.
    """

    name: str
    dims: tuple[int, ...]
    element: Element
    quantization: Quantization | None = None
    stated: tuple[StatedContract, ...] = ()

    def __str__(self) -> str:
        return f"{self.element} {'x'.join(map(str, self.dims))}"

    @property
    def shape(self) -> Shape:
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
        shape = self.shape
        last = values.reshape(shape.height, shape.width, shape.channels)
        if self.element is Element.UINT8:
            last = (last.astype(np.int16) - self.element.offset).astype(np.int8)
        return np.ascontiguousarray(last.transpose(2, 0, 1))

    def from_map(self, x: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return a map `x[C, H, W]` with the file's axes and in the file's type."""
        last = np.ascontiguousarray(x.transpose(1, 2, 0)).reshape(self.dims)
        if self.element is Element.UINT8:
            last = last.astype(np.int16) + self.element.offset
        return last.astype(self.element.value)
