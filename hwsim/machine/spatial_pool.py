"""The spatial pool: the largest sums of the 2x2 windows of a tile."""

import numpy as np
from numpy.typing import NDArray

from hwsim.graph import SpatialPool


def spatial_pool(
    sums: NDArray[np.int64], pool: SpatialPool, rows: int, columns: int
) -> NDArray[np.int64]:
    """Return `[rows, columns, lanes]` of a tile `[R, S, lanes]`; taps outside it are masked."""
    stride = pool.stride
    pooled = np.full((rows, columns, sums.shape[2]), np.iinfo(np.int64).min)
    for row in range(pool.window):
        for column in range(pool.window):
            tap = sums[row::stride, column::stride][:rows, :columns]
            into = pooled[: tap.shape[0], : tap.shape[1]]
            np.maximum(into, tap, out=into)
    return pooled
