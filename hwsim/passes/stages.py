"""Makes the stage graph of operators among which convolutions and copies are all that is computed.

Concatenations, slices and upsampling become the sources of the stages that read them.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from hwsim.errors import InputError, WithoutStageError
from hwsim.graph import Graph, Source, Stage, Tensor
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Axis, Concat, Convolution, Copy, Operator, Slice, Upsample
from hwsim.passes.convolution_stages import convolved
from hwsim.passes.copies import ADDRESSES
from hwsim.passes.quantized_stages import quantized_stage
from hwsim.passes.table_stages import Tables

Sources = tuple[Source, ...]


def staged(graph: OperatorGraph) -> Graph:
    """Return the stage graph, without constants: one stage for each convolution and copy."""

    def stage_of(operator: Operator, operands: list[Sources]) -> Stage:
        if not isinstance(operator, Convolution | Copy):
            raise InputError(f"layer {operator.name}: {operator.KIND} has no stage")
        return _stage(operator, operands[0])

    return _graph(graph, _stages(graph, stage_of))


def staged_as_in_file(graph: OperatorGraph, kernels: Kernels, tables: Tables) -> Graph:
    """Return the stage graph of a quantized file, with the file's own constants.

    `tables` has the functions of one value.

    Raises `WithoutStageError` for all operators that have no exact stage.
    """
    refused: list[str] = []
    without_stage: set[str] = set()

    def stage_of(operator: Operator, operands: list[Sources]) -> Stage | None:
        try:
            return quantized_stage(graph, operator, operands, kernels, tables)
        except InputError as error:
            refused.append(str(error))
            without_stage.update(operator.computes)
            return None

    stages = _stages(graph, stage_of)
    if refused:
        raise WithoutStageError(f"network '{graph.name}'", refused, frozenset(without_stage))
    return _graph(graph, stages)


def _stages(
    graph: OperatorGraph, stage_of: Callable[[Operator, list[Sources]], Stage | None]
) -> list[Stage]:
    """Return the stages of all operators that are no addresses, but for those without any."""
    seen: dict[str, Sources] = {tensor.name: (_whole(tensor),) for tensor in graph.inputs}
    stages: list[Stage] = []
    for operator in graph.operators:
        (output,) = operator.outputs
        if isinstance(operator, ADDRESSES):
            seen[output] = _address(operator, seen)
            continue
        stage = stage_of(operator, [seen[name] for name in operator.inputs])
        if stage is None:
            seen[output] = (_whole(graph.tensors[output]),)
        else:
            stages.append(stage)
            seen[output] = (_whole(stage.output),)
    return stages


def _graph(graph: OperatorGraph, stages: list[Stage]) -> Graph:
    stored = {stage.output.name: stage.output for stage in stages}
    return Graph(
        graph.name, graph.inputs, tuple(stages), tuple(stored[name] for name in graph.outputs)
    )


def _whole(tensor: Tensor) -> Source:
    return Source.whole(tensor, (1, 1))


def _address(operator: Operator, seen: Mapping[str, Sources]) -> Sources:
    """Return what an operator that moves values shows of the stored tensors."""
    shown = tuple(source for name in operator.inputs for source in seen[name])
    match operator:
        case Slice():
            (source,) = shown
            first = source.first_channel + operator.first_channel
            return (replace(source, first_channel=first, channels=operator.channels),)
        case Upsample():
            (source,) = shown
            return (replace(source, upsample=operator.TIMES),)
        case Concat(axis=Axis.CHANNELS):
            return shown
    raise InputError(f"layer {operator.name}: {operator.KIND} has no stage")


def _stage(operator: Convolution | Copy, sources: Sources) -> Stage:
    if isinstance(operator, Convolution):
        if operator.activation.limits[1] < math.inf:
            raise InputError(f"layer {operator.name}: {operator.activation.value} has no stage")
        read = convolved(operator, sources)
        filters, slope = operator.filters, operator.activation.leaky_slope
    else:
        filters, slope = sum(source.channels for source in sources), None
        groups = filters if len(sources) == 1 else 1
        read = [replace(source, groups=groups) for source in sources]
    stage = Stage.inferred(
        operator.name,
        read,
        operator.outputs[0],
        filters,
        slope,
        spatial_pool=operator.spatial_pool,
    )
    return replace(stage, is_reduction=isinstance(operator, Copy))
