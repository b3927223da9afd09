"""Graphs, configurations and values drawn by hypothesis, shared by the property tests."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from hwsim.arch.config import Config, load_config
from hwsim.graph import Constants, Graph, Quantization, Shape, SpatialPool, Stage, Tensor
from hwsim.graph.check import LARGEST_KERNEL
from hwsim.graph.infer import stored_shape


@st.composite
def configs(draw: st.DrawFn, weight_bits: int | None = None) -> Config:
    """Draw an accelerator so small that the compiler cuts drawn layers in every way."""
    lanes_in = draw(st.sampled_from([8, 8, 16]))
    lanes_out = lanes_in * draw(st.sampled_from([1, 1, 2]))
    rescale = draw(st.sampled_from([lanes for lanes in (1, 2, 4, 8) if lanes <= lanes_out]))
    edge = load_config("edge").model_dump()
    edge["array"] = {"input_lanes": lanes_in, "output_lanes": lanes_out, "rescale_lanes": rescale}
    edge["bus"]["bus_bits"] = 8 * lanes_in
    edge["bus"]["burst_beats"] = draw(st.sampled_from([2, 4, 16]))
    edge["widths"]["weight_bits"] = weight_bits or draw(st.sampled_from([4, 8]))
    edge["memory"]["latency_cycles"] = draw(st.sampled_from([1, 20, 60]))
    edge["memory"]["bandwidth_bytes_per_cycle"] = draw(st.sampled_from([lanes_in // 2, lanes_in]))
    edge["buffers"] = {
        "feature_bytes": lanes_in * draw(st.integers(12, 250)),
        "weight_bytes": lanes_out * draw(st.sampled_from([16, 32, 64, 128, 512])) * 4,
        "accumulator_depth": draw(st.sampled_from([4, 16, 64])),
        "staging_bytes": 2 * lanes_in * draw(st.sampled_from([4, 8, 32, 64])),
    }
    return Config.model_validate(edge)


@st.composite
def shapes_of_graphs(
    draw: st.DrawFn, max_layers: int = 3, weight_bits: int = 8, from_image: bool = False
) -> Graph:
    """Draw a chain of one to `max_layers` layers of every legal kind, with odd sizes."""
    image = from_image or draw(st.booleans())
    side = st.integers(2, 18)
    shape = Shape(3 if image else draw(st.integers(1, 40)), draw(side), draw(side))
    tensor = Tensor("input", shape, is_image=image)
    stages: list[Stage] = []
    for index in range(draw(st.integers(1, max_layers))):
        stage = draw(layers_on(tensor, index + 1, weight_bits))
        stages.append(stage)
        tensor = stage.output
    return Graph("drawn", tuple(stages))


@st.composite
def layers_on(draw: st.DrawFn, tensor: Tensor, number: int, weight_bits: int = 8) -> Stage:
    """Draw a layer that reads `tensor`: dense or depthwise, any kernel, padding, k and pool."""
    shape = tensor.shape
    kernel, padding = draw(kernels(shape))
    k, filters, groups = draw(st.sampled_from([1, 1, 2, 4, 8])), draw(st.integers(1, 20)), 1
    if draw(st.sampled_from([False, False, False, True])):
        k, filters, groups = 1, shape.channels, shape.channels
    pool = draw(st.sampled_from(SpatialPool))
    output = Tensor(f"features{number}", stored_shape(shape, filters * k, kernel, padding, k, pool))
    slope = draw(st.sampled_from([None, 0.1]))
    return Stage(f"conv{number}", tensor, output, filters * k, kernel, padding, slope, k, pool,
                 groups, weight_bits)  # fmt: skip


@st.composite
def kernels(draw: st.DrawFn, shape: Shape) -> tuple[tuple[int, int], int]:
    """Draw a kernel and a padding that fit an input, mostly those of ordinary networks."""
    usual = draw(st.sampled_from([1, 3, 3, None]))
    if usual:
        return (usual, usual), usual // 2
    sides = st.integers(1, 5) | st.integers(1, LARGEST_KERNEL)
    rows, columns = draw(sides), draw(sides)
    padding = draw(st.integers(0, min(rows, columns) - 1))
    rows, columns = (
        min(side, size + 2 * padding)
        for side, size in ((rows, shape.height), (columns, shape.width))
    )
    return (rows, columns), min(padding, rows - 1, columns - 1)


def with_drawn_constants(graph: Graph, seed: int) -> Graph:
    """Add integers that reach both ends of the output range and every sign."""
    rng = np.random.default_rng(seed)
    tensor = replace(graph.input, quantization=_quantization(rng))
    stages: list[Stage] = []
    for stage in graph.stages:
        output = replace(stage.output, quantization=_quantization(rng))
        stages.append(replace(stage, input=tensor, output=output, constants=_constants(stage, rng)))
        tensor = output
    return Graph(graph.name, tuple(stages))


def _quantization(rng: np.random.Generator) -> Quantization:
    return Quantization(1.0, int(rng.integers(-128, 128)))


def _constants(stage: Stage, rng: np.random.Generator) -> Constants:
    high = 1 << (stage.weight_bits - 1)
    weights = rng.integers(-high, high, stage.weights_shape).astype(np.int8)
    # Spread the outputs over about twice the int8 range, so that both ends saturate.
    spread = 128 * high * np.sqrt(weights[0].size) / 3
    shift = rng.integers(2, 63, stage.filters)
    multiplier = np.clip(256 / spread * np.exp2(shift.astype(float)), 0, 2**15 - 1).astype(np.int32)
    slope = rng.uniform(0, 1, stage.filters)
    return Constants(
        weights=weights,
        bias=rng.integers(-int(spread), int(spread) + 1, stage.filters).astype(np.int32),
        multiplier=multiplier,
        negative_multiplier=multiplier
        if stage.leaky_slope is None
        else (multiplier * slope).astype(np.int32),
        shift=shift.astype(np.int32),
    )


def drawn_input(graph: Graph, seed: int) -> NDArray[np.int8]:
    shape = graph.input.shape
    rng = np.random.default_rng(seed)
    return rng.integers(-128, 128, (shape.channels, shape.height, shape.width)).astype(np.int8)


def preset_with(name: str, /, **sections: Any) -> Config:
    """Return a preset with some keys of some sections replaced."""
    data = load_config(name).model_dump()
    for section, values in sections.items():
        if isinstance(values, dict):
            data[section] = data[section] | values
        else:
            data[section] = values
    return Config.model_validate(data)
