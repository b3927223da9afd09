"""Convolution of raw integers: exact, whatever the order in which the products are summed."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from hwsim.errors import InputError
from hwsim.golden.bounded_convolution import bounded_conv2d
from hwsim.graph import Source

INT32_MAX = 2**31 - 1


def seen_map(x: Tensor, source: Source, border: float) -> Tensor:
    """Return the map over which a source's kernel walks, of a stored tensor `x[N, C, H, W]`.

    It has the source's channels only, each pixel repeated as often as the source upsamples, and
    `border` beyond its sides.
    """
    padding, times = source.padding, source.upsample
    taken = x[:, source.first_channel : source.first_channel + source.channels]
    large = taken.repeat_interleave(times, 2).repeat_interleave(times, 3)
    sides = (padding.left, padding.right, padding.top, padding.bottom)
    return functional.pad(large, sides, value=border)


def convolution(x: Tensor, weights: Tensor, source: Source) -> Tensor:
    """Correlate a source's int8 tensor `x[N, C, H, W]` with int8 `weights[K, C / groups, R, S]`.

    Returns int64 `[N, K, P, Q]`, the sum of `weights * (x - zero_point)`: what the array's raw
    products and the bias with `zero_point` folded in come to. The border injects `zero_point`.

    PyTorch has no integer convolution on the CPU, so the sum runs in float64. That is exact: a
    term is at most 255 x 128 < 2**15 in magnitude, and 2**38 of them are needed to reach 2**53.
    """
    centred = seen_map(x.double() - source.tensor.zero_point, source, border=0.0)
    acc = bounded_conv2d(
        centred,
        weights.double(),
        stride=source.stride,
        dilation=source.dilation,
        groups=source.groups,
    )
    return acc.long()


def refuse_overflow(weights: Sequence[Tensor], sources: Sequence[Source]) -> None:
    """Raise `InputError` where the largest possible sum does not fit an int32 accumulator.

    In every output channel, the sum of all sources' raw products (128 x sum|w|) is bounded together
    with what the compiler folds into the bias (|sum of zero_point x sum w|).
    """
    flat = [values.long().flatten(1) for values in weights]
    raw = torch.stack([128 * values.abs().sum(1) for values in flat]).sum(0)
    pairs = zip(flat, sources, strict=True)
    folded = torch.stack([source.tensor.zero_point * values.sum(1) for values, source in pairs])
    worst = raw + folded.sum(0).abs()
    channel = int(worst.argmax())
    if int(worst[channel]) > INT32_MAX:
        raise InputError(
            f"output channel {channel} can reach {int(worst[channel])}: "
            f"an int32 accumulator holds {INT32_MAX}"
        )
