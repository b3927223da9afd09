"""No operator and no graph of operators exists that breaks a rule; shapes follow from inputs."""

from dataclasses import replace
from typing import Any

import pytest

from hwsim.errors import InputError
from hwsim.graph import Padding, Shape, Source, Stage, Tensor
from hwsim.graph.host_operators import Yolo
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import (
    Concat,
    Convolution,
    Copy,
    MaxPool,
    Operator,
    Slice,
    Upsample,
)
from tests.drawn_operators import darknet_pool

IN = Tensor("in", Shape(8, 6, 5))


def graph_of(*operators: Operator) -> OperatorGraph:
    return OperatorGraph("own", (IN,), operators, (operators[-1].outputs[0],))


def ends(name: str = "a", *read: str) -> dict[str, Any]:
    return {"name": name, "inputs": read or ("in",), "outputs": (name,)}


CONVOLUTION = Convolution(**ends(), filters=4, kernel=(3, 3), padding=Padding.even(1))
YOLO = Yolo(**ends(), boxes=1, classes=3, anchors=((1.0, 2.0),))


@pytest.mark.parametrize(
    ("operator", "shape", "macs"),
    [
        (replace(CONVOLUTION, stride=(2, 1)), Shape(4, 3, 5), 3 * 5 * 4 * 72),
        (replace(CONVOLUTION, groups=4), Shape(4, 6, 5), 6 * 5 * 4 * 18),
        (replace(CONVOLUTION, kernel=(1, 1), padding=Padding()), Shape(4, 6, 5), 6 * 5 * 4 * 8),
        (darknet_pool(2, **ends()), Shape(8, 3, 3), 0),
        (darknet_pool(1, **ends()), Shape(8, 6, 5), 0),
        (Concat(**ends("a", "in", "in")), Shape(16, 6, 5), 0),
        (Slice(**ends(), first_channel=3, channels=5), Shape(5, 6, 5), 0),
        (Upsample(**ends()), Shape(8, 12, 10), 0),
        (Copy(**ends()), Shape(8, 6, 5), 0),
        (YOLO, Shape(8, 6, 5), 0),
    ],
)
def test_shapes_and_macs_follow(operator: Operator, shape: Shape, macs: int) -> None:
    graph = graph_of(operator)
    assert graph.tensors["a"].shape == shape
    assert graph.macs(operator) == graph.total_macs == macs


BROKEN: list[tuple[Operator, str]] = [
    (replace(CONVOLUTION, inputs=("in", "in")), "layer a: reads 2 tensors: it must read one"),
    (replace(CONVOLUTION, inputs=()), "layer a: reads 0 tensors: it must read one"),
    (replace(CONVOLUTION, filters=0), "layer a: filters = 0 must be an integer from 1 to"),
    (replace(CONVOLUTION, kernel=(9, 9)), "layer a: kernel (9, 9) with padding 1 does not fit"),
    (replace(CONVOLUTION, groups=3), "layer a: groups = 3 must be a divisor of channels = 8"),
    (replace(CONVOLUTION, activation="mish"), "activation = 'mish' must be"),  # type: ignore[arg-type]  # is refused
    (replace(CONVOLUTION, outputs=("a", "b")), "layer a: leaves 2 tensors: it must leave one"),
    (replace(CONVOLUTION, inputs=("b",)), "layer a reads tensor 'b': it must be an input or"),
    (replace(CONVOLUTION, outputs=("in",)), "two tensors are named 'in': names must differ"),
    (replace(CONVOLUTION, name="\n"), r"name '\n' must be text that can be printed"),
    (replace(CONVOLUTION, filters=0, place="line 9"), "line 9: layer a: filters = 0"),
    (MaxPool(**ends(), window=(7, 2), stride=(1, 1)), "a window of 7 rows does not fit"),
    (MaxPool(**ends(), window=(2, 2), stride=(0, 1)), "max pool: stride = (0, 1) must be two"),
    (
        MaxPool(**ends(), window=(2, 2), stride=(1, 1), padding=Padding(right=2)),
        "padding of 0 and 2 columns must be 0 to 1, below the window's 2",
    ),
    (Concat(name="a", inputs=(), outputs=("a",)), "joins 0 tensors: must join 1 to 64"),
    (Concat(**ends("a", *["in"] * 65)), "layer a: joins 65 tensors: must join 1 to 64"),
    (Slice(**ends(), first_channel=4, channels=5), "takes 5 channels from channel 4 on: its input"),
    (Slice(**ends(), first_channel=0, channels=0), "takes 0 channels from channel 0 on: its input"),
    (Copy(**ends(), spatial_pool=2), "spatial_pool = 2 must be a SpatialPool"),  # type: ignore[arg-type]  # is refused
    (replace(YOLO, classes=4), "its input has 8 channels: 1 boxes of 4 classes need 9"),
    (replace(YOLO, boxes=2), "layer a: has 1 anchors for 2 boxes: one of each"),
    (replace(YOLO, anchors=((1.0, 0.0),)), "anchor of 0.0: must be a finite number above 0"),
    (replace(YOLO, anchors=((1.0, float("nan")),)), "anchor of nan: must be a finite number"),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "reason"), BROKEN, ids=[reason for _, reason in BROKEN])
def test_an_operator_that_breaks_a_rule_is_refused(operator: Operator, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        OperatorGraph("own", (IN,), (operator,), ("a",))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": ""}, "a graph's name '' must be text"),
        ({"inputs": ()}, "graph own: inputs = () must be a tuple of at least one"),
        ({"operators": []}, "graph own: operators = [] must be a tuple of at least one"),
        ({"outputs": ()}, "graph own: outputs = () must be a tuple of at least one"),
        ({"operators": ("a",)}, "graph own: 'a' must be an Operator"),
        ({"operators": (CONVOLUTION, CONVOLUTION)}, "two operators are named 'a'"),
        ({"outputs": ("b",)}, "graph own: output 'b' must be a tensor of the graph"),
        ({"outputs": ("in",)}, "tensor 'a' is neither read by an operator nor an output"),
        ({"outputs": ("a", "a")}, "two outputs are named 'a'"),
        ({"inputs": (replace(IN, bits=4),)}, "graph own: input of 4 bits"),
    ],
)
def test_a_graph_that_breaks_a_rule_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError) as caught:
        replace(graph_of(CONVOLUTION), **changes)
    assert reason in str(caught.value)


def reduction(sources: tuple[Source, ...], filters: int) -> Stage:
    return replace(Stage.inferred("copy", sources, "copied", filters), is_reduction=True)


def test_a_reduction_takes_each_channel_once() -> None:
    part = replace(Source.whole(IN, (1, 1)), first_channel=2, channels=3)
    own = replace(part, groups=3, upsample=2)
    assert reduction((own,), 3).macs == 0
    assert reduction((part, Source.whole(IN, (1, 1))), 11).macs == 0
    refused: list[tuple[tuple[Source, ...], int]] = [
        ((part,), 3),  # dense
        ((part, part), 5),  # fewer filters than channels
        ((replace(part, stride=(2, 2), groups=3),), 3),
        ((own, own), 6),  # each of them depthwise
    ]
    for sources, filters in refused:
        with pytest.raises(InputError, match="is_reduction: the pass that condenses"):
            reduction(sources, filters)
