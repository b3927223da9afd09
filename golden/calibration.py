"""The photographs, or arrays, by which a network is normalised and quantized."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwsim.errors import InputError
from hwsim.golden.photographs import photograph
from hwsim.golden.reference import pixels_of
from hwsim.graph import Graph, Shape
from hwsim.graph.check import IMAGE_CHANNELS
from hwsim.graph.infer import convolved_shape, pooled_shape

CALIBRATION_PHOTOGRAPHS = ("astronaut", "cat", "coffee", "motorcycle")
CALIBRATION_SIZE = 256
LARGEST_ENLARGED_KERNEL = 11  # rows or columns; what a larger one computes grows by minutes


def calibration_pixels(graph: Graph, arrays: Sequence[NDArray[np.int8]]) -> dict[str, Tensor]:
    """Return uint8 `x[N, C, H, W]` of every input by its name: the photographs, or `arrays`.

    `arrays` has nothing, or int8 `x[C, H, W]` of every input in the graph's order, as it is stored.
    """
    if not arrays:
        return calibration_photographs(graph)
    return {
        tensor.name: pixels_of(torch.from_numpy(values.copy()))[None]
        for tensor, values in zip(graph.inputs, arrays, strict=True)
    }


def calibration_photographs(graph: Graph) -> dict[str, Tensor]:
    """Return `CALIBRATION_PHOTOGRAPHS` as uint8 `x[N, 3, 256, 256]` of every input, by its name.

    The size is the same whatever the graph's is, and so are constants. A graph is calibrated at its
    own size if it cannot take that one, as where a kernel is as large as its map, or if it is of
    fewer pixels and has a kernel of more than `LARGEST_ENLARGED_KERNEL`. Several
    inputs see the photographs in another order each, so that no difference of two is 0 everywhere.
    Raises `InputError` for a graph that takes something else than photographs.
    """
    for tensor in graph.inputs:
        if tensor.shape.channels != IMAGE_CHANNELS:
            raise InputError(
                f"graph {graph.name}: input of {tensor.shape.channels} channels: quantization is "
                f"calibrated on photographs, which have {IMAGE_CHANNELS}"
            )
    size = Shape(IMAGE_CHANNELS, CALIBRATION_SIZE, CALIBRATION_SIZE)
    is_taken = _takes(graph, size) and not _is_costly(graph, size)
    found: dict[str, Tensor] = {}
    names = deque(CALIBRATION_PHOTOGRAPHS)
    for tensor in graph.inputs:
        shape = size if is_taken else tensor.shape
        found[tensor.name] = torch.stack(
            [photograph(name, height=shape.height, width=shape.width) for name in names]
        )
        names.rotate()
    return found


def _is_costly(graph: Graph, shape: Shape) -> bool:
    """True if a graph of fewer pixels than `shape` has so large a kernel that these count."""
    kernels = (max(source.kernel) for stage in graph.stages for source in stage.sources)
    pixels = max(tensor.shape.height * tensor.shape.width for tensor in graph.inputs)
    return max(kernels) > LARGEST_ENLARGED_KERNEL and pixels < shape.height * shape.width


def _takes(graph: Graph, shape: Shape) -> bool:
    """True if every kernel of the graph fits its map where the inputs have another shape."""
    shapes = {tensor.name: shape for tensor in graph.inputs}
    for stage in graph.stages:
        convolved = [
            convolved_shape(
                replace(source, tensor=replace(source.tensor, shape=shapes[source.tensor.name])),
                stage.filters,
            )
            for source in stage.sources
        ]
        if len(set(convolved)) > 1 or min(convolved[0].height, convolved[0].width) < 1:
            return False
        pooled = pooled_shape(convolved[0], stage.channel_pool, stage.spatial_pool)
        shapes[stage.output.name] = pooled
    return True
