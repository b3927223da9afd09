"""The integer reference: a quantized graph, stage by stage, with no tiles and no buses."""

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from hwsim.errors import InputError
from hwsim.golden.channel_pool import channel_pool
from hwsim.golden.convolution import INT32_MAX, convolution, refuse_overflow
from hwsim.golden.rescale import rescale
from hwsim.golden.spatial_pool import spatial_pool
from hwsim.golden.table import table
from hwsim.graph import Graph, Source, Stage

IMAGE_ZERO_POINT = -128


def stored_image(image: Tensor) -> Tensor:
    """Turn uint8 `image[..., 3, H, W]` into the int8 that a graph takes: flip the top bit."""
    return (image ^ 0x80).view(torch.int8)


def pixels_of(stored: Tensor) -> Tensor:
    """Turn int8 `x[..., C, H, W]`, as a graph takes it, into uint8: `stored_image` backwards."""
    return stored.view(torch.uint8) ^ 0x80


def run_graph(graph: Graph, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Run a quantized graph on int8 `x[N, C, H, W]` of each input, by its name.

    Returns every tensor that is stored, the inputs too, by its name.
    """
    tensors = {tensor.name: _given(tensor.name, inputs) for tensor in graph.inputs}
    for stage in graph.stages:
        tensors[stage.output.name] = run_stage(stage, tensors)
    return tensors


def run_stage(stage: Stage, tensors: Mapping[str, Tensor]) -> Tensor:
    """Compute one stage on stored tensors by their names, int8 `x[N, C, H, W]`; returns int8.

    Raises `InputError` if the stage has no constants, a tensor is missing or is not what it reads,
    or the accumulator with its bias does not fit in int32.
    """
    acc = run_accumulate(stage, tensors)
    constants = stage.constants
    assert constants is not None
    y = rescale(
        acc,
        _tensor(constants.multiplier),
        _tensor(constants.negative_multiplier),
        _tensor(constants.shift),
        stage.added_offset,
        stage.limits,
        stage.rounding,
        None if constants.negative_shift is None else _tensor(constants.negative_shift),
    )
    y = table(y, stage.table)
    return spatial_pool(channel_pool(y, stage.channel_pool), stage.spatial_pool)


def run_accumulate(stage: Stage, tensors: Mapping[str, Tensor]) -> Tensor:
    """Return the first half of a stage: int32 accumulators `[N, K, P, Q]`, bias included."""
    constants = stage.constants
    if constants is None:
        raise InputError(f"layer {stage.name} has no constants: quantize the network first")
    weights = [_tensor(values) for values in constants.weights]
    try:
        refuse_overflow(weights, stage.sources)
        acc = _tensor(constants.bias).long().view(1, -1, 1, 1)
        for values, source in zip(weights, stage.sources, strict=True):
            acc = acc + convolution(_read(source, tensors), values, source)
    except InputError as error:
        raise InputError(f"layer {stage.name}: {error}") from None
    if int(acc.max()) > INT32_MAX or int(acc.min()) < -INT32_MAX - 1:
        raise InputError(f"layer {stage.name}: accumulator + bias does not fit in int32")
    return acc.to(torch.int32)


def _read(source: Source, tensors: Mapping[str, Tensor]) -> Tensor:
    """Return the tensor of a source, having checked that it is what the graph says."""
    x, expected = _given(source.tensor.name, tensors), source.tensor.shape
    if x.dtype != torch.int8 or x.shape[1:] != (expected.channels, expected.height, expected.width):
        found = "x".join(map(str, x.shape[1:]))
        raise InputError(f"takes int8 {expected}, not {x.dtype} {found}")
    return x


def _given(name: str, tensors: Mapping[str, Tensor]) -> Tensor:
    if name not in tensors:
        raise InputError(f"no tensor '{name}' was given")
    return tensors[name]


def _tensor(values: NDArray[Any]) -> Tensor:
    """A tensor of the same integers; a copy, as PyTorch cannot share read-only memory."""
    return torch.from_numpy(values.copy())
