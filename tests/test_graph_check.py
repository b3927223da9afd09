"""Every graph is checked when it is made: a refusal names the layer and the value."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.compiler import compile_graph
from hwsim.errors import InputError
from hwsim.frontends.builtin import build_network
from hwsim.graph import Constants, Graph, Layer, Quantization, Shape, SpatialPool, Tensor
from hwsim.graph.infer import stored_shape
from hwsim.passes.baselines import materialized, plain, without_constants
from tests.drawn import preset_with, shapes_of_graphs, with_drawn_constants

NUMPY_EIGHT: Any = np.int64(8)
NOT_ABOVE_ZERO = (0, -1, -(10**30), True, "3", 2.0, np.int64(3), None)


def sound_layer(**changes: Any) -> Layer:
    """Return a 3x3 layer of 8 channels to 16 filters, all of them stored, with `changes`."""
    fields: dict[str, Any] = {
        "name": "conv1",
        "input": Tensor("in", Shape(8, 6, 5), quantization=Quantization(0.5, 3)),
        "output": Tensor("out", Shape(16, 6, 5), quantization=Quantization(0.25, -4)),
        "filters": 16,
        "kernel": (3, 3),
        "padding": 1,
        "leaky_slope": 0.1,
    }
    return Layer(**fields | changes)


def sound_constants(**changes: Any) -> Constants:
    """Return the constants of `sound_layer`, with `changes`."""
    fields: dict[str, Any] = {
        "weights": np.zeros((16, 8, 3, 3), np.int8),
        "bias": np.zeros(16, np.int32),
        "multiplier": np.ones(16, np.int32),
        "negative_multiplier": np.ones(16, np.int32),
        "shift": np.full(16, 2, np.int32),
    }
    return Constants(**fields | changes)


def input_with(**changes: Any) -> Tensor:
    return replace(sound_layer().input, **changes)


def output_with(**changes: Any) -> Tensor:
    return replace(sound_layer().output, **changes)


@settings(deadline=None)
@given(shapes_of_graphs(), st.integers(0, 2**31))
def test_legal_graphs_are_made_and_rewritten(graph: Graph, seed: int) -> None:
    with_constants = with_drawn_constants(graph, seed)
    assert with_constants.is_quantized
    assert without_constants(with_constants).macs == graph.macs == materialized(graph).macs
    assert not plain(graph).is_condensed


# Changes to `sound_layer`, and the text of the refusal after the layer's name.
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"output": output_with(shape=Shape(16, 3, 2))}, "output 16x3x2 must be 16x6x5, which follows"),
    ({"groups": 4}, "groups = 4 must be 1 (dense) or 8, its channels (depthwise)"),
    ({"groups": 8}, "filters = 16 of groups = 8: a depthwise layer has one filter for each"),
    ({"padding": 3}, "padding = 3 must be an integer from 0 to 2, below each side of kernel"),
    ({"padding": 1, "kernel": (3, 1)}, "padding = 1 must be an integer from 0 to 0, below each"),
    ({"padding": -1}, "padding = -1 must be an integer from 0 to 2"),
    ({"kernel": (16, 3)}, "kernel = (16, 3) must be two integers from 1 to 15"),
    ({"kernel": (9, 9), "padding": 1}, "kernel (9, 9) with padding 1 does not fit input 8x6x5"),
    ({"kernel": 3}, "kernel = 3 must be two integers"),
    ({"kernel": [3, 3]}, "kernel = [3, 3] must be two integers"),
    ({"kernel": (3, 3, 3)}, "kernel = (3, 3, 3) must be two integers"),
    ({"channel_pool": 3}, "channel_pool = 3 must be one of 1, 2, 4, 8"),
    ({"filters": 33, "channel_pool": 2}, "filters = 33 must be a multiple of channel_pool = 2"),
    ({"filters": 8, "groups": 8, "channel_pool": 2}, "channel_pool = 2 needs a dense convolution"),
    ({"spatial_pool": 1}, "spatial_pool = 1 must be of type SpatialPool"),
    ({"weight_bits": 5}, "weight_bits = 5 must be one of 4, 8"),
    ({"weight_bits": 16}, "weight_bits = 16 must be one of 4, 8"),
    ({"leaky_slope": -0.5}, "leaky_slope = -0.5 must be None or a number from 0 to 1"),
    ({"leaky_slope": 1.5}, "leaky_slope = 1.5 must be None or a number from 0 to 1"),
    ({"leaky_slope": float("nan")}, "leaky_slope = nan must be None or a number from 0 to 1"),
    ({"is_reduction": True}, "filters = 16 of groups = 1: a depthwise layer has one filter"),
    ({"is_reduction": True, "filters": 8, "groups": 8}, "is_reduction: the pass that condenses"),
    ({"input": input_with(bits=4)}, "input of 4 bits: stored values have 8"),
    ({"output": output_with(bits=16)}, "output of 16 bits: stored values have 8"),
    ({"input": input_with(is_image=True)}, "input is an image of 8 channels: an image has 3"),
    ({"output": output_with(is_image=True, shape=Shape(3, 6, 5)), "filters": 3},
     "output 'out' is an image: images only come from outside"),
    ({"input": input_with(shape=Shape(8, 0, 5))}, "input height = 0 must be an integer from 1 to"),
    ({"input": input_with(shape=Shape(8, 6, 1 << 15))}, "input width = 32768 must be an integer"),
    ({"input": input_with(shape=Shape(1 << 16, 6, 5))}, "input channels = 65536 must be"),
    ({"output": output_with(name=" ")}, "output's name ' ' must be text that can be printed"),
    ({"input": input_with(name="a\x1b[2J")}, "input's name 'a\\x1b[2J' must be text that can be"),
    ({"input": input_with(name="x" * 256)}, "of 256 characters: at most 255"),
    ({"constants": sound_constants(weights=np.zeros((16, 8, 3), np.int8))},
     "weights must be int8 (16, 8, 3, 3), not int8 (16, 8, 3)"),
    ({"constants": sound_constants(weights=np.zeros((16, 8, 3, 3)))},
     "weights must be int8 (16, 8, 3, 3), not float64 (16, 8, 3, 3)"),
    ({"constants": sound_constants(bias=np.zeros(16, np.int64))},
     "bias must be int32 (16,), not int64 (16,)"),
    ({"constants": sound_constants(bias=[0] * 16)},
     "bias must be a plain array of int32 (16,), not a list"),
    ({"constants": sound_constants(bias=np.ma.zeros(16, np.int32))},
     "bias must be a plain array of int32 (16,), not a MaskedArray"),
    ({"constants": sound_constants(weights=None)},
     "weights must be a plain array of int8 (16, 8, 3, 3), not a NoneType"),
    ({"constants": {"bias": 1}}, "constants = {'bias': 1} must be of type Constants or None"),
    ({"input": None}, "input = None must be of type Tensor"),
    ({"output": "out"}, "output = 'out' must be of type Tensor"),
    ({"input": input_with(shape=None)}, "input shape = None must be of type Shape"),
    ({"output": output_with(shape=(16, 6, 5))}, "output shape = (16, 6, 5) must be of type Shape"),
    ({"input": input_with(bits=8.0)}, "input bits = 8.0 must be of type int"),
    ({"input": input_with(bits=NUMPY_EIGHT)}, "must be of type int"),
    ({"input": input_with(quantization=(0.5, 3))}, "(0.5, 3) must be of type Quantization or None"),
    ({"input": input_with(is_image="no")}, "input is_image = 'no' must be of type bool"),
    ({"is_reduction": 1}, "is_reduction = 1 must be of type bool"),
    ({"input": input_with(shape=Shape(NUMPY_EIGHT, 6, 5))},
     "must be an integer from 1 to 65535"),
    ({"kernel": (np.int64(3), 3)}, "must be two integers from 1 to 15"),
    ({"leaky_slope": np.float32(0.1)}, "must be None or a number from 0 to 1"),
    ({"constants": sound_constants(shift=np.full(16, 63, np.int32))},
     "shift holds 63: must be 2 to 62"),
    ({"constants": sound_constants(shift=np.full(16, 1, np.int32))},
     "shift holds 1: must be 2 to 62"),
    ({"constants": sound_constants(multiplier=np.full(16, -1, np.int32))},
     "multiplier holds -1: must be 0 to 2147483647"),
    ({"constants": sound_constants(negative_multiplier=np.full(16, -7, np.int32))},
     "negative_multiplier holds -7: must be 0 to 2147483647"),
    ({"constants": sound_constants(weights=np.full((16, 8, 3, 3), 8, np.int8)), "weight_bits": 4},
     "weights holds 8: must be -8 to 7"),
    ({"constants": sound_constants(), "output": output_with(quantization=None)},
     "constants need a scale and a zero point of its input and of its output"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_a_fault_is_one_line_with_layer_value_and_rule(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        sound_layer(**changes)
    line = str(caught.value)
    assert line.startswith("layer conv1: ")
    assert message in line
    assert "\n" not in line
    assert len(line) < 250


@pytest.mark.parametrize("scale", [0.0, -1.0, float("inf"), float("nan"), 10**400, "1", None])
def test_a_scale_is_finite_and_above_zero(scale: Any) -> None:
    with pytest.raises(InputError, match=r"^layer conv1: input scale = .* must be a finite number"):
        sound_layer(input=input_with(quantization=Quantization(scale, 0)))


@pytest.mark.parametrize("zero_point", [-129, 128, 1.0, None])
def test_a_zero_point_is_a_stored_value(zero_point: Any) -> None:
    with pytest.raises(InputError, match=r"^layer conv1: output zero_point = .* from -128 to 127"):
        sound_layer(output=output_with(quantization=Quantization(1.0, zero_point)))


@pytest.mark.parametrize("value", NOT_ABOVE_ZERO)
@pytest.mark.parametrize("field", ["filters", "channel_pool", "groups", "weight_bits"])
def test_counts_are_integers_above_zero(field: str, value: Any) -> None:
    if field == "groups" and value is True:
        value = False
    with pytest.raises(InputError, match=rf"^layer conv1: {field} = "):
        sound_layer(**{field: value})


@pytest.mark.parametrize("name", ["", " ", "a\nb", "\udc80", 7, None, "x" * 256])
def test_names_are_bounded_text(name: Any) -> None:
    with pytest.raises(InputError, match=r"^a layer's name .*") as caught:
        sound_layer(name=name)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"^a graph's name .*"):
        Graph(name, (sound_layer(),))


def chain(count: int = 3) -> list[Layer]:
    """Return consecutive layers of 8 channels each."""
    tensors = [Tensor(f"t{index}", Shape(8, 6, 5)) for index in range(count + 1)]
    return [
        Layer(f"conv{index + 1}", tensors[index], tensors[index + 1], 8, (1, 1), 0, None)
        for index in range(count)
    ]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (chain(), r"layers = \[Layer.* must be of type tuple"),
        (iter(chain()), "layers = .* must be of type tuple"),
        ((layer for layer in chain()), "layers = <generator .* must be of type tuple"),
        (None, "layers = None must be of type tuple"),
        ((*chain(), "pool"), r"layers\[3\] = 'pool' must be of type Layer"),
    ],
)
def test_layers_are_a_tuple_of_layers(layers: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"^graph g: {message}$") as caught:
        Graph("g", layers)
    assert "\n" not in str(caught.value)


def test_an_empty_graph_is_refused() -> None:
    with pytest.raises(InputError, match=r"^graph none: has no layers: it must have at least one$"):
        Graph("none", ())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"name": "other"},
            "conv2 reads a tensor of name other, layer conv1 stores one of name t1",
        ),
        ({"bits": 8, "quantization": Quantization(2.0, 0)}, "of quantization Quantization"),
        ({"shape": Shape(8, 6, 5), "name": "t0"}, "reads a tensor of name t0"),
    ],
)
def test_a_layer_reads_what_the_one_before_it_stores(change: dict[str, Any], message: str) -> None:
    first, second, third = chain()
    second = replace(second, input=replace(second.input, **change))
    with pytest.raises(InputError, match=r"^graph g: layer conv2 reads .*same tensor$") as caught:
        Graph("g", (first, second, third))
    assert message in str(caught.value)


def test_shapes_of_neighbours_must_be_equal() -> None:
    first, second = chain(2)
    tall = Shape(8, 12, 5)
    second = replace(
        second,
        input=replace(second.input, shape=tall),
        output=replace(second.output, shape=tall),
    )
    with pytest.raises(InputError, match=r"tensor of shape 8x12x5, .* stores one of shape 8x6x5"):
        Graph("g", (first, second))


def test_names_are_unique() -> None:
    first, second, third = chain()
    with pytest.raises(
        InputError, match=r"^graph g: two layers are named 'conv1': names must diff"
    ):
        Graph("g", (first, second, replace(third, name="conv1")))
    with pytest.raises(
        InputError, match=r"^graph g: two tensors are named 't0': names must differ"
    ):
        Graph("g", (first, second, replace(third, output=first.input)))


def test_a_repeated_name_among_many_is_found_at_once() -> None:
    tensor, layers = Tensor("0", Shape(1, 1, 1)), []
    for index in range(1, 30_000):
        output = Tensor(str(index), Shape(1, 1, 1))
        layers.append(Layer(str(index), tensor, output, 1, (1, 1), 0, None))
        tensor = output
    layers[-1] = replace(layers[-1], name="29998")
    start = time.process_time()
    with pytest.raises(InputError, match=r"two layers are named '29998': names must differ"):
        Graph("g", tuple(layers))
    assert time.process_time() - start < 1


def test_constants_are_given_to_all_layers_or_to_none() -> None:
    graph = with_drawn_constants(Graph("g", tuple(chain())), seed=1)
    first, second, third = graph.layers
    with pytest.raises(InputError, match=r"^graph g: layer conv2 has no constants, other layers"):
        Graph("g", (first, replace(second, constants=None), third))


def test_a_depthwise_layer_counts_its_macs_and_a_reduction_none() -> None:
    depthwise = sound_layer(filters=8, groups=8, output=output_with(shape=Shape(8, 6, 5)))
    assert depthwise.macs == 8 * 9 * 6 * 5
    assert Graph("g", (depthwise,)).macs == depthwise.macs
    graph = build_network("condensation-net-mini")
    unfused = materialized(graph)
    assert sum(layer.is_reduction for layer in unfused.layers) == 8
    assert unfused.macs == graph.macs
    assert not unfused.is_condensed


def test_names_of_a_baseline_are_legal_whatever_the_network_s_are() -> None:
    names = ["x" * 255, "x" * 127 + " maps", "x" * 127 + " reduction"]
    tensor = Tensor("x" * 254, Shape(8, 6, 5))
    layers: list[Layer] = []
    for name in names:
        output = Tensor(name, Shape(8, 6, 5))
        layers.append(Layer(name, tensor, output, 16, (1, 1), 0, None, channel_pool=2))
        tensor = output
    found = materialized(Graph("g", tuple(layers)))
    assert len(found.layers) == 6


def test_a_reduction_of_more_blocks_than_a_descriptor_counts_names_the_layer() -> None:
    layer = Layer("wide", Tensor("in", Shape(65535, 1, 1)), Tensor("out", Shape(8, 1, 1)), 8,
                  (1, 1), 0, None)  # fmt: skip
    config = preset_with("nano", buffers={"feature_bytes": 1 << 17})
    with pytest.raises(InputError, match=r"^layer wide: 65535 channels are 8192 input blocks of 8"):
        compile_graph(Graph("g", (layer,)), config)


Fault = Callable[[Layer], dict[str, Any]]


def single_faults(layer: Layer) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield single changes that make a sound layer wrong, each with the value to be named."""
    stored, output = layer.input, layer.output
    for side in ("channels", "height", "width"):
        for change in (-1, 1):
            size = getattr(output.shape, side) + change
            shape = replace(output.shape, **{side: size})
            yield {"output": replace(output, shape=shape)}, str(size)
    yield {"padding": min(layer.kernel)}, str(min(layer.kernel))
    yield {"kernel": (16, layer.kernel[1])}, "16"
    yield {"groups": stored.shape.channels + 1}, str(stored.shape.channels + 1)
    yield {"channel_pool": 16}, "16"
    yield {"weight_bits": 7}, "7"
    yield {"leaky_slope": -0.5}, "-0.5"
    yield {"input": replace(stored, bits=4)}, "4"
    yield {"output": replace(output, quantization=Quantization(0.0, 0))}, "0.0"
    yield {"output": replace(output, quantization=Quantization(1.0, 128))}, "128"
    yield {"name": "\x1b"}, "\\x1b"
    constants = layer.constants
    assert constants is not None
    for name, value in (("shift", 63), ("shift", 1), ("multiplier", -2)):
        values = getattr(constants, name).copy()
        values[-1] = value
        yield {"constants": replace(constants, **{name: values})}, str(value)
    yield {"constants": replace(constants, bias=constants.bias[:-1])}, str(layer.filters - 1)


@settings(deadline=None)
@given(shapes_of_graphs(max_layers=1), st.integers(0, 2**31), st.data())
def test_a_drawn_fault_is_refused_by_its_value(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    (layer,) = with_drawn_constants(graph, seed).layers
    changes, value = data.draw(st.sampled_from(list(single_faults(layer))))
    with pytest.raises(InputError) as caught:
        replace(layer, **changes)
    assert value in str(caught.value)
    assert "\n" not in str(caught.value)


def test_shapes_are_inferred_in_the_order_of_the_operators() -> None:
    assert stored_shape(Shape(3, 9, 6), 16, (3, 2), 1, 2, SpatialPool.STRIDE_2) == Shape(8, 5, 4)
