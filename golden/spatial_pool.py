"""Spatial pool: the maximum over windows, where a tap outside the map never wins."""

from torch import Tensor

from hwsim.graph import SpatialPool


def spatial_pool(x: Tensor, pool: SpatialPool) -> Tensor:
    """Pool `x[N, C, P, Q]`, in `x`'s own type.

    A window that reaches over an edge is cut off there. So a tap that is missing is masked: no
    value stands in for it.
    """
    for axis in range(2):
        x = _pool_axis(x, axis, pool)
    return x


def _pool_axis(x: Tensor, axis: int, pool: SpatialPool) -> Tensor:
    """Return the maximum of each window along rows (axis 0) or columns (axis 1)."""
    size, stride, window = x.shape[2 + axis], pool.stride[axis], pool.window[axis]
    if window == stride == 1:
        return x
    lines = x.movedim(2 + axis, 0)
    firsts = [p * stride - pool.before(axis) for p in range(pool.pooled(size, axis))]
    pooled = lines[[max(first, 0) for first in firsts]]
    for tap in range(1, window):
        taps = lines[[min(max(first + tap, 0), size - 1) for first in firsts]]
        pooled = pooled.maximum(taps)
    return pooled.movedim(0, 2 + axis)
