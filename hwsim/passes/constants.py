"""Takes what quantization adds to a graph out of it, and gives it to other shapes by position."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.graph import Constants, Graph, Layer, Quantization, Tensor

CONSTANTS = tuple(field.name for field in fields(Constants))


def constants_of(graph: Graph) -> dict[str, NDArray[Any]]:
    """Return the constants of a quantized graph's layers, and its tensors' scales and zero points.

    `<i>.weights` and the others belong to layer i, counted from 1, and `<i>.scale` and
    `<i>.zero_point` to its output; those of the input are `0.scale` and `0.zero_point`.
    """
    found: dict[str, NDArray[Any]] = {}
    for index, tensor in enumerate((graph.input, *(layer.output for layer in graph.layers))):
        assert tensor.quantization is not None
        found[f"{index}.scale"] = np.array([tensor.quantization.scale], np.float64)
        found[f"{index}.zero_point"] = np.array([tensor.quantization.zero_point], np.int32)
    for index, layer in enumerate(graph.layers, start=1):
        found |= {f"{index}.{name}": getattr(layer.constants, name) for name in CONSTANTS}
    return found


def with_constants(shapes: Graph, arrays: Mapping[str, NDArray[Any]]) -> Graph:
    """Return the shapes with what `constants_of` found in a graph of the same shapes.

    Raises `KeyError` for an array that is missing, and `InputError` for one that does not fit.
    """
    stored = _quantized(shapes.input, arrays, 0)
    layers: list[Layer] = []
    for index, layer in enumerate(shapes.layers, start=1):
        output = _quantized(layer.output, arrays, index)
        constants = Constants(**{name: arrays[f"{index}.{name}"] for name in CONSTANTS})
        layers.append(replace(layer, input=stored, output=output, constants=constants))
        stored = output
    return Graph(shapes.name, tuple(layers))


def _quantized(tensor: Tensor, arrays: Mapping[str, NDArray[Any]], index: int) -> Tensor:
    scale, zero_point = arrays[f"{index}.scale"].item(), arrays[f"{index}.zero_point"].item()
    return replace(tensor, quantization=Quantization(scale, zero_point))
