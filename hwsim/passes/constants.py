"""Takes what quantization adds to a graph out of it, and gives it to other shapes by position."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.graph import Constants, Graph, Quantization, Stage

OF_FILTERS = ("bias", "multiplier", "negative_multiplier", "shift")


def constants_of(graph: Graph) -> dict[str, NDArray[Any]]:
    """Return the constants of a quantized graph's layers, and its tensors' scales and zero points.

    `layer.<i>.weights.<j>` are those of source j of layer i, `layer.<i>.bias` and the others belong
    to the layer, and `map.<i>.scale` and `map.<i>.zero_point` to tensor i; all count from 0.
    """
    found: dict[str, NDArray[Any]] = {}
    for index, tensor in enumerate(graph.tensors):
        assert tensor.quantization is not None
        found[f"map.{index}.scale"] = np.array([tensor.quantization.scale], np.float64)
        found[f"map.{index}.zero_point"] = np.array([tensor.quantization.zero_point], np.int32)
    for index, stage in enumerate(graph.stages):
        assert stage.constants is not None
        for number, weights in enumerate(stage.constants.weights):
            found[f"layer.{index}.weights.{number}"] = weights
        for name in OF_FILTERS:
            found[f"layer.{index}.{name}"] = getattr(stage.constants, name)
    return found


def with_constants(shapes: Graph, arrays: Mapping[str, NDArray[Any]]) -> Graph:
    """Return the shapes with what `constants_of` found in a graph of the same shapes.

    Raises `KeyError` for an array that is missing, and `InputError` for one that does not fit.
    """
    tensors = [
        replace(
            tensor,
            quantization=Quantization(
                arrays[f"map.{index}.scale"].item(), arrays[f"map.{index}.zero_point"].item()
            ),
        )
        for index, tensor in enumerate(shapes.tensors)
    ]
    graph = shapes.with_tensors(tensors)
    stages = tuple(
        replace(stage, constants=_constants(stage, arrays, index))
        for index, stage in enumerate(graph.stages)
    )
    return replace(graph, stages=stages)


def _constants(stage: Stage, arrays: Mapping[str, NDArray[Any]], index: int) -> Constants:
    weights = tuple(
        arrays[f"layer.{index}.weights.{number}"] for number in range(len(stage.sources))
    )
    others = {name: arrays[f"layer.{index}.{name}"] for name in OF_FILTERS}
    return Constants(weights=weights, **others)
