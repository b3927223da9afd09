"""The passes change nothing: operators and the stages made of them give the same values."""

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsim.errors import InputError
from hwsim.golden.operators import run_operators
from hwsim.graph import Padding, Shape, SpatialPool, Tensor
from hwsim.graph.host_operators import Region
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import (
    Concat,
    Convolution,
    MaxPool,
    Operator,
    Slice,
    Upsample,
)
from hwsim.passes.lower import Fate, Lowered, lower
from tests.drawn_operators import (
    darknet_pool,
    drawn_weights,
    operator_graphs,
    run_stages,
    weights_of_stages,
)


@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(operator_graphs(), st.integers(0, 2**31))
def test_the_passes_change_nothing(graph: OperatorGraph, seed: int) -> None:
    try:
        lowered = lower(graph)
    except InputError as error:
        if "stored maps: at most 64" not in str(error):
            raise
        return
    weights = drawn_weights(graph, seed)
    shape = graph.inputs[0].shape
    torch.manual_seed(seed)
    inputs = {"in": torch.rand(2, shape.channels, shape.height, shape.width).double() - 0.5}
    expected = run_operators(graph, weights, inputs)
    found = run_stages(lowered.graph, weights_of_stages(lowered.graph, weights), inputs)
    assert len(lowered.graph.outputs) == len(graph.outputs)
    for name, stored in zip(graph.outputs, lowered.graph.outputs, strict=True):
        assert torch.allclose(found[stored.name], expected[name], rtol=1e-9, atol=1e-9)
    unread = [each for each in graph.operators if lowered.fate(each) is Fate.UNREAD]
    macs = graph.total_macs - sum(map(graph.macs, unread))
    assert lowered.graph.macs == macs


def graph_of(*operators: Operator, outputs: tuple[str, ...], channels: int = 8) -> OperatorGraph:
    """Return the graph of operators that read `in`, a map of 8x6 pixels."""
    return OperatorGraph("own", (Tensor("in", Shape(channels, 8, 6)),), operators, outputs)


def convolution(name: str, read: str, filters: int = 8, **others: Any) -> Convolution:
    own: dict[str, Any] = {"kernel": (3, 3), "padding": Padding.even(1)} | others
    return Convolution(name=name, inputs=(read,), outputs=(name,), filters=filters, **own)


def pool(name: str, read: str, stride: int = 2) -> MaxPool:
    return darknet_pool(stride, name=name, inputs=(read,), outputs=(name,))


def concat(name: str, *read: str) -> Concat:
    return Concat(name=name, inputs=read, outputs=(name,))


def fates(lowered: Lowered) -> dict[str, tuple[Fate, tuple[str, ...]]]:
    return {
        operator.name: (
            lowered.fate(operator),
            (*lowered.fused_into(operator), *lowered.own_stages(operator)),
        )
        for operator in lowered.operators.operators
    }


def test_a_pool_that_alone_reads_a_convolution_is_fused() -> None:
    lowered = lower(graph_of(convolution("a", "in"), pool("p", "a"), outputs=("p",)))
    assert fates(lowered) == {"a": (Fate.STAGE, ("a",)), "p": (Fate.FUSED, ("a",))}
    (stage,) = lowered.graph.stages
    assert stage.spatial_pool == SpatialPool.STRIDE_2
    assert stage.output.name == "p"


def test_a_pool_of_what_others_read_too_is_a_stage_that_counts_no_macs() -> None:
    graph = graph_of(
        convolution("a", "in"), pool("p", "a", stride=1), concat("c", "a", "p"),
        convolution("b", "c"), outputs=("b",),
    )  # fmt: skip
    lowered = lower(graph)
    assert [stage.name for stage in lowered.graph.stages] == ["a", "p", "b"]
    own = lowered.graph.stages[1]
    assert own.is_reduction
    assert own.macs == 0
    assert own.sources[0].groups == own.filters == 8
    assert lowered.graph.macs == graph.total_macs == 8 * 6 * 9 * (64 + 128)
    assert fates(lowered)["c"] == (Fate.ADDRESS, ())
    assert [source.tensor.name for source in lowered.graph.stages[2].sources] == ["a", "p"]


def test_the_pool_of_joined_maps_is_fused_into_what_only_it_reads() -> None:
    graph = graph_of(
        convolution("a", "in"), convolution("b", "a"), concat("c", "a", "b"), pool("p", "c"),
        convolution("d", "p"), outputs=("d",),
    )  # fmt: skip
    lowered = lower(graph)
    assert [stage.name for stage in lowered.graph.stages] == ["a", "b", "p of a", "d"]
    assert fates(lowered)["p"] == (Fate.STAGE, ("b", "p of a"))


def test_slices_and_doubling_are_only_addresses() -> None:
    graph = graph_of(
        convolution("a", "in"),
        Slice(name="s", inputs=("a",), outputs=("s",), first_channel=3, channels=4),
        Upsample(name="u", inputs=("s",), outputs=("u",)),
        convolution("b", "u"),
        outputs=("b",),
    )
    lowered = lower(graph)
    source = lowered.graph.stages[1].sources[0]
    assert (source.tensor.name, source.first_channel, source.channels) == ("a", 3, 4)
    assert source.upsample == 2
    assert fates(lowered)["s"] == fates(lowered)["u"] == (Fate.ADDRESS, ())


