"""The photographs by which a network is normalised and quantized."""

from dataclasses import replace

from torch import Tensor

from hwsim.errors import InputError
from hwsim.golden.photographs import photograph
from hwsim.graph import Graph, Shape
from hwsim.graph.check import IMAGE_CHANNELS
from hwsim.graph.infer import convolved_shape, pooled_shape

CALIBRATION_PHOTOGRAPHS = ("astronaut", "cat", "coffee", "motorcycle")
CALIBRATION_SIZE = 256


def calibration_photographs(graph: Graph) -> list[Tensor]:
    """Return `CALIBRATION_PHOTOGRAPHS` as uint8 `[3, H, W]`, 256 x 256 whatever the graph's size.

    So constants are the same at every size. A graph that cannot take 256 x 256, as one that ends
    in a kernel as large as its map, is calibrated at its own size. Raises `InputError` for a graph
    that does not take photographs.
    """
    shape = graph.inputs[0].shape
    if shape.channels != IMAGE_CHANNELS:
        raise InputError(
            f"graph {graph.name}: input of {shape.channels} channels: quantization is calibrated "
            f"on photographs, which have {IMAGE_CHANNELS}"
        )
    size = Shape(IMAGE_CHANNELS, CALIBRATION_SIZE, CALIBRATION_SIZE)
    if not _takes(graph, size):
        size = shape
    return [
        photograph(name, height=size.height, width=size.width) for name in CALIBRATION_PHOTOGRAPHS
    ]


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
