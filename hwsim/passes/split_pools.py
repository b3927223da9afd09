"""Makes several maximum pools of one that the accelerator cannot walk, or walks slowly.

The maximum of a window is that of its columns' maxima, and that of parts which cover it. So a pool
of rows followed by one of columns reads R + S values for a pixel instead of R x S.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hwsim.graph.check import LARGEST_STRIDE
from hwsim.graph.infer_operators import inferred_shape
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Activation, MaxPool, Operator
from hwsim.graph.sources import Padding
from hwsim.graph.spatial_pool import LARGEST_WINDOW
from hwsim.graph.tensors import Shape
from hwsim.passes.names import derived_name
from hwsim.passes.unread_operators import with_operators

LEAST_GAIN = 2  # fewer reads by this factor are worth the map in between
MOST_PARTS = 16  # of a window along one axis; a larger one is left as it is
MOST_FURTHER = LARGEST_WINDOW - 1  # rows that a part of stride 1 adds to a window


@dataclass(frozen=True)
class _Windows:
    """The windows along one axis."""

    window: int
    stride: int
    before: int
    behind: int

    @classmethod
    def along(cls, pool: MaxPool, axis: int) -> "_Windows":
        padding = pool.padding
        sides = (padding.left, padding.right) if axis else (padding.top, padding.bottom)
        return cls(pool.window[axis], pool.stride[axis], *sides)


SINGLE = _Windows(1, 1, 0, 0)


def split_pools(graph: OperatorGraph) -> OperatorGraph:
    """Return the graph with windows of at most `LARGEST_WINDOW` rows and columns.

    A stride is at most its window, unless that is a single row or column. Pools that take too many
    parts for that, or too long a step, stay as they are.
    """
    taken = {operator.name for operator in graph.operators} | set(graph.tensors)
    found: list[Operator] = []
    for operator in graph.operators:
        if isinstance(operator, MaxPool):
            (shape,) = graph.shapes(operator)
            found += _chained(operator, _parts(operator, shape), taken)
        else:
            found.append(operator)
    return with_operators(graph, found)


def _chained(
    pool: MaxPool, parts: list[tuple[_Windows, _Windows]], taken: set[str]
) -> list[MaxPool]:
    """Return a pool as one for each part, of which the last leaves what the pool leaves."""
    found: list[MaxPool] = []
    read = pool.inputs
    for number, (rows, columns) in enumerate(parts):
        is_last = number == len(parts) - 1
        name = pool.name if is_last else derived_name(pool.name, f"part {number + 1}", taken)
        outputs = pool.outputs if is_last else (name,)
        found.append(
            replace(
                pool,
                name=name,
                inputs=read,
                outputs=outputs,
                origins=pool.computes,
                window=(rows.window, columns.window),
                stride=(rows.stride, columns.stride),
                padding=Padding(rows.before, columns.before, rows.behind, columns.behind),
                activation=pool.activation if is_last else Activation.LINEAR,
            )
        )
        read = outputs
    return found


def _parts(pool: MaxPool, shape: Shape) -> list[tuple[_Windows, _Windows]]:
    """Return the windows of a pool as one part or more, each along rows and columns.

    A pool that no parts do stays as it is.
    """
    whole = _Windows.along(pool, 0), _Windows.along(pool, 1)
    rows = list(_walkable(_clipped(whole[0], shape.height), shape.height))
    columns = list(_walkable(_clipped(whole[1], shape.width), shape.width))
    if not all(map(_can_be_walked, rows + columns)):
        return [whole]
    if len(rows) == len(columns) == 1:
        (down,), (across,) = rows, columns
        left = inferred_shape(pool, (shape,))
        together = left.height * left.width * down.window * across.window
        apart = left.height * (shape.width * down.window + left.width * across.window)
        if together < LEAST_GAIN * apart:
            return [(down, across)]
    parts = [(part, SINGLE) for part in rows] + [(SINGLE, part) for part in columns]
    return [part for part in parts if part != (SINGLE, SINGLE)]


def can_be_walked(pool: MaxPool) -> bool:
    """Return True for a pool that is computed by one stage."""
    return all(_can_be_walked(_Windows.along(pool, axis)) for axis in (0, 1))


def _can_be_walked(windows: _Windows) -> bool:
    if windows.window == 1:
        return windows.stride <= LARGEST_STRIDE  # a step of the source that is read
    return windows.stride <= windows.window <= LARGEST_WINDOW


def _clipped(windows: _Windows, size: int) -> _Windows:
    """Return windows of the same values; one that covers the map reaches no further than it."""
    has_one = (size + windows.before + windows.behind - windows.window) // windows.stride == 0
    covers_map = has_one and windows.window - windows.before >= size
    return _Windows(size, 1, 0, 0) if covers_map else windows


def _walkable(windows: _Windows, size: int) -> Iterator[_Windows]:
    """Yield windows that are walked one after the other and do what `windows` do together.

    Windows that would become more than `MOST_PARTS` are yielded as they are.
    """
    window, stride, before, behind = (
        windows.window, windows.stride, windows.before, windows.behind
    )  # fmt: skip
    if window > LARGEST_WINDOW:
        if window == size and before == behind == 0:
            yield from _of_whole_map(window)
        elif window == stride and before == behind == 0 and (part := _divisor(window)) > 1:
            yield _Windows(part, part, 0, 0)
            yield from _walkable(_Windows(window // part, window // part, 0, 0), size // part)
        elif window <= 1 + MOST_PARTS * MOST_FURTHER:
            part_before, part_behind = min(before, MOST_FURTHER), min(behind, MOST_FURTHER)
            yield _Windows(LARGEST_WINDOW, 1, part_before, part_behind)
            rest = _Windows(
                window - MOST_FURTHER, stride, before - part_before, behind - part_behind
            )
            yield from _walkable(rest, size + part_before + part_behind - MOST_FURTHER)
        else:
            yield windows
    elif 1 < window < stride:
        yield _Windows(window, 1, before, behind)
        yield _Windows(1, stride, 0, 0)
    else:
        yield windows


def _of_whole_map(size: int) -> Iterator[_Windows]:
    """Yield windows side by side that leave one value of a whole map."""
    while size > LARGEST_WINDOW:
        part = min(LARGEST_WINDOW, math.isqrt(size - 1) + 1)
        count = -(-size // part)
        yield _Windows(part, part, 0, count * part - size)
        size = count
    yield _Windows(size, 1, 0, 0)


def _divisor(window: int) -> int:
    """Return the largest divisor of a window that can be walked."""
    return next(part for part in range(LARGEST_WINDOW, 0, -1) if window % part == 0)
