"""Rescale: int32 accumulators to int8 activations, with leaky ReLU as a second multiplier."""

import torch
from torch import Tensor


def rescale(
    acc: Tensor,
    multiplier: Tensor,
    negative_multiplier: Tensor,
    shift: Tensor,
    zero_point: int,
    bits: int = 8,
) -> Tensor:
    """Scale int32 `acc[N, K, P, Q]`, bias included, by `m[K] / 2**shift[K]` into int8.

        y = clamp(((acc * m + (1 << (shift - 1))) >> shift) + zero_point)

    The clamp is to `bits` bits, at most 8. m is `negative_multiplier` where acc < 0, `multiplier`
    elsewhere. One rounding; halves go toward +infinity. Multipliers are 0 to 2**31 - 1, shifts 2
    to 62. int64 holds every step: |acc * m| < 2**62 and the half is at most 2**61.
    """
    positive, negative, shift = (
        value.long().view(1, -1, 1, 1) for value in (multiplier, negative_multiplier, shift)
    )
    wide = acc.long()
    product = wide * torch.where(wide < 0, negative, positive)
    half = torch.ones_like(shift) << (shift - 1)
    largest = 2 ** (bits - 1) - 1
    scaled = ((product + half) >> shift) + zero_point
    return scaled.clamp(-largest - 1, largest).to(torch.int8)
