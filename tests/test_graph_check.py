"""Every graph is checked when it is made: a refusal names the layer and the value."""

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.compiler import compile_graph
from hwsim.errors import InputError
from hwsim.frontends.builtin import build_network
from hwsim.graph import (
    Constants,
    Graph,
    Padding,
    Quantization,
    Shape,
    Source,
    SpatialPool,
    Stage,
    Tensor,
)
from hwsim.graph.check import LARGEST_KERNEL
from hwsim.graph.infer import convolved_shape, stored_shape
from hwsim.passes.baselines import materialized, plain, without_constants
from tests.drawn import branching_graphs, preset_with, shapes_of_graphs, with_drawn_constants
from tests.test_graph_links import chain

NUMPY_EIGHT: Any = np.int64(8)
NOT_ABOVE_ZERO = (0, -1, -(10**30), True, "3", 2.0, np.int64(3), None)


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
    """Return the constants of `sound_layer`, with `changes`."""
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
    ({"groups": 3}, "groups = 3 must be a divisor of channels = 8"),
    ({"groups": 16}, "groups = 16 must be a divisor of channels = 8"),
    ({"groups": 8, "filters": 12}, "filters = 12 must be a multiple of groups = 8"),
    ({"channels": 9}, "channels = 9 must be an integer from 1 to 8, its input's"),
    ({"channels": 0}, "channels = 0 must be an integer from 1 to 8, its input's"),
    ({"channels": 5, "first_channel": 4},
     "first_channel = 4 must be an integer from 0 to 3, for 5 of the input's 8 channels"),
    ({"channels": 5, "first_channel": -1}, "first_channel = -1 must be an integer from 0 to 3"),
    ({"padding": Padding(top=4081)}, "padding.top = 4081 must be an integer from 0 to 4080"),
    ({"padding": Padding(bottom=-1)}, "padding.bottom = -1 must be an integer from 0 to 4080"),
    ({"padding": 1}, "padding = 1 must be a Padding"),
    ({"stride": (9, 1)}, "stride = (9, 1) must be two integers from 1 to 8"),
    ({"stride": (1, 0)}, "stride = (1, 0) must be two integers from 1 to 8"),
    ({"stride": 2}, "stride = 2 must be two integers from 1 to 8"),
    ({"dilation": (1, 17)}, "dilation = (1, 17) must be two integers from 1 to 16"),
    ({"upsample": 3}, "upsample = 3 must be one of 1, 2"),
    ({"upsample": 2, "stride": (2, 1)}, "stride = (2, 1) of an input that is upsampled must be"),
    ({"upsample": 2, "dilation": (1, 3)}, "dilation = (1, 3) of an input that is upsampled must"),
    ({"upsample": 2, "tensor": input_with(shape=Shape(8, 6, 1 << 14))},
     "input upsampled to 32768 pixels: at most 32767 a side"),
    ({"sources": ()}, "sources = () must be a tuple of at least one Source"),
    ({"sources": [sound_source()]}, "must be a tuple of at least one Source"),
    ({"sources": (sound_source(), sound_source(stride=(2, 2)))},
     "source 2 gives 16x3x3, source 1 gives 16x6x5: sources that are added must give the same"),
    ({"sources": (sound_source(), sound_source(dilation=(20, 1)))},
     "source 2: dilation = (20, 1) must be two integers from 1 to 16"),
    ({"sources": (sound_source(), "x")}, "source 2: 'x' must be a Source"),
    ({"sources": (sound_source(),) * 2, "constants": sound_constants()},
     "weights must be a tuple of 2 arrays, one of each source"),
    ({"kernel": (256, 3)}, "kernel = (256, 3) must be two integers from 1 to 255"),
    ({"kernel": (9, 9)}, "kernel (9, 9) with padding 1 does not fit input 8x6x5"),
    ({"kernel": 3}, "kernel = 3 must be two integers"),
    ({"kernel": [3, 3]}, "kernel = [3, 3] must be two integers"),
    ({"kernel": (3, 3, 3)}, "kernel = (3, 3, 3) must be two integers"),
    ({"channel_pool": 3}, "channel_pool = 3 must be one of 1, 2, 4, 8"),
    ({"filters": 33, "channel_pool": 2}, "filters = 33 must be a multiple of channel_pool = 2"),
    ({"spatial_pool": 1}, "spatial_pool = 1 must be of type SpatialPool"),
    ({"weight_bits": 5}, "weight_bits = 5 must be one of 4, 8"),
    ({"weight_bits": 16}, "weight_bits = 16 must be one of 4, 8"),
    ({"leaky_slope": -0.5}, "leaky_slope = -0.5 must be None or a number from 0 to 1"),
    ({"leaky_slope": 1.5}, "leaky_slope = 1.5 must be None or a number from 0 to 1"),
    ({"leaky_slope": float("nan")}, "leaky_slope = nan must be None or a number from 0 to 1"),
    ({"is_reduction": True}, "is_reduction: the pass that condenses stored maps is depthwise"),
    ({"is_reduction": True, "filters": 8, "groups": 8,
      "output": output_with(shape=Shape(8, 6, 5))}, "is_reduction: the pass that condenses"),
    ({"tensor": input_with(bits=4)}, "input of 4 bits: stored values have 8"),
    ({"output": output_with(bits=16)}, "output of 16 bits: stored values have 8"),
    ({"tensor": input_with(is_image=True)}, "input is an image of 8 channels: an image has 3"),
    ({"output": output_with(is_image=True, shape=Shape(3, 6, 5)), "filters": 3},
     "output 'out' is an image: images only come from outside"),
    ({"tensor": input_with(shape=Shape(8, 0, 5))}, "input height = 0 must be an integer from 1 to"),
    ({"tensor": input_with(shape=Shape(8, 6, 1 << 15))}, "input width = 32768 must be an integer"),
    ({"tensor": input_with(shape=Shape(1 << 16, 6, 5))}, "input channels = 65536 must be"),
    ({"output": output_with(name=" ")}, "output's name ' ' must be text that can be printed"),
    ({"tensor": input_with(name="a\x1b[2J")}, "input's name 'a\\x1b[2J' must be text that can be"),
    ({"tensor": input_with(name="x" * 256)}, "of 256 characters: at most 255"),
    ({"constants": sound_constants(weights=(np.zeros((16, 8, 3), np.int8),))},
     "weights must be int8 (16, 8, 3, 3), not int8 (16, 8, 3)"),
    ({"constants": sound_constants(weights=(np.zeros((16, 8, 3, 3)),))},
     "weights must be int8 (16, 8, 3, 3), not float64 (16, 8, 3, 3)"),
    ({"constants": sound_constants(bias=np.zeros(16, np.int64))},
     "bias must be int32 (16,), not int64 (16,)"),
    ({"constants": sound_constants(bias=[0] * 16)},
     "bias must be a plain array of int32 (16,), not a list"),
    ({"constants": sound_constants(bias=np.ma.zeros(16, np.int32))},
     "bias must be a plain array of int32 (16,), not a MaskedArray"),
    ({"constants": sound_constants(weights=(None,))},
     "weights must be a plain array of int8 (16, 8, 3, 3), not a NoneType"),
    ({"constants": sound_constants(weights=None)}, "weights must be a tuple of 1 arrays"),
    ({"constants": {"bias": 1}}, "constants = {'bias': 1} must be of type Constants or None"),
    ({"tensor": None}, "input None must be a Tensor"),
    ({"output": "out"}, "output = 'out' must be of type Tensor"),
    ({"tensor": input_with(shape=None)}, "input shape = None must be of type Shape"),
    ({"output": output_with(shape=(16, 6, 5))}, "output shape = (16, 6, 5) must be of type Shape"),
    ({"tensor": input_with(bits=8.0)}, "input bits = 8.0 must be of type int"),
    ({"tensor": input_with(bits=NUMPY_EIGHT)}, "must be of type int"),
    ({"tensor": input_with(quantization=(0.5, 3))},
     "input quantization = (0.5, 3) must be of type Quantization or None"),
    ({"tensor": input_with(is_image="no")}, "input is_image = 'no' must be of type bool"),
    ({"is_reduction": 1}, "is_reduction = 1 must be of type bool"),
    ({"tensor": input_with(shape=Shape(NUMPY_EIGHT, 6, 5))},
     "must be an integer from 1 to 65535"),
    ({"kernel": (np.int64(3), 3)}, "must be two integers from 1 to 255"),
    ({"leaky_slope": np.float32(0.1)}, "must be None or a number from 0 to 1"),
    ({"constants": sound_constants(shift=np.full(16, 63, np.int32))},
     "shift holds 63: must be 2 to 62"),
    ({"constants": sound_constants(shift=np.full(16, 1, np.int32))},
     "shift holds 1: must be 2 to 62"),
    ({"constants": sound_constants(multiplier=np.full(16, -1, np.int32))},
     "multiplier holds -1: must be 0 to 2147483647"),
    ({"constants": sound_constants(negative_multiplier=np.full(16, -7, np.int32))},
     "negative_multiplier holds -7: must be 0 to 2147483647"),
    ({"weight_bits": 4,
      "constants": sound_constants(weights=(np.full((16, 8, 3, 3), 8, np.int8),))},
     "weights holds 8: must be -8 to 7"),
    ({"constants": sound_constants(), "output": output_with(quantization=None)},
     "constants need a scale and a zero point of its input and of its output"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_a_fault_is_one_line_with_layer_value_and_rule(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        sound_stage(**changes)
    line = str(caught.value)
    assert line.startswith("layer conv1: ")
    assert message in line
    assert "\n" not in line
    assert len(line) < 250


@pytest.mark.parametrize("scale", [0.0, -1.0, float("inf"), float("nan"), 10**400, "1", None])
def test_a_scale_is_finite_and_above_zero(scale: Any) -> None:
    with pytest.raises(InputError, match=r"^layer conv1: input scale = .* must be a finite number"):
        sound_stage(tensor=input_with(quantization=Quantization(scale, 0)))


@pytest.mark.parametrize("zero_point", [-129, 128, 1.0, None])
def test_a_zero_point_is_a_stored_value(zero_point: Any) -> None:
    with pytest.raises(InputError, match=r"^layer conv1: output zero_point = .* from -128 to 127"):
        sound_stage(output=output_with(quantization=Quantization(1.0, zero_point)))


@pytest.mark.parametrize("value", NOT_ABOVE_ZERO)
@pytest.mark.parametrize("field", ["filters", "channel_pool", "groups", "weight_bits"])
def test_counts_are_integers_above_zero(field: str, value: Any) -> None:
    if field == "groups" and value is True:
        value = False
    with pytest.raises(InputError, match=rf"^layer conv1: {field} = "):
        sound_stage(**{field: value})


@pytest.mark.parametrize("name", ["", " ", "a\nb", "\udc80", 7, None, "x" * 256])
def test_names_are_bounded_text(name: Any) -> None:
    with pytest.raises(InputError, match=r"^a layer's name .*") as caught:
        sound_stage(name=name)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"^a graph's name .*"):
        Graph.chain(name, (sound_stage(),))


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        (chain(), r"stages = \[Stage.* must be of type tuple"),
        (iter(chain()), "stages = .* must be of type tuple"),
        ((stage for stage in chain()), "stages = <generator .* must be of type tuple"),
        (None, "stages = None must be of type tuple"),
        ((*chain(), "pool"), r"stages\[3\] = 'pool' must be of type Stage"),
    ],
)
def test_stages_are_a_tuple_of_stages(stages: Any, message: str) -> None:
    graph = Graph.chain("g", chain())
    with pytest.raises(InputError, match=f"^graph g: {message}$") as caught:
        Graph("g", graph.inputs, stages, graph.outputs)
    assert "\n" not in str(caught.value)


