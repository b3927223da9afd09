"""A graph is refused whose stages do not fit together: every tensor is stored once, then read."""

from dataclasses import replace
from typing import Any

import pytest

from hwsim.errors import InputError
from hwsim.graph import Graph, Quantization, Shape, Source, Stage, Tensor
from tests.drawn import with_drawn_constants


def chain(count: int = 3) -> list[Stage]:
    """Return consecutive layers of 8 channels each."""
    stages: list[Stage] = []
    tensor = Tensor("t0", Shape(8, 6, 5))
    for number in range(1, count + 1):
        source = Source.whole(tensor, (1, 1))
        stages.append(Stage.inferred(f"conv{number}", [source], f"t{number}", 8))
        tensor = stages[-1].output
    return stages


def reading(stage: Stage, **changes: Any) -> Stage:
    """Return a stage whose one source reads a tensor with `changes`."""
    (source,) = stage.sources
    return replace(stage, sources=(replace(source, tensor=replace(source.tensor, **changes)),))


@pytest.mark.parametrize("field", ["layers", "inputs", "outputs"])
def test_an_empty_graph_is_refused(field: str) -> None:
    graph = Graph.chain("none", chain())
    changes: dict[str, Any] = {"stages" if field == "layers" else field: ()}
    said = rf"^graph none: has no {field}: it must have at least one$"
    with pytest.raises(InputError, match=said):
        replace(graph, **changes)
    with pytest.raises(InputError, match=r"^graph none: has no layers: it must"):
        Graph.chain("none", ())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "other"}, "layer conv2 reads tensor 'other': it must be an input or the output"),
        ({"name": "t3"}, "conv2 reads tensor 't3', which layer conv3 has not stored yet: layers"),
        ({"name": "t2"}, "conv2 reads tensor 't2', which layer conv2 has not stored yet: layers"),
        ({"quantization": Quantization(2.0, 0)}, "reads tensor 't1' with quantization Quantizatio"),
    ],
)
def test_a_layer_reads_what_a_layer_before_it_stores(change: dict[str, Any], message: str) -> None:
    first, second, third = chain()
    with pytest.raises(InputError, match=r"^graph g: layer conv2 reads ") as caught:
        Graph.chain("g", (first, reading(second, **change), third))
    assert message in str(caught.value)


def test_a_tensor_has_one_shape() -> None:
    first, second = chain(2)
    tall = Shape(8, 12, 5)
    source = replace(second.sources[0], tensor=replace(second.sources[0].tensor, shape=tall))
    second = replace(second, sources=(source,), output=replace(second.output, shape=tall))
    said = r"conv2 reads tensor 't1' with shape 8x12x5, it is stored with 8x6x5: it must be the"
    with pytest.raises(InputError, match=said):
        Graph.chain("g", (first, second))


def test_names_are_unique() -> None:
    first, second, third = chain()
    with pytest.raises(
        InputError, match=r"^graph g: two layers are named 'conv1': names must diff"
    ):
        Graph.chain("g", (first, second, replace(third, name="conv1")))
    with pytest.raises(
        InputError, match=r"^graph g: two tensors are named 't0': names must differ"
    ):
        Graph.chain("g", (first, second, replace(third, output=first.sources[0].tensor)))


def test_every_tensor_is_of_use_and_every_output_is_stored() -> None:
    graph = Graph.chain("g", chain())
    first, _, third = graph.stages
    alone = replace(first, name="alone", output=replace(first.output, name="unread"))
    refused: list[tuple[dict[str, Any], str]] = [
        ({"stages": (*graph.stages, alone)}, "tensor 'unread' is neither read by a layer nor an"),
        ({"inputs": (*graph.inputs, Tensor("more", Shape(1, 1, 1)))}, "tensor 'more' is neither"),
        ({"outputs": graph.inputs}, "output 't0' must be the output of a layer"),
        ({"outputs": (third.output,) * 2}, "two outputs are named 't3': names must differ"),
        ({"outputs": (replace(third.output, shape=Shape(8, 1, 1)),)},
         "its outputs have tensor 't3' with shape 8x1x1, it is stored with 8x6x5: it must be"),
        ({"outputs": [third.output]}, "must be of type tuple"),
        ({"outputs": ("t3",)}, "'t3' must be a Tensor"),
    ]  # fmt: skip
    for changes, message in refused:
        with pytest.raises(InputError) as caught:
            replace(graph, **changes)
        assert str(caught.value).startswith("graph g: ")
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
    assert replace(graph, outputs=(first.output, third.output)).outputs[0].name == "t1"


def test_constants_are_given_to_all_layers_or_to_none() -> None:
    graph = with_drawn_constants(Graph.chain("g", chain()), seed=1)
    first, second, third = graph.stages
    with pytest.raises(InputError, match=r"^graph g: layer conv2 has no constants, other layers"):
        Graph.chain("g", (first, replace(second, constants=None), third))
