"""The rules that a spatial pool keeps to, alone and on a map."""

from collections.abc import Iterator
from typing import Any

from hwsim.errors import shown
from hwsim.graph.rules import is_a, is_integer, is_pair
from hwsim.graph.sources import Padding
from hwsim.graph.spatial_pool import LARGEST_WINDOW, SpatialPool
from hwsim.graph.tensors import Shape


def broken_spatial_pool(pool: Any) -> Iterator[str]:
    """Yield the rules that a pool breaks whatever map it reads."""
    if not is_a(SpatialPool, pool):
        yield f"spatial_pool = {shown(pool)} must be a SpatialPool"
    for name, pair in (("window", pool.window), ("stride", pool.stride)):
        if not is_pair(pair, 1, LARGEST_WINDOW):
            wanted = f"two integers from 1 to {LARGEST_WINDOW}"
            yield f"spatial_pool: {name} = {shown(pair)} must be {wanted}"
    if any(step > window for step, window in zip(pool.stride, pool.window, strict=True)):
        yield f"spatial_pool: stride = {pool.stride} must not exceed window = {pool.window}"
    padding = pool.padding
    if not is_a(Padding, padding):
        yield f"spatial_pool: padding = {shown(padding)} must be a Padding"
    for side, window in zip(("top", "left", "bottom", "right"), pool.window * 2, strict=True):
        value = getattr(padding, side)
        if not is_integer(value, 0, window - 1):
            yield (
                f"spatial_pool: padding.{side} = {shown(value)} must be an integer from 0 to "
                f"{window - 1}, so that each window has a value of the map"
            )


def broken_pool_on(convolved: Shape, pool: SpatialPool) -> Iterator[str]:
    """Yield a line where no window fits the map that is pooled."""
    sides = (convolved.height, convolved.width)
    if min(pool.pooled(size, axis) for axis, size in enumerate(sides)) < 1:
        yield f"spatial_pool: window = {pool.window} does not fit the padded map {convolved}"
