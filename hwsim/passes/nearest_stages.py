"""Makes stages of an ONNX file's operators, with the integers next to the file's real factors.

The file rounds a real number once, halves to even; a stage rounds a product of integers once,
halves up. A factor of 31 bits is off by at most 2**-31 of itself, so that a stored value is at most
one step off, where the file's real number lies next to a half.
"""

from dataclasses import replace

from hwsim.errors import InputError
from hwsim.graph import Rounding, Source, Stage
from hwsim.graph.file_constants import QuantizedWeights
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import (
    Add,
    AveragePool,
    Axis,
    Convolution,
    Copy,
    FullyConnected,
    MaxPool,
    Mean,
    Operator,
    Pad,
    Shuffle,
    SpaceToDepth,
    Subtract,
)
from hwsim.graph.sources import NO_PADDING
from hwsim.passes.arithmetic_stages import weighted_sum
from hwsim.passes.convolution_stages import convolved, weighted
from hwsim.passes.exact_parts import Sources, depthwise, only, quantization_of
from hwsim.passes.move_stages import copied, padded, shuffled, space_to_depth
from hwsim.passes.nearest_sum import nearest_sum
from hwsim.passes.pool_stages import max_pool
from hwsim.passes.tflite_clamps import clamp_of
from hwsim.passes.tflite_factors import stored_factor


def nearest_stage(graph: OperatorGraph, operator: Operator, sources: list[Sources]) -> Stage:
    """Return the stage of an operator; `sources` are what it reads, operand by operand.

    Raises `InputError` for an operator that has none.
    """
    left = graph.left(operator)
    match operator:
        case Convolution(constants=QuantizedWeights() as constants):
            read = convolved(operator, sources[0])
            return _weighted(graph, operator, read, constants)
        case FullyConnected():
            shape = graph.tensors[operator.inputs[0]].shape
            kernel = shape.height, shape.width
            read = [replace(source, kernel=kernel) for source in sources[0]]
            return _weighted(graph, operator, read, operator.constants)
        case AveragePool():
            return _average_pool(graph, operator, sources[0])
        case Mean():
            return _mean(graph, operator, sources[0])
        case MaxPool():
            return max_pool(graph, operator, sources[0])
        case Copy():
            return copied(operator, sources[0], left)
        case Pad():
            return padded(operator, sources[0][0], left)
        case Shuffle():
            return shuffled(operator, only(operator, sources[0]), left)
        case Add(constant=None) | Subtract(constant=None):
            return _sum_of_maps(graph, operator, sources)
        case SpaceToDepth():
            return space_to_depth(operator, sources[0][0], left)
    raise InputError(f"{operator.KIND} has no stage")


def _weighted(
    graph: OperatorGraph,
    operator: Convolution | FullyConnected,
    read: list[Source],
    constants: QuantizedWeights,
) -> Stage:
    ours = quantization_of(graph.tensors[operator.inputs[0]])
    left = graph.left(operator)
    own = quantization_of(left)
    factors = [stored_factor(ours.scale * float(scale) / own.scale) for scale in constants.scales]
    return weighted(operator, read, left, constants, factors, Rounding.ONCE, operator.activation)


def _sum_of_maps(graph: OperatorGraph, operator: Add | Subtract, operands: list[Sources]) -> Stage:
    (first,), (second,) = operands
    if first.size != second.size or first.channels != second.channels:
        raise InputError(f"{operator.KIND} of maps of other shapes has no stage")
    left = graph.left(operator)
    ours, theirs, own = map(quantization_of, (first.tensor, second.tensor, left))
    sign = -1 if isinstance(operator, Subtract) else 1
    found = nearest_sum(ours, theirs, own, sign, graph.weight_bits)
    return weighted_sum(operator, [first, second], left, found, graph.weight_bits)


def _average_pool(graph: OperatorGraph, operator: AveragePool, sources: Sources) -> Stage:
    """Return the sum of every window times the factor between the scales over its size."""
    source = only(operator, sources)
    if operator.padding != NO_PADDING:
        raise InputError("average pool with padding has no stage")
    rows, columns = (
        min(step, side - length + 1)  # a stride beyond the map has no meaning
        for step, side, length in zip(operator.stride, source.size, operator.window, strict=True)
    )
    pooled = replace(source, kernel=operator.window, stride=(rows, columns), groups=source.channels)
    stage = _mean_of(graph, operator, pooled, operator.window[0] * operator.window[1])
    own = quantization_of(graph.left(operator))
    return replace(stage, clamp=clamp_of(operator.activation, own))


def _mean(graph: OperatorGraph, operator: Mean, sources: Sources) -> Stage:
    source = only(operator, sources)
    if operator.axes != {Axis.ROWS, Axis.COLUMNS}:
        raise InputError("mean over other axes than rows and columns has no stage")
    whole = replace(source, kernel=source.size, groups=source.channels)
    return _mean_of(graph, operator, whole, source.size[0] * source.size[1])


def _mean_of(graph: OperatorGraph, operator: Operator, source: Source, count: int) -> Stage:
    left = graph.left(operator)
    ours, own = quantization_of(source.tensor), quantization_of(left)
    by = stored_factor(ours.scale / (own.scale * count))
    return replace(depthwise(operator, source, left, by), rounding=Rounding.ONCE)
