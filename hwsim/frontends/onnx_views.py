"""Shows how the axes of an ONNX tensor lie in a map: transposes and reshapes are only other views.

A file's axis is a row of parts of the map's axes, the outer ones first. So `[1, C, H, W]`, what a
transpose makes of it, what a flatten makes of that, and shuffled channels are all the same map.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from hwsim.errors import InputError
from hwsim.graph import Shape
from hwsim.graph.file_tensors import Layout
from hwsim.graph.operators import Axis

MAP_AXES = (Axis.CHANNELS, Axis.ROWS, Axis.COLUMNS)  # in the order of a map x[C, H, W]


@dataclass(frozen=True)
class Part:
    """So many indices of an axis of the map, which are `stride` apart."""

    axis: Axis
    stride: int
    size: int


Dim = tuple[Part, ...]


@dataclass(frozen=True)
class View:
    """The axes of a file's tensor by what they are in the map; one of length 1 is empty."""

    shape: Shape
    dims: tuple[Dim, ...]

    @classmethod
    def of_map(cls, dims: Sequence[int]) -> "View":
        """Return the view of a tensor [1, C, H, W], or with fewer axes behind the channels.

        A tensor of one axis is taken as channels. Raises `InputError` for other tensors.
        """
        if not 1 <= len(dims) <= 4 or (len(dims) > 1 and dims[0] != 1):
            raise InputError(f"shape {list(dims)}: must be a batch of 1 and at most 3 axes")
        batch, sides = (dims[:1], dims[1:]) if len(dims) > 1 else ((), dims)
        channels, height, width = (sides[0], 1, sides[1]) if len(sides) == 2 else (
            *sides, *(1,) * (3 - len(sides))
        )  # fmt: skip
        shape = Shape(channels, height, width)
        axes = (Axis.CHANNELS, Axis.COLUMNS) if len(sides) == 2 else MAP_AXES
        kept = tuple(_whole(shape, axis) for axis in axes[: len(sides)])
        return cls(shape, (*((),) * len(batch), *kept))

    @property
    def sizes(self) -> tuple[int, ...]:
        """The lengths of the file's axes."""
        return tuple(math.prod(part.size for part in dim) for dim in self.dims)

    @property
    def is_map(self) -> bool:
        """True for [1, C, H, W] as the map has them."""
        wanted = ((), *(_whole(self.shape, axis) for axis in MAP_AXES))
        return len(self.dims) == len(wanted) and self.dims == wanted

    @property
    def channel_order(self) -> tuple[int, ...] | None:
        """The channels of the map in the order of [1, C, H, W]; None where they are in their own.

        It is None, too, for what is no such tensor.
        """
        if self.is_map or len(self.dims) != 4 or self.dims[0]:
            return None
        behind = tuple(_whole(self.shape, axis) for axis in MAP_AXES[1:])
        if self.dims[2:] != behind or any(p.axis is not Axis.CHANNELS for p in self.dims[1]):
            return None
        order = [0]
        for part in self.dims[1]:
            order = [first + part.stride * step for first in order for step in range(part.size)]
        return tuple(order)

    @property
    def axes(self) -> tuple[Axis | None, ...]:
        """The whole axis of the map that each of the file's axes is; None for any other."""
        whole = {_whole(self.shape, axis): axis for axis in MAP_AXES}
        return tuple(whole.get(dim) if dim else None for dim in self.dims)

    @property
    def layout(self) -> Layout:
        """The same for a tensor of the graph."""
        shown = [part for dim in self.dims for part in dim]
        sides = _sides(self.shape)
        inner_last = sorted(shown, key=lambda part: (MAP_AXES.index(part.axis), -part.stride))
        # Axes of length 1 are in no dim; a map has all three.
        parts = [part.size for part in inner_last]
        order = [inner_last.index(part) for part in shown]
        assert math.prod(parts) == math.prod(sides.values())
        return Layout(self.shape, tuple(parts) or (1,), tuple(order) or (0,))

    def with_side(self, place: int, axis: Axis, size: int) -> "View":
        """Return the view of a map with another length of one axis, which a file's axis is."""
        sides = _sides(self.shape) | {axis: size}
        shape = Shape(*(sides[each] for each in MAP_AXES))
        dims = tuple(_whole(shape, axis) if i == place else dim for i, dim in enumerate(self.dims))
        return View(shape, dims)

    def transposed(self, order: Sequence[int]) -> "View":
        """Return the view with its axes in another order."""
        if sorted(order) != list(range(len(self.dims))):
            raise InputError(f"order {list(order)} of {len(self.dims)} axes")
        return replace(self, dims=tuple(self.dims[place] for place in order))

    def reshaped(self, sizes: Sequence[int]) -> "View":
        """Return the view with axes of other lengths.

        Raises `InputError` where an axis would be no row of parts.
        """
        if math.prod(sizes) != math.prod(self.sizes):
            raise InputError(f"reshapes {list(self.sizes)} to {list(sizes)}: values are missing")
        waiting = [part for dim in self.dims for part in dim][::-1]
        dims: list[Dim] = []
        for size in sizes:
            dim: list[Part] = []
            rest = size
            while rest > 1:
                part = waiting.pop()
                taken = math.gcd(part.size, rest)
                if taken == part.size:
                    dim.append(part)
                elif taken == rest:
                    inner = part.size // taken
                    dim.append(Part(part.axis, part.stride * inner, taken))
                    waiting.append(Part(part.axis, part.stride, inner))
                else:
                    raise InputError(f"reshapes {list(self.sizes)} to {list(sizes)}: not supported")
                rest //= taken
            dims.append(_joined(dim))
        return replace(self, dims=tuple(dims))


def _sides(shape: Shape) -> dict[Axis, int]:
    return {Axis.CHANNELS: shape.channels, Axis.ROWS: shape.height, Axis.COLUMNS: shape.width}


def _whole(shape: Shape, axis: Axis) -> Dim:
    size = _sides(shape)[axis]
    return () if size == 1 else (Part(axis, 1, size),)


def _joined(dim: Sequence[Part]) -> Dim:
    """Return parts that follow each other as one."""
    if any(_follows(outer, inner) for outer, inner in pairwise(dim)):
        place = next(i for i, pair in enumerate(pairwise(dim)) if _follows(*pair))
        outer, inner = dim[place : place + 2]
        both = Part(outer.axis, inner.stride, outer.size * inner.size)
        return _joined([*dim[:place], both, *dim[place + 2 :]])
    return tuple(dim)


def _follows(outer: Part, inner: Part) -> bool:
    return outer.axis is inner.axis and outer.stride == inner.stride * inner.size