def test_addresses_of_addresses_are_addresses() -> None:
    def part(name: str, read: str, first: int, channels: int) -> Slice:
        return Slice(
            name=name, inputs=(read,), outputs=(name,), first_channel=first, channels=channels
        )

    graph = graph_of(
        convolution("a", "in"), part("s", "a", 2, 6), part("t", "s", 1, 4), concat("c", "t", "s"),
        part("u", "c", 3, 3), convolution("b", "u"), outputs=("b",),
    )  # fmt: skip
    sources = lower(graph).graph.stages[1].sources
    assert [(source.first_channel, source.channels) for source in sources] == [(6, 1), (2, 2)]


def test_an_address_that_is_an_output_is_copied() -> None:
    graph = graph_of(
        convolution("a", "in"), convolution("b", "a"), concat("c", "a", "b"), outputs=("c",)
    )
    lowered = lower(graph)
    assert [stage.name for stage in lowered.graph.stages] == ["a", "b", "c copy"]
    assert fates(lowered)["c"] == (Fate.STAGE, ("c copy",))
    assert [tensor.name for tensor in lowered.graph.outputs] == ["c"]
    assert lowered.graph.macs == graph.total_macs


@pytest.mark.parametrize("others", [{"dilation": (1, 2)}, {"stride": (2, 1)}])
def test_a_doubled_map_is_stored_for_steps_of_more_than_one(others: dict[str, Any]) -> None:
    graph = graph_of(
        Upsample(name="u", inputs=("in",), outputs=("u",)),
        convolution("a", "u", padding=Padding.even(2), **others),
        convolution("b", "u", kernel=(1, 1), padding=Padding(), stride=(1, 1)),
        outputs=("a", "b"),
    )
    copied, stepping, other = lower(graph).graph.stages
    assert (copied.name, copied.sources[0].upsample) == ("u copy", 2)
    assert [source.tensor.name for source in stepping.sources] == ["u copy"]
    assert other.sources[0].upsample == 2


def part(name: str, read: str, first: int, channels: int) -> Slice:
    return Slice(name=name, inputs=(read,), outputs=(name,), first_channel=first, channels=channels)


@pytest.mark.parametrize(
    ("output", "sources"),
    [
        ("in", [("in", 0, 8, 1)]),
        ("part", [("a", 3, 4, 1)]),
        ("doubled", [("a", 3, 4, 2)]),
        ("joined", [("a", 3, 4, 1), ("in", 0, 8, 1)]),
        ("cut", [("a", 6, 1, 1), ("in", 0, 5, 1)]),
    ],
)
def test_what_nobody_stores_is_copied_where_it_leaves_the_network(
    output: str, sources: list[tuple[str, int, int, int]]
) -> None:
    graph = graph_of(
        convolution("a", "in"), part("part", "a", 3, 4),
        Upsample(name="doubled", inputs=("part",), outputs=("doubled",)),
        concat("joined", "part", "in"), part("cut", "joined", 3, 6),
        convolution("b", "doubled"), convolution("c", "cut"), outputs=("b", "c", output),
    )  # fmt: skip
    stages = {stage.name: stage for stage in lower(graph).graph.stages}
    copied = stages[f"{output} copy"]
    assert copied.is_reduction
    assert copied.output == lower(graph).graph.outputs[-1]
    assert sources == [
        (source.tensor.name, source.first_channel, source.channels, source.upsample)
        for source in copied.sources
    ]


def test_what_the_host_reads_of_joined_maps_is_copied() -> None:
    joined = concat("joined", "a", "in")
    graph = graph_of(
        convolution("a", "in", 3), joined, head("joined"), outputs=("head",), channels=5
    )
    assert [stage.name for stage in lower(graph).graph.stages] == ["a", "joined copy"]


def test_what_nobody_reads_is_told() -> None:
    graph = graph_of(
        convolution("a", "in"), convolution("b", "in"), concat("c", "a", "b"),
        Slice(name="s", inputs=("c",), outputs=("s",), first_channel=0, channels=8),
        convolution("d", "s"), outputs=("d",),
    )  # fmt: skip
    assert fates(lower(graph))["b"] == (Fate.UNREAD, ())


def head(read: str, name: str = "head") -> Region:
    anchors = ((1.0, 2.0),)
    return Region(
        name=name, inputs=(read,), outputs=(name,), boxes=1, classes=3, anchors=anchors
    )  # fmt: skip


def test_heads_are_left_to_the_host() -> None:
    lowered = lower(graph_of(convolution("a", "in"), head("a"), outputs=("head",)))
    assert [tensor.name for tensor in lowered.graph.outputs] == ["a"]
    assert fates(lowered)["head"] == (Fate.HOST, ())
    with pytest.raises(InputError, match="layer b reads tensor 'head', which the host computes"):
        lower(graph_of(convolution("a", "in"), head("a"), convolution("b", "head"), outputs=("b",)))


def test_joining_too_many_maps_is_refused() -> None:
    double = [concat(f"c{n}", *2 * [f"c{n - 1}" if n > 1 else "in"]) for n in range(1, 8)]
    graph = graph_of(*double, convolution("a", "c7", 1), outputs=("a",), channels=1)
    with pytest.raises(InputError, match="layer c7 joins 128 stored maps: at most 64"):
        lower(graph)
