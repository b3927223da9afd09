"""The rules of a stage's constants: the integers that it computes with."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from hwsim.fixed_point import LARGEST_SHIFT, SMALLEST_SHIFT
from hwsim.graph.rules import is_a
from hwsim.graph.spatial_pool import SpatialPool

if TYPE_CHECKING:
    from hwsim.graph.stages import Constants, Stage

# The type of weights, by the number of their limbs.
WEIGHT_KINDS: dict[int, type[np.int8 | np.int16]] = {1: np.int8, 2: np.int16}
LARGEST_MULTIPLIER = (1 << 31) - 1

# Range of each constant; the weights' depends on their width.
CONSTANT_RANGES = {
    "bias": (-(1 << 31), (1 << 31) - 1),
    "multiplier": (0, LARGEST_MULTIPLIER),
    "negative_multiplier": (-LARGEST_MULTIPLIER, LARGEST_MULTIPLIER),
    "shift": (SMALLEST_SHIFT, LARGEST_SHIFT),
    "negative_shift": (SMALLEST_SHIFT, LARGEST_SHIFT),
}


def weight_range(stage: "Stage") -> tuple[int, int]:
    """Return the least and the largest weight of a stage, of one limb or of several.

    The highest limb must not be carried into, which makes the largest weight somewhat less.
    """
    bits, most = stage.weight_bits, 0
    for _ in range(stage.weight_limbs):
        most = (most << bits) + (1 << (bits - 1)) - 1
    return -(1 << (bits * stage.weight_limbs - 1)), most


def broken_by_constants(stage: "Stage", constants: "Constants") -> Iterator[str]:
    """Yield the rules that the constants of a stage break."""
    tensors = [*(source.tensor for source in stage.sources), stage.output]
    if any(tensor.quantization is None for tensor in tensors):
        yield "constants need a scale and a zero point of its input and of its output"
    weights, count = constants.weights, len(stage.sources)
    if not is_a(tuple, weights) or len(weights) != count:
        yield f"weights must be a tuple of {count} arrays, one of each source"
    for values, shape in zip(weights, stage.weights_shapes, strict=True):
        yield from _broken_array("weights", values, WEIGHT_KINDS[stage.weight_limbs], shape)
        yield from _out_of_range("weights", values, *weight_range(stage))
    for name, (low, high) in CONSTANT_RANGES.items():
        values = getattr(constants, name)
        if values is None and name == "negative_shift":
            continue
        yield from _broken_array(name, values, np.int32, (stage.filters,))
        yield from _out_of_range(name, values, low, high)
    least = int(constants.negative_multiplier.min())
    if least < 0 and stage.spatial_pool != SpatialPool.NONE:
        yield (
            f"negative_multiplier holds {least}: must be at least 0 under a spatial pool, which is "
            "taken of the sums"
        )


def _broken_array(name: str, values: Any, kind: type, shape: tuple[int, ...]) -> Iterator[str]:
    expected = np.dtype(kind)
    if type(values) is not np.ndarray:  # a subclass may compute in another way
        yield f"{name} must be a plain array of {expected} {shape}, not a {type(values).__name__}"
    if values.dtype != expected or values.shape != shape:
        yield f"{name} must be {expected} {shape}, not {values.dtype} {values.shape}"


def _out_of_range(name: str, values: Any, low: int, high: int) -> Iterator[str]:
    least, most = int(values.min()), int(values.max())
    if least < low or most > high:
        yield f"{name} holds {least if least < low else most}: must be {low} to {high}"
