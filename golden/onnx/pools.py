"""Average pools and means of ONNX's, in real numbers."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from hwsim.golden.onnx.functions import activated
from hwsim.graph.operators import AveragePool, Axis, Mean

Real = NDArray[np.float32]
MAP_AXES = {Axis.CHANNELS: 0, Axis.ROWS: 1, Axis.COLUMNS: 2}


def average_pool(operator: AveragePool, x: Real) -> Real:
    """Return the mean of the part of every window that is inside the map."""
    frame = operator.padding
    sides = frame.left, frame.right, frame.top, frame.bottom

    def sums(values: torch.Tensor) -> torch.Tensor:
        framed = functional.pad(values.double()[None], sides)
        return functional.avg_pool2d(framed, operator.window, operator.stride, divisor_override=1)[
            0
        ]

    values = torch.from_numpy(x)
    found = (sums(values) / sums(torch.ones_like(values))).numpy().astype(np.float32)
    return activated(operator.activation, found)


def mean(operator: Mean, x: Real) -> Real:
    """Return the mean over whole axes."""
    axes = tuple(MAP_AXES[axis] for axis in operator.axes)
    found: Real = x.astype(np.float64).mean(axes, keepdims=True).astype(np.float32)
    return found
