"""The integer reference: a quantized graph, stage by stage, with no tiles and no buses."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from hwsim.errors import InputError
from hwsim.golden.channel_pool import channel_pool
from hwsim.golden.convolution import INT32_MAX, convolution
from hwsim.golden.rescale import rescale
from hwsim.golden.spatial_pool import spatial_pool
from hwsim.graph import Graph, Stage

IMAGE_ZERO_POINT = -128


def stored_image(image: Tensor) -> Tensor:
    """Turn uint8 `image[..., 3, H, W]` into the int8 that a graph takes: flip the top bit."""
    return (image ^ 0x80).view(torch.int8)


def run_stage(stage: Stage, x: Tensor) -> Tensor:
    """Compute one fused stage on its stored input, int8 `x[N, C, H, W]`; returns int8.

    Raises `InputError` if the stage has no constants, `x` is not its input, or the accumulator
    with its bias does not fit in int32.
    """
    acc = run_accumulate(stage, x)
    constants = stage.constants
    assert constants is not None
    y = rescale(
        acc,
        _tensor(constants.multiplier),
        _tensor(constants.negative_multiplier),
        _tensor(constants.shift),
        stage.output.zero_point,
        stage.output.bits,
    )
    return spatial_pool(channel_pool(y, stage.channel_pool), stage.spatial_pool)


def run_accumulate(stage: Stage, x: Tensor) -> Tensor:
    """The first half of a stage: int32 accumulators `[N, K, P, Q]`, bias included."""
    constants = stage.constants
    if constants is None:
        raise InputError(f"layer {stage.name} has no constants: quantize the network first")
    expected = stage.input.shape
    if x.dtype != torch.int8 or x.shape[1:] != (expected.channels, expected.height, expected.width):
        found = "x".join(map(str, x.shape[1:]))
        raise InputError(f"layer {stage.name} takes int8 {expected}, not {x.dtype} {found}")
    weights = _tensor(constants.weights)
    try:
        acc = convolution(x, weights, stage.input.zero_point, stage.padding, stage.groups)
    except InputError as error:
        raise InputError(f"layer {stage.name}: {error}") from None
    biased = acc.long() + _tensor(constants.bias).long().view(1, -1, 1, 1)
    if int(biased.max()) > INT32_MAX or int(biased.min()) < -INT32_MAX - 1:
        raise InputError(f"layer {stage.name}: accumulator + bias does not fit in int32")
    return biased.to(torch.int32)


def run_graph(graph: Graph, x: Tensor) -> list[Tensor]:
    """Run a quantized graph on int8 `x[N, C, H, W]`; returns the stored output of every stage."""
    outputs: list[Tensor] = []
    for stage in graph.stages:
        x = run_stage(stage, x)
        outputs.append(x)
    return outputs


def _tensor(values: NDArray[Any]) -> Tensor:
    """A tensor of the same integers; a copy, as PyTorch cannot share read-only memory."""
    return torch.from_numpy(values.copy())
