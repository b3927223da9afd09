"""Rescale: int32 accumulators to int8 activations, with leaky ReLU as a second multiplier."""

import torch
from torch import Tensor

from hwsim.graph import Rounding

FIRST_PLACES = 31  # by which a product that is rounded twice is shifted first


def rescale(
    acc: Tensor,
    multiplier: Tensor,
    negative_multiplier: Tensor,
    shift: Tensor,
    zero_point: int,
    limits: tuple[int, int] = (-128, 127),
    rounding: Rounding = Rounding.ONCE,
) -> Tensor:
    """Scale int32 `acc[N, K, P, Q]`, bias included, by `m[K] / 2**shift[K]` into int8.

        y = clamp(rounded(acc * m / 2**shift) + zero_point)

    The clamp is to `limits`, the least and the largest of int8 values. m is `negative_multiplier`
    where acc < 0, `multiplier` elsewhere. Rounded once, halves go toward +infinity; where
    `rounding` is `TWICE`, channels whose shift exceeds 31 are rounded twice. Multipliers are 0 to
    2**31 - 1, shifts 2 to 62. int64 holds every step: |acc * m| < 2**62 and the half is at most
    2**61.
    """
    positive, negative, shift = (
        value.long().view(1, -1, 1, 1) for value in (multiplier, negative_multiplier, shift)
    )
    wide = acc.long()
    product = wide * torch.where(wide < 0, negative, positive)
    scaled = (product + (torch.ones_like(shift) << (shift - 1))) >> shift
    if rounding is Rounding.TWICE:
        scaled = torch.where(shift > FIRST_PLACES, _rounded_twice(product, shift), scaled)
    return (scaled + zero_point).clamp(*limits).to(torch.int8)


def _rounded_twice(product: Tensor, shift: Tensor) -> Tensor:
    """Divide by 2**31, then by 2**(shift - 31), each time to the nearest integer.

    Halves go up in the first division and away from zero in the second. Shifts up to 31 give
    values without a meaning.
    """
    high = (product + (1 << (FIRST_PLACES - 1))) >> FIRST_PLACES
    places = (shift - FIRST_PLACES).clamp(min=1)
    half = torch.ones_like(places) << (places - 1)
    magnitude = (high.abs() + half) >> places
    return torch.where(high < 0, -magnitude, magnitude)
