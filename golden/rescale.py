"""Rescale: int32 accumulators to int8 activations, with a second factor for negative ones."""

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
    negative_shift: Tensor | None = None,
) -> Tensor:
    """Scale int32 `acc[N, K, P, Q]`, bias included, by `m[K] / 2**shift[K]` into int8.

        y = clamp(rounded(acc * m / 2**shift) + zero_point)

    The clamp is to `limits`, the least and the largest of int8 values. m is `negative_multiplier`
    where acc < 0, `multiplier` elsewhere; so is the shift, if there is a `negative_shift`. Rounded
    once, halves go toward +infinity; where `rounding` is `TWICE`, what is shifted by more than 31
    is rounded twice. A negative m changes the sign of what |m| gives, after that is rounded.
    Multipliers are up to 2**31 - 1, only m for acc < 0 may be negative; shifts are 2 to 62. int64
    holds every step: |acc * m| < 2**62 and the half is at most 2**61.
    """
    positive, negative, shift = (
        value.long().view(1, -1, 1, 1) for value in (multiplier, negative_multiplier, shift)
    )
    wide = acc.long()
    if negative_shift is not None:
        shift = torch.where(wide < 0, negative_shift.long().view(1, -1, 1, 1), shift)
    product = wide * torch.where(wide < 0, negative.abs(), positive)
    scaled = (product + (torch.ones_like(shift) << (shift - 1))) >> shift
    if rounding is Rounding.TWICE:
        scaled = torch.where(shift > FIRST_PLACES, _rounded_twice(product, shift), scaled)
    if bool((negative < 0).any()):
        scaled = torch.where((wide < 0) & (negative < 0), -scaled, scaled)
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
