"""The golden spatial pool equals loops over windows."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hwsim.golden.spatial_pool import spatial_pool
from hwsim.graph import SpatialPool
from hwsim.testbenches.drawn_pools import USUAL, spatial_pools
from tests.loops import windows


def pool_by_loops(x: NDArray[np.int8], pool: SpatialPool) -> list[list[int]]:
    rows, columns = (windows(pool, axis, size) for axis, size in enumerate(x.shape))
    return [[int(x[row, column].max()) for column in columns] for row in rows]


@settings(deadline=None)
@given(st.data(), st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_spatial_pool_equals_loops(data: st.DataObject, height: int, width: int, seed: int) -> None:
    pool = data.draw(spatial_pools(height, width))
    x = np.random.default_rng(seed).integers(-128, 128, (height, width), np.int8)
    y = spatial_pool(torch.from_numpy(x)[None, None], pool)
    assert y.dtype == torch.int8
    assert y.shape[2:] == (pool.pooled(height, axis=0), pool.pooled(width, axis=1))
    assert y[0, 0].tolist() == pool_by_loops(x, pool)


def test_a_missing_tap_never_wins() -> None:
    x = torch.full((1, 1, 3, 3), -128, dtype=torch.int8)
    for pool in USUAL:
        assert (spatial_pool(x, pool) == -128).all()


def test_input_is_left_alone() -> None:
    x = torch.arange(9, dtype=torch.int8).view(1, 1, 3, 3)
    before = x.clone()
    spatial_pool(x, SpatialPool.STRIDE_1)
    assert torch.equal(x, before)