def test_a_repeated_name_among_many_is_found_at_once() -> None:
    tensor = Tensor("0", Shape(1, 1, 1))
    stages: list[Stage] = []
    for index in range(1, 30_000):
        output = Tensor(str(index), Shape(1, 1, 1))
        stages.append(Stage(str(index), (Source.whole(tensor, (1, 1)),), output, 1, None))
        tensor = output
    stages[-1] = replace(stages[-1], name="29998")
    start = time.process_time()
    with pytest.raises(InputError, match=r"two layers are named '29998': names must differ"):
        Graph.chain("g", stages)
    assert time.process_time() - start < 1


def test_a_depthwise_layer_counts_its_macs_and_a_reduction_none() -> None:
    depthwise = sound_stage(filters=8, groups=8, output=output_with(shape=Shape(8, 6, 5)))
    assert depthwise.macs == 8 * 9 * 6 * 5
    assert Graph.chain("g", (depthwise,)).macs == depthwise.macs
    graph = build_network("condensation-net-mini")
    unfused = materialized(graph)
    assert sum(stage.is_reduction for stage in unfused.stages) == 8
    assert unfused.macs == graph.macs
    assert not unfused.is_condensed


def test_names_of_a_baseline_are_legal_whatever_the_network_s_are() -> None:
    names = ["x" * 255, "x" * 127 + " maps", "x" * 127 + " reduction"]
    tensor = Tensor("x" * 254, Shape(8, 6, 5))
    stages: list[Stage] = []
    for name in names:
        source = Source.whole(tensor, (1, 1))
        stages.append(Stage.inferred(name, [source], name, 16, channel_pool=2))
        tensor = stages[-1].output
    found = materialized(Graph.chain("g", stages))
    assert len(found.stages) == 6


