"""Channel pool (maxout): condense every k consecutive channels into one stored channel."""

from torch import Tensor


def channel_pool(x: Tensor, k: int) -> Tensor:
    """Return `[N, C, H, W]`: the maximum of every k consecutive channels of `x[N, C * k, H, W]`."""
    batch, channels, height, width = x.shape
    return x.reshape(batch, channels // k, k, height, width).amax(2)
