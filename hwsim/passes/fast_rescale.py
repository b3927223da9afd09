"""Rounds the factors of a quantized file's rescales to what a lane multiplies by in one cycle."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hwsim.fixed_point import SMALLEST_SHIFT
from hwsim.graph import Constants, Rounding, Stage
from hwsim.graph.steps import DeviceStep, FileNetwork, Step

MOST = (1 << 16) - 1  # what the narrowest lanes multiply by in a cycle


def with_fast_rescale(network: FileNetwork) -> FileNetwork:
    """Return the network with factors of 16 bits, which take one cycle instead of two.

    Stages with such factors alone stay as they are. The others round once, as the first of two
    roundings needs all bits of a factor: what they store may differ from what the file's own
    operators compute.
    """
    steps = tuple(_reduced(step) for step in network.steps)
    return replace(network, steps=steps, fast_rescale=True)


def _reduced(step: Step) -> Step:
    if not isinstance(step, DeviceStep):
        return step
    graph = step.graph
    return DeviceStep(replace(graph, stages=tuple(map(reduced_stage, graph.stages))))


def reduced_stage(stage: Stage) -> Stage:
    """Return a stage with factors of 16 bits."""
    constants = stage.constants
    if constants is None or not _is_wide(constants):
        return stage
    multiplier, shift = _rounded(constants.multiplier, constants.shift)
    below_0, shift_below_0 = _rounded(constants.negative_multiplier, constants.shift_below_0)
    reduced = replace(
        constants,
        multiplier=multiplier,
        negative_multiplier=below_0,
        shift=shift,
        negative_shift=None if np.array_equal(shift, shift_below_0) else shift_below_0,
    )
    return replace(stage, constants=reduced, rounding=Rounding.ONCE)


def _is_wide(constants: Constants) -> bool:
    factors = constants.multiplier, constants.negative_multiplier
    return any(bool((np.abs(values) > MOST).any()) for values in factors)


def _rounded(
    factors: NDArray[np.int32], shifts: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the nearest factors of 16 bits, halves away from zero, and their shifts.

    A factor whose shift has no room for that is above 2**14 and becomes the largest: either
    saturates whatever is not 0.
    """
    magnitude = np.abs(factors.astype(np.int64))
    places = np.zeros_like(magnitude)
    while (too_large := _without(magnitude, places) > MOST).any():
        places += too_large
    places = np.minimum(places, shifts - SMALLEST_SHIFT)
    rounded = np.minimum(_without(magnitude, places), MOST)
    return (np.sign(factors) * rounded).astype(np.int32), (shifts - places).astype(np.int32)


def _without(magnitude: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return magnitudes without so many of their last places, rounded, halves up."""
    return (magnitude + ((np.int64(1) << places) >> 1)) >> places
