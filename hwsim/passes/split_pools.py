"""Makes several maximum pools of one that the accelerator cannot walk, or walks slowly.

The maximum of a window is that of its columns' maxima, and that of parts which cover it. So a pool
of rows followed by one of columns reads R + S values for a pixel instead of R x S.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hwsim.graph.infer_operators import inferred_shape
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Activation, MaxPool, Operator
from hwsim.graph.sources import Padding
from hwsim.graph.spatial_pool import LARGEST_WINDOW
from hwsim.graph.tensors import Shape
from hwsim.passes.names import derived_name
from hwsim.passes.unread_operators import with_operators

LEAST_GAIN = 2  # fewer reads by this factor are worth the map in between


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

    A stride is at most its window, unless that is a single row or column.
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
    """Return the windows of a pool as one part or more, each along rows and columns."""
    rows = list(_walkable(_Windows.along(pool, 0), shape.height))
    columns = list(_walkable(_Windows.along(pool, 1), shape.width))
    if len(rows) == len(columns) == 1:
        (down,), (across,) = rows, columns
        left = inferred_shape(pool, (shape,))
        together = left.height * left.width * down.window * across.window
        apart = left.height * (shape.width * down.window + left.width * across.window)
        if together < LEAST_GAIN * apart:
            return [(down, across)]
    parts = [(part, SINGLE) for part in rows] + [(SINGLE, part) for part in columns]
    return [part for part in parts if part != (SINGLE, SINGLE)]


def _walkable(windows: _Windows, size: int) -> Iterator[_Windows]:
    """Yield windows that are walked one after the other and do what `windows` do together."""
    window, stride, before, behind = (
        windows.window, windows.stride, windows.before, windows.behind
    )  # fmt: skip
    is_one = (size + before + behind - window) // stride == 0
    covers_map = is_one and window - before >= size
    if covers_map:
        window, stride, before, behind = size, 1, 0, 0
    if window > LARGEST_WINDOW:
        if covers_map:
            part = min(LARGEST_WINDOW, math.isqrt(window - 1) + 1)
            count = -(-window // part)
            yield _Windows(part, part, 0, count * part - window)
            yield from _walkable(_Windows(count, 1, 0, 0), count)
            return
        part = next((n for n in range(LARGEST_WINDOW, 1, -1) if window % n == 0), 1)
        if window == stride and part > 1 and before == behind == 0:
            yield _Windows(part, part, 0, 0)
            yield from _walkable(_Windows(window // part, window // part, 0, 0), size // part)
            return
        most = LARGEST_WINDOW - 1
        part_before, part_behind = min(before, most), min(behind, most)
        yield _Windows(LARGEST_WINDOW, 1, part_before, part_behind)
        rest = _Windows(window - most, stride, before - part_before, behind - part_behind)
        yield from _walkable(rest, size + part_before + part_behind - most)
    elif 1 < window < stride:
        yield _Windows(window, 1, before, behind)
        yield _Windows(1, stride, 0, 0)
    else:
        yield _Windows(window, stride, before, behind)
