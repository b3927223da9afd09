"""The golden channel pool equals a loop, and keeps the order that the hardware relies on."""

import numpy as np
import pytest
import torch

from hwsim.golden.channel_pool import channel_pool
from hwsim.golden.spatial_pool import spatial_pool
from hwsim.graph import CHANNEL_POOL_FACTORS, SpatialPool
from hwsim.testbenches.drawn_pools import USUAL


@pytest.mark.parametrize("k", CHANNEL_POOL_FACTORS)
def test_channel_pool_is_the_maximum_of_consecutive_channels(k: int) -> None:
    x = np.random.default_rng(k).integers(-128, 128, (2, 3 * k, 4, 5), np.int8)
    y = channel_pool(torch.from_numpy(x), k)
    assert y.dtype == torch.int8
    for channel in range(3):
        group = x[:, channel * k : (channel + 1) * k]
        np.testing.assert_array_equal(y[:, channel].numpy(), group.max(1))


@pytest.mark.parametrize("pool", USUAL)
def test_channel_and_spatial_maximum_commute(pool: SpatialPool) -> None:
    x = torch.from_numpy(np.random.default_rng(0).integers(-128, 128, (1, 8, 5, 7), np.int8))
    one = spatial_pool(channel_pool(x, 4), pool)
    other = channel_pool(spatial_pool(x, pool), 4)
    assert torch.equal(one, other)
