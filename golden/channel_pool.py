"""Channel pool (maxout): condense groups of k consecutive channels into one stored channel."""

from torch import Tensor


def channel_pool(x: Tensor, k: int) -> Tensor:
    """Maximum of `x[N, C * k, H, W]` over groups of `k` consecutive channels: `[N, C, H, W]`."""
    batch, channels, height, width = x.shape
    return x.reshape(batch, channels // k, k, height, width).amax(2)