def test_a_reduction_of_more_blocks_than_a_descriptor_counts_names_the_layer() -> None:
    source = Source.whole(Tensor("in", Shape(65535, 1, 1)), (1, 1))
    stage = Stage.inferred("wide", [source], "out", 8)
    config = preset_with("nano", buffers={"feature_bytes": 1 << 17})
    with pytest.raises(InputError, match=r"^layer wide: 65535 channels are 8192 input blocks of 8"):
        compile_graph(Graph.chain("g", (stage,)), config)


def source_faults(source: Source) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield single changes that make a sound source wrong, each with the value to be named."""
    (rows, columns), (height, width) = source.extent, source.size
    for side, extent in (("top", rows), ("left", columns), ("bottom", rows), ("right", columns)):
        for value in (-1, extent):
            yield {"padding": replace(source.padding, **{side: value})}, str(value)
    yield {"kernel": (256, source.kernel[1])}, "256"
    yield {"stride": (source.stride[0], 9)}, "9"
    yield {"dilation": (0, source.dilation[1])}, "0"
    yield {"upsample": 4}, "4"
    yield {"groups": source.channels + 1}, str(source.channels + 1)
    yield {"channels": source.tensor.shape.channels + 1}, str(source.tensor.shape.channels + 1)
    first = source.tensor.shape.channels - source.channels + 1
    yield {"first_channel": first}, str(first)
    yield {"tensor": replace(source.tensor, bits=4)}, "4"
    if max(height, width) < LARGEST_KERNEL:
        too_large = {"kernel": (LARGEST_KERNEL, LARGEST_KERNEL), "padding": Padding()}
        yield too_large, str(LARGEST_KERNEL)


def single_faults(stage: Stage) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield single changes that make a sound layer wrong, each with the value to be named."""
    output = stage.output
    for side in ("channels", "height", "width"):
        for change in (-1, 1):
            size = getattr(output.shape, side) + change
            shape = replace(output.shape, **{side: size})
            yield {"output": replace(output, shape=shape)}, str(size)
    for index, source in enumerate(stage.sources):
        before, after = stage.sources[:index], stage.sources[index + 1 :]
        for changes, value in source_faults(source):
            yield {"sources": (*before, replace(source, **changes), *after)}, value
    yield {"channel_pool": 16}, "16"
    yield {"weight_bits": 7}, "7"
    yield {"leaky_slope": -0.5}, "-0.5"
    yield {"output": replace(output, quantization=Quantization(0.0, 0))}, "0.0"
    yield {"output": replace(output, quantization=Quantization(1.0, 128))}, "128"
    yield {"name": "\x1b"}, "\\x1b"
    constants = stage.constants
    assert constants is not None
    for name, wrong in (("shift", 63), ("shift", 1), ("multiplier", -2)):
        values = getattr(constants, name).copy()
        values[-1] = wrong
        yield {"constants": replace(constants, **{name: values})}, str(wrong)
    yield {"constants": replace(constants, bias=constants.bias[:-1])}, str(stage.filters - 1)


