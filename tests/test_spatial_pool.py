"""The golden spatial pool equals loops over windows."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hwsim.golden.spatial_pool import spatial_pool
from hwsim.graph import SpatialPool


def pool_by_loops(x: NDArray[np.int8], pool: SpatialPool) -> list[list[int]]:
    height, width = x.shape
    stride, window = pool.stride, pool.window
    return [
        [int(x[h : h + window, w : w + window].max()) for w in range(0, width, stride)]
        for h in range(0, height, stride)
    ]


@settings(deadline=None)
@given(
    st.sampled_from(SpatialPool), st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**32 - 1)
)
def test_spatial_pool_equals_loops(pool: SpatialPool, height: int, width: int, seed: int) -> None:
    x = np.random.default_rng(seed).integers(-128, 128, (height, width), np.int8)
    y = spatial_pool(torch.from_numpy(x)[None, None], pool)
    assert y.dtype == torch.int8
    assert y.shape[2:] == (pool.pooled(height), pool.pooled(width))
    assert y[0, 0].tolist() == pool_by_loops(x, pool)


def test_a_missing_tap_never_wins() -> None:
    x = torch.full((1, 1, 3, 3), -128, dtype=torch.int8)
    for pool in SpatialPool:
        assert (spatial_pool(x, pool) == -128).all()


def test_input_is_left_alone() -> None:
    x = torch.arange(9, dtype=torch.int8).view(1, 1, 3, 3)
    before = x.clone()
    spatial_pool(x, SpatialPool.STRIDE_1)
    assert torch.equal(x, before)
