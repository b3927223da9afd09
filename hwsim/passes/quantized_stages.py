"""Makes stages with constants of a quantized file's operators, each exact in the file's integers.

What has no exact stage is refused by name and place.
"""

from dataclasses import replace

from hwsim.errors import InputError
from hwsim.graph import Stage
from hwsim.graph.file_constants import ConstantOperand, QuantizedWeights
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import (
    Add,
    AveragePool,
    Convolution,
    Copy,
    FullyConnected,
    MaxPool,
    Mean,
    Multiply,
    Operator,
    Pad,
    Shuffle,
    SpaceToDepth,
    Subtract,
)
from hwsim.graph.pointwise import (
    Clamp,
    Gated,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    Limit,
    Logistic,
    Prelu,
    Quantize,
    Tanh,
)
from hwsim.passes.arithmetic_stages import product_with_constant, sum_of_maps, sum_with_constant
from hwsim.passes.convolution_stages import convolution, fully_connected
from hwsim.passes.exact_parts import Sources, quantization_of
from hwsim.passes.move_stages import copied, padded, space_to_depth
from hwsim.passes.nearest_stages import nearest_stage
from hwsim.passes.pool_stages import average_pool, max_pool, mean
from hwsim.passes.rescale_stages import bent, clamped, requantized
from hwsim.passes.table_stages import Tables, looked_up
from hwsim.passes.tflite_clamps import clamp_of

OF_TABLES = "by a table of its 256 values"

# Every kind of operator that has exact stages, and what these can do.
STAGED: dict[type[Operator], str] = {
    Add: "of two maps of one shape, or with a constant for each channel; proved for all pairs",
    AveragePool: "without padding; the factor is proved for every sum",
    Clamp: "between any ends",
    Convolution: "dense, in groups or depthwise; weights with a zero point take two limbs",
    Copy: "of slices, joined and doubled maps, where an address does not do",
    FullyConnected: "LiteRT's real factors are proved for every filter",
    Gated: OF_TABLES,
    HardSigmoid: OF_TABLES,
    HardSwish: OF_TABLES,
    LeakyRelu: OF_TABLES,
    Limit: OF_TABLES,
    Logistic: OF_TABLES,
    MaxPool: "any windows and strides, in several stages where they are large",
    Mean: "over rows and columns",
    Multiply: "by a constant for each channel",
    Pad: "with the zero point, in the convolution that reads it or alone",
    Prelu: f"with one slope, {OF_TABLES}; with one for each channel, proved for all 256 values",
    Quantize: "from one scale of int8 or uint8 to another",
    Shuffle: "as a convolution with one weight of 1 a filter",
    SpaceToDepth: "as a convolution with one weight of 1 a filter",
    Subtract: "as add",
    Tanh: OF_TABLES,
}
# Tables are made of these.
TABLES = (Gated, HardSigmoid, HardSwish, LeakyRelu, Limit, Logistic, Tanh)


def quantized_stage(
    graph: OperatorGraph,
    operator: Operator,
    sources: list[Sources],
    kernels: Kernels,
    tables: Tables,
) -> Stage:
    """Return the stage of an operator; `sources` are what it reads, operand by operand.

    `tables` has the functions of one value. Raises `InputError` for an operator that has no exact
    stage.
    """
    try:
        if not isinstance(operator, tuple(STAGED)):
            raise InputError(f"{operator.KIND} has no stage yet")
        if isinstance(operator, TABLES) or operator.name in tables:
            stage = looked_up(operator, sources[0], graph.left(operator), tables)
        elif kernels.is_exact:
            stage = _stage(graph, operator, sources, kernels)
        else:
            stage = nearest_stage(graph, operator, sources)
    except InputError as error:
        raise InputError(f"{operator.place or operator.name}: {error}") from None
    is_reduction = not isinstance(operator, Convolution | FullyConnected)
    return replace(stage, is_reduction=is_reduction, weight_bits=graph.weight_bits)


def _stage(
    graph: OperatorGraph, operator: Operator, sources: list[Sources], kernels: Kernels
) -> Stage:
    match operator:
        case Convolution(constants=QuantizedWeights() as constants):
            return convolution(graph, operator, sources[0], constants)
        case FullyConnected():
            return fully_connected(graph, operator, sources[0], kernels)
        case AveragePool():
            return average_pool(graph, operator, sources[0])
        case MaxPool():
            return max_pool(graph, operator, sources[0])
        case Mean():
            return mean(graph, operator, sources[0])
        case Quantize():
            return requantized(graph, operator, sources[0])
        case Clamp():
            return clamped(graph, operator, sources[0], kernels)
        case Prelu():
            return bent(graph, operator, sources[0], kernels)
        case Multiply(constant=ConstantOperand()):
            left = graph.left(operator)
            stage = product_with_constant(operator, sources[0][0], left, kernels)
            return replace(stage, clamp=clamp_of(operator.activation, quantization_of(left)))
        case Add(constant=ConstantOperand()) | Subtract(constant=ConstantOperand()):
            left = graph.left(operator)
            stage = sum_with_constant(operator, sources[0][0], left)
            return replace(stage, clamp=clamp_of(operator.activation, quantization_of(left)))
        case Add() | Subtract():
            return sum_of_maps(graph, operator, sources)
        case Copy():
            return copied(operator, sources[0], graph.left(operator))
        case Pad():
            return padded(operator, sources[0][0], graph.left(operator))
        case SpaceToDepth():
            return space_to_depth(operator, sources[0][0], graph.left(operator))
        case Multiply():
            raise InputError(f"{operator.KIND} of two maps has no stage yet")
    raise AssertionError(operator)
