"""Spatial pool: darknet's maximum over 2x2 windows, where a tap outside the map never wins."""

from torch import Tensor

from hwsim.graph import SpatialPool


def spatial_pool(x: Tensor, pool: SpatialPool) -> Tensor:
    """Pool `x[N, C, H, W]` to `[N, C, pool.pooled(H), pool.pooled(W)]`, in `x`'s own type.

    A window starts at every `pool.stride` rows and columns and is cut off at the right and bottom
    edge. So a tap that is missing is masked: no value stands in for it.
    """
    for axis in (2, 3):
        x = _pool_axis(x, axis, pool)
    return x


def _pool_axis(x: Tensor, axis: int, pool: SpatialPool) -> Tensor:
    """Return the maximum of each window along one axis. The last window may lack its last tap."""
    size, stride = x.shape[axis], pool.stride
    pooled = x.movedim(axis, 0)[::stride].clone()
    for tap in range(1, pool.window):
        taps = x.movedim(axis, 0)[tap:size:stride]
        pooled[: len(taps)] = pooled[: len(taps)].maximum(taps)
    return pooled.movedim(0, axis)
