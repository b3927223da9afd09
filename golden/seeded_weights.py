"""Weights from a seed, for want of trained ones, with batch-norm statistics of real photographs.

So no layer is degenerate: whatever the seed, every channel is spread as a trained one would be.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from hwsim.errors import InputError
from hwsim.golden.networks import FloatLayer, FloatNetwork

NEGATIVE_SCALES = 1 / 16  # share of channels whose batch-norm scale is below zero
LARGEST_SCALE, SMALLEST_SCALE = 1.5, 0.5
BIAS_SPREAD = 0.25


def seed_weights(network: FloatNetwork, photographs: Sequence[Tensor], seed: int) -> None:
    """Fill `network` from `seed` and normalise every layer over `photographs`.

    `photographs` are uint8 `[3, H, W]`. Weights are Gaussian with variance 2 / fan-in. The mean
    and variance of each normalised layer are those of its convolution on the photographs. They
    are computed in float64 and rounded to float32, so that the order in which a machine sums does
    not show in them. Raises `InputError` for a negative seed.
    """
    if seed < 0:
        raise InputError(f"seed {seed}: must not be negative")
    rng = np.random.default_rng(seed)
    x = torch.stack(tuple(photographs)).double() / 255
    network.double()
    with torch.no_grad():
        for layer in network.float_layers():
            _draw(layer, rng)
            convolved = layer.convolve(x)
            if layer.normalised:
                layer.mean.copy_(convolved.mean((0, 2, 3)))
                layer.variance.copy_(convolved.var((0, 2, 3), correction=0))
            x = layer.activate(convolved)
    network.float()


def _draw(layer: FloatLayer, rng: np.random.Generator) -> None:
    """Draw what a layer learns: weights, bias, and the batch-norm scale."""
    shape = tuple(layer.weights.shape)
    gaussian = torch.from_numpy(rng.standard_normal(shape, np.float32))
    layer.weights.copy_(gaussian * (2 / layer.weights[0].numel()) ** 0.5)
    layer.bias.copy_(torch.from_numpy(rng.standard_normal(shape[0]) * BIAS_SPREAD))
    if layer.normalised:
        sign = np.where(rng.random(shape[0]) < NEGATIVE_SCALES, -1, 1)
        layer.scale.copy_(
            torch.from_numpy(sign * rng.uniform(SMALLEST_SCALE, LARGEST_SCALE, shape[0]))
        )
