"""The weights of each source of a stage, from those of the convolution that it computes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.graph.stages import Stage


def split_weights(stage: Stage, weights: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Return the part of a convolution's weights `[K, C, R, S]` that each source is given.

    The sources of a stage show the convolution's input channels one after the other.
    """
    ends = np.cumsum([source.channels // source.groups for source in stage.sources])
    return tuple(np.split(weights, ends[:-1], axis=1))


def unit_weights(stage: Stage) -> tuple[NDArray[np.int8], ...]:
    """Return the weights of a stage with `is_reduction`, one array per source.

    Filter k takes channel k of its sources side by side, and nothing else.
    """
    if len(stage.sources) == 1:  # depthwise
        return (np.ones(stage.weights_shapes[0], np.int8),)
    return split_weights(stage, np.eye(stage.filters, dtype=np.int8)[:, :, None, None])
