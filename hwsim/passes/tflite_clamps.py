"""The clamps of a `.tflite`'s activations, in steps of what an operator leaves."""

import math

from hwsim.graph import Quantization
from hwsim.graph.check import ACTIVATION_RANGE
from hwsim.graph.operators import Activation
from hwsim.passes.tflite_factors import float32

Clamp = tuple[int, int]


def clamp_of(activation: Activation, left: Quantization) -> Clamp | None:
    """Return the least and the largest int8 value that an activation lets through; None for all."""
    least, largest = ACTIVATION_RANGE
    low, high = activation.limits
    if low > -math.inf:
        least = max(least, _stored(low, left))
    if high < math.inf:
        largest = min(largest, _stored(high, left))
    return None if (least, largest) == ACTIVATION_RANGE else (least, largest)


def is_rectifier(activation: Activation, left: Quantization) -> bool:
    """Return True where all that an activation does is to make values below 0 to 0."""
    clamp = clamp_of(activation, left)
    return activation.limits[0] == 0.0 and (clamp is None or clamp[1] == ACTIVATION_RANGE[1])


def _stored(real: float, left: Quantization) -> int:
    """Return a real value as an integer, rounded in float32, halves away from 0."""
    steps = float32(real / left.scale)
    return left.zero_point + int(math.copysign(math.floor(abs(steps) + 0.5), steps))
