"""Cross-channel maximum over adjacent output lanes: what makes a feature map virtual."""

import numpy as np
from numpy.typing import NDArray


def channel_pool(values: NDArray[np.int8], factor: int) -> NDArray[np.int8]:
    """Reduce int8 [..., lanes] to [..., lanes / factor], each the maximum of adjacent lanes."""
    pooled: NDArray[np.int8] = values.reshape(*values.shape[:-1], -1, factor).max(axis=-1)
    return pooled
