"""Makes stages of a quantized file's operators that move values: copies, pads, space to depth.

Their weights are 1 where a filter takes a value and 0 elsewhere, and the rescale leaves sums as
they are.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hwsim.graph import Constants, Source, Stage, Tensor
from hwsim.graph.operators import Copy, Operator, Pad, Shuffle, SpaceToDepth
from hwsim.passes.tflite_factors import Factor

IDENTITY = Factor(1 << 14, 14)  # of 16 bits, which take a cycle
Ones = NDArray[np.int8]


def copied(operator: Copy, sources: Sequence[Source], left: Tensor) -> Stage:
    """Return the stage that stores what its sources show, one behind the other."""
    return taken(operator, sources, left)


def taken(operator: Operator, sources: Sequence[Source], left: Tensor) -> Stage:
    """Return the stage of an operator that takes all that its sources show, as it is."""
    if len(sources) == 1:
        return moved(operator, [_apart(sources[0])], left, [_one_each(sources[0])])
    filters = left.shape.channels
    first = np.cumsum([0, *(source.channels for source in sources)])
    weights = [
        _chosen(filters, source, start) for source, start in zip(sources, first, strict=False)
    ]
    return moved(operator, sources, left, weights)


def padded(operator: Pad, source: Source, left: Tensor) -> Stage:
    """Return the stage that stores a map with its frame, and with further channels of zeros."""
    framed = replace(source, padding=operator.padding)
    if operator.channels == (0, 0):
        return moved(operator, [_apart(framed)], left, [_one_each(framed)])
    weights = _chosen(left.shape.channels, framed, operator.channels[0])
    return moved(operator, [framed], left, [weights])


def space_to_depth(operator: SpaceToDepth, source: Source, left: Tensor) -> Stage:
    """Return the stage whose filters each take one channel at one pixel of a square."""
    block, channels = operator.block, source.channels
    taken = np.eye(left.shape.channels, dtype=np.int8)
    by_pixel = taken.reshape(-1, block, block, channels)
    weights = np.ascontiguousarray(by_pixel.transpose(0, 3, 1, 2))
    cut = replace(source, kernel=(block, block), stride=(block, block))
    return moved(operator, [cut], left, [weights])


def shuffled(operator: Shuffle, source: Source, left: Tensor) -> Stage:
    """Return the stage whose filters each take one channel of another number."""
    chosen = np.eye(source.channels, dtype=np.int8)[list(operator.order)]
    return moved(operator, [source], left, [chosen.reshape(*chosen.shape, 1, 1)])


def moved(
    operator: Operator, sources: Sequence[Source], left: Tensor, weights: Sequence[Ones]
) -> Stage:
    """Return the stage of an operator that stores what its filters take, as it is."""
    filters = left.shape.channels
    stage = Stage.inferred(operator.name, sources, left.name, filters)
    multiplier, shift = (np.full(filters, value, np.int32) for value in IDENTITY)
    bias = np.zeros(filters, np.int32)
    constants = Constants(tuple(weights), bias, multiplier, multiplier, shift)
    return replace(stage, output=left, is_reduction=True, constants=constants)


def _apart(source: Source) -> Source:
    return replace(source, groups=source.channels)


def _one_each(source: Source) -> Ones:
    return np.ones((source.channels, 1, 1, 1), np.int8)


def _chosen(filters: int, source: Source, first: int) -> Ones:
    """Return weights by which filters from `first` on take one channel each."""
    return np.eye(filters, source.channels, -first, dtype=np.int8).reshape(filters, -1, 1, 1)
