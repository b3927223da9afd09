"""The noise of quantization: a network's distance from the float network that it was made of."""

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from hwsim.golden.networks import FloatNetwork
from hwsim.graph import Quantization


def float_outputs(network: FloatNetwork, images: Mapping[str, Tensor]) -> Iterator[Tensor]:
    """Yield every stage's float output `[K / k, H', W']`.

    `images` are uint8 `pixels[3, H, W]` of every input, by its name.
    """
    inputs = {name: pixels[None].float() / 255 for name, pixels in images.items()}
    for y in network.outputs(inputs):
        yield y[0]


def signal_to_noise_db(real: Tensor, stored: Tensor, quantization: Quantization) -> float | None:
    """Return how much stronger the signal of float `real[C, H, W]` is than its error, in dB.

    The signal is the variance of `real` over all elements. The noise is the mean square of the
    errors: of the values that the int8 `stored[C, H, W]` stand for, minus `real`. A map that holds
    the mean of `real` in every element has 0 dB. Return None where there is no signal or no noise.
    """
    mean = float(real.mean(dtype=torch.float64))
    signal = noise = 0.0
    for ours, theirs in zip(stored, real.unbind(), strict=True):
        exact = theirs.double()
        error = quantization.scale * (ours.double() - quantization.zero_point) - exact
        signal += float((exact - mean).square().sum())
        noise += float(error.square().sum())
    return 10 * math.log10(signal / noise) if signal > 0 and noise > 0 else None