@settings(deadline=None)
@given(shapes_of_graphs(max_layers=1) | branching_graphs(), st.integers(0, 2**31), st.data())
def test_a_drawn_fault_is_refused_by_its_value(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    stage = data.draw(st.sampled_from(with_drawn_constants(graph, seed).stages))
    changes, value = data.draw(st.sampled_from(list(single_faults(stage))))
    with pytest.raises(InputError) as caught:
        replace(stage, **changes)
    assert value in str(caught.value)
    assert "\n" not in str(caught.value)


def test_shapes_are_inferred_in_the_order_of_the_operators() -> None:
    source = Source.whole(Tensor("in", Shape(3, 9, 6)), (3, 2), padding=1)
    assert stored_shape(source, 16, 2, SpatialPool.STRIDE_2) == Shape(8, 5, 4)


@pytest.mark.parametrize(
    ("changes", "rows", "columns"),
    [
        ({"stride": (2, 3)}, 4, 2),  # of rows -1, 1, 3, 5 and of columns 0, 3
        ({"dilation": (2, 1), "padding": Padding(4, 0, 3, 0)}, 10, 6),
        ({"padding": Padding(top=2, right=1)}, 7, 7),
        ({"upsample": 2}, 14, 13),
        ({"kernel": (6, 7), "padding": Padding()}, 2, 1),
    ],
)
def test_a_convolution_gives_what_its_geometry_says(
    changes: dict[str, Any], rows: int, columns: int
) -> None:
    """On a map of 7 x 7, seen by a kernel of 3 x 2 with padding 1 above and below."""
    tensor = Tensor("in", Shape(4, 7, 7))
    source = Source(tensor, 0, 4, (3, 2), padding=Padding(top=1, bottom=1))
    assert convolved_shape(replace(source, **changes), 5) == Shape(5, rows, columns)
