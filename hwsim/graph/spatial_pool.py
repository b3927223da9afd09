"""The spatial pool of a stage: the windows whose largest values are stored."""

from dataclasses import dataclass
from typing import ClassVar

from hwsim.graph.sources import NO_PADDING, Padding

LARGEST_WINDOW = 15  # rows or columns


@dataclass(frozen=True)
class SpatialPool:
    """Maximum over windows, one of which starts at every `stride` rows and columns.

    Pairs are (rows, columns). Window (p, q) covers the computed rows from
    p x stride - padding.top on, and its columns likewise. What of it lies outside the map never
    wins. `STRIDE_2` and `STRIDE_1` are darknet's pools of 2x2, which pad at the bottom and on the
    right.
    """

    window: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: Padding = NO_PADDING

    NONE: ClassVar["SpatialPool"]
    STRIDE_2: ClassVar["SpatialPool"]
    STRIDE_1: ClassVar["SpatialPool"]

    @property
    def taps(self) -> int:
        return self.window[0] * self.window[1]

    def before(self, axis: int) -> int:
        """Return the rows (axis 0) or columns (axis 1) of padding in front of the map."""
        return self.padding.left if axis else self.padding.top

    def pooled(self, size: int, axis: int) -> int:
        """Return how many windows there are along an axis; 0 or less where none fits."""
        behind = self.padding.right if axis else self.padding.bottom
        padded = size + self.before(axis) + behind
        return (padded - self.window[axis]) // self.stride[axis] + 1

    def read(self, size: int, axis: int) -> int:
        """Return how many of so many rows or columns lie in a window, of those in the map."""
        window, stride = self.window[axis], self.stride[axis]
        begins = range(
            -self.before(axis), self.pooled(size, axis) * stride - self.before(axis), stride
        )
        ends = [min(begin + min(window, stride), size) for begin in begins]
        ends[-1] = min(begins[-1] + window, size)
        return sum(max(end - max(begin, 0), 0) for begin, end in zip(begins, ends, strict=True))


SpatialPool.NONE = SpatialPool()
SpatialPool.STRIDE_2 = SpatialPool((2, 2), (2, 2), Padding(bottom=1, right=1))
SpatialPool.STRIDE_1 = SpatialPool((2, 2), (1, 1), Padding(bottom=1, right=1))
