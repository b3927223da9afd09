"""The cells into which the host gathers the pixels of an input: space to depth."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.graph.sources import Source
from hwsim.graph.tensors import Shape, Tensor


@dataclass(frozen=True)
class Cells:
    """A grid of cells over an input, each of which is one pixel of the map that lies in memory.

    A cell has `rows` x `columns` pixels of the input, whose shape is `shape`. Pixel (y, x) is in
    cell ((y + top) // rows, (x + left) // columns): so many rows and columns of the first cells lie
    in front of the input. Channel c of it is channel (dy x columns + dx) x C + c of the cell, if dy
    and dx are its row and column in there.
    """

    shape: Shape
    rows: int
    columns: int
    top: int = 0
    left: int = 0

    @property
    def gathered(self) -> Shape:
        """The shape of the map in memory: a channel for each channel of a cell's pixels."""
        channels, height, width = self.shape.channels, self.shape.height, self.shape.width
        return Shape(
            channels * self.rows * self.columns,
            -(-(self.top + height) // self.rows),
            -(-(self.left + width) // self.columns),
        )

    def gather(self, values: NDArray[Any], zero_point: int) -> NDArray[Any]:
        """Return the map in memory of an input `x[C, H, W]`.

        Pixels of a cell outside the input hold the zero point, as padding does.
        """
        channels, height, width = values.shape
        down, across = self.gathered.height, self.gathered.width
        whole = np.full(
            (channels, down * self.rows, across * self.columns), zero_point, values.dtype
        )
        whole[:, self.top : self.top + height, self.left : self.left + width] = values
        cells = whole.reshape(channels, down, self.rows, across, self.columns)
        return cells.transpose(2, 4, 0, 1, 3).reshape(-1, down, across)


@dataclass(frozen=True)
class GatheredTensor(Tensor):
    """An input as it lies in cells in memory: its shape is that of the map of cells."""

    cells: Cells = field(kw_only=True)

    @property
    def outer_shape(self) -> Shape:
        return self.cells.shape


@dataclass(frozen=True)
class GatheredSource(Source):
    """A source that reads an input in `cells`, in the place of `ungathered`."""

    ungathered: Source = field(kw_only=True)
    cells: Cells = field(kw_only=True)

    @property
    def outer(self) -> Source:
        return self.ungathered
