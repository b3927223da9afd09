"""The rules of a graph of sound stages, each written once and checked whenever a graph is made."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hwsim.errors import shown
from hwsim.graph.rules import broken_name, broken_types, is_a, refuse, repeated
from hwsim.graph.tensors import Tensor

if TYPE_CHECKING:
    from hwsim.graph.stages import Graph


def check_graph(graph: "Graph") -> None:
    """Raise `InputError` for the first rule that a graph of sound stages breaks."""
    refuse("a graph's", broken_name(graph.name))
    refuse(f"graph {graph.name}:", _broken_by_graph(graph))


def _broken_by_graph(graph: "Graph") -> Iterator[str]:
    from hwsim.graph.stages import Stage  # which imports this module

    yield from broken_types("", graph, inputs=(tuple,), stages=(tuple,), outputs=(tuple,))
    for index, stage in enumerate(graph.stages):
        if type(stage) is not Stage:
            yield f"stages[{index}] = {shown(stage)} must be of type Stage"
    for name, values in (
        ("layers", graph.stages),
        ("inputs", graph.inputs),
        ("outputs", graph.outputs),
    ):
        if not values:
            yield f"has no {name}: it must have at least one"
    for tensor in (*graph.inputs, *graph.outputs):
        if not is_a(Tensor, tensor):
            yield f"{shown(tensor)} must be a Tensor"
    yield from repeated("layers", [stage.name for stage in graph.stages])
    yield from repeated("tensors", [tensor.name for tensor in graph.tensors])
    yield from repeated("outputs", [tensor.name for tensor in graph.outputs])
    yield from _broken_reads(graph)
    yield from _broken_outputs(graph)
    yield from _unread(graph)
    without = [stage.name for stage in graph.stages if stage.constants is None]
    if 0 < len(without) < len(graph.stages):
        yield f"layer {without[0]} has no constants, other layers have: give them to all or to none"


def _broken_reads(graph: "Graph") -> Iterator[str]:
    """Yield where a stage reads what no stage before it stores."""
    stored = {tensor.name: tensor for tensor in graph.inputs}
    storing = {stage.output.name: stage.name for stage in graph.stages}
    for stage in graph.stages:
        for read in (source.tensor for source in stage.sources):
            if read.name in stored:
                yield from _broken_link(f"layer {stage.name} reads", read, stored[read.name])
            elif read.name in storing:
                yield (
                    f"layer {stage.name} reads tensor '{read.name}', which layer "
                    f"{storing[read.name]} has not stored yet: layers stand in the order in which "
                    "they are computed"
                )
            else:
                yield (
                    f"layer {stage.name} reads tensor '{read.name}': it must be an input or the "
                    "output of a layer"
                )
        stored[stage.output.name] = stage.output


def _broken_outputs(graph: "Graph") -> Iterator[str]:
    stored = {stage.output.name: stage.output for stage in graph.stages}
    for output in graph.outputs:
        if output.name not in stored:
            yield f"output '{output.name}' must be the output of a layer"
        yield from _broken_link("its outputs have", output, stored[output.name])


def _broken_link(whose: str, read: Tensor, stored: Tensor) -> Iterator[str]:
    """Yield in what a tensor differs from the one of its name that is stored."""
    for name in ("shape", "bits", "quantization", "is_image"):
        ours, theirs = getattr(read, name), getattr(stored, name)
        if ours != theirs:
            yield (
                f"{whose} tensor '{read.name}' with {name} {ours}, it is stored with {theirs}: "
                "it must be the same tensor"
            )


def _unread(graph: "Graph") -> Iterator[str]:
    used = {source.tensor.name for stage in graph.stages for source in stage.sources}
    used |= {tensor.name for tensor in graph.outputs}
    for tensor in graph.tensors:
        if tensor.name not in used:
            yield f"tensor '{tensor.name}' is neither read by a layer nor an output"
