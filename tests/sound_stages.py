"""A layer that breaks no rule, and its parts, each with changes that a test makes."""

import dataclasses
from dataclasses import replace
from typing import Any

import numpy as np

from hwsim.graph import (
    Constants,
    Quantization,
    Shape,
    Source,
    Stage,
    Tensor,
)


def sound_stage(**changes: Any) -> Stage:
    """Return a 3x3 layer of 8 channels to 16 filters, all of them stored, with `changes`."""
    fields: dict[str, Any] = {
        "name": "conv1",
        "sources": (sound_source(),),
        "output": Tensor("out", Shape(16, 6, 5), quantization=Quantization(0.25, -4)),
        "filters": 16,
        "leaky_slope": 0.1,
    }
    of_source = {field.name for field in dataclasses.fields(Source)}
    for name in of_source & set(changes):
        fields["sources"] = (replace(fields["sources"][0], **{name: changes.pop(name)}),)
    return Stage(**fields | changes)


def sound_source(**changes: Any) -> Source:
    """Return a 3x3 kernel on 8 channels, with `changes`."""
    tensor = Tensor("in", Shape(8, 6, 5), quantization=Quantization(0.5, 3))
    return replace(Source.whole(tensor, (3, 3), padding=1), **changes)


def sound_constants(**changes: Any) -> Constants:
    """Return the constants of `sound_stage`, with `changes`."""
    fields: dict[str, Any] = {
        "weights": (np.zeros((16, 8, 3, 3), np.int8),),
        "bias": np.zeros(16, np.int32),
        "multiplier": np.ones(16, np.int32),
        "negative_multiplier": np.ones(16, np.int32),
        "shift": np.full(16, 2, np.int32),
    }
    return Constants(**fields | changes)


def input_with(**changes: Any) -> Tensor:
    return replace(sound_source().tensor, **changes)


def output_with(**changes: Any) -> Tensor:
    return replace(sound_stage().output, **changes)
