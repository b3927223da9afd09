"""The channel pool: the maximum over adjacent output lanes, which makes a feature map virtual."""

import numpy as np
from numpy.typing import NDArray


def channel_pool(values: NDArray[np.int8], factor: int) -> NDArray[np.int8]:
    """Return `[..., lanes / factor]`, the maxima of adjacent lanes of `[..., lanes]`."""
    pooled: NDArray[np.int8] = values.reshape(*values.shape[:-1], -1, factor).max(axis=-1)
    return pooled
