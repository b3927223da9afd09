"""Convolution of raw integers: exact, whatever the order in which the products are summed."""

import torch
from torch import Tensor
from torch.nn import functional

from hwsim.errors import InputError

INT32_MAX = 2**31 - 1


def convolution(
    x: Tensor, weights: Tensor, zero_point: int = 0, padding: int = 0, groups: int = 1
) -> Tensor:
    """Correlate int8 `x[N, C, H, W]` with int8 `weights[K, C / groups, R, S]`, stride 1.

    Returns int32 `[N, K, P, Q]`, the sum of `weights * (x - zero_point)`: what the array's raw
    products and the bias with `zero_point` folded in come to. The border injects `zero_point`.

    PyTorch has no integer convolution on the CPU, so the sum runs in float64. That is exact: a
    term is at most 255 x 128 < 2**15 in magnitude, and 2**38 of them are needed to reach 2**53.
    Raises `InputError` where the largest possible sum does not fit an int32 accumulator.
    """
    _refuse_overflow(weights, zero_point)
    centred = x.double() - zero_point
    acc = functional.conv2d(centred, weights.double(), padding=padding, groups=groups)
    return acc.to(torch.int32)


def _refuse_overflow(weights: Tensor, zero_point: int) -> None:
    """Bound the raw sum (128 x sum|w|) plus the fold (|zero_point x sum w|) in every channel."""
    flat = weights.long().flatten(1)
    worst = 128 * flat.abs().sum(1) + (zero_point * flat.sum(1)).abs()
    channel = int(worst.argmax())
    if int(worst[channel]) > INT32_MAX:
        raise InputError(
            f"output channel {channel} can reach {int(worst[channel])}: "
            f"an int32 accumulator holds {INT32_MAX}"
        )
