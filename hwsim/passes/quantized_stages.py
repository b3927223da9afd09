"""Makes stages with constants of a quantized file's operators, each exact in the file's integers.

What has no exact stage is refused by name and place.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.fixed_point import rescaled
from hwsim.graph import Constants, Quantization, Rounding, Source, SpatialPool, Stage, Tensor
from hwsim.graph.file_constants import ConstantOperand, QuantizedWeights
from hwsim.graph.file_tensors import Element
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import (
    Activation,
    Add,
    AveragePool,
    Axis,
    Convolution,
    Copy,
    FullyConnected,
    MaxPool,
    Mean,
    Multiply,
    Operator,
    Pad,
    SpaceToDepth,
    Subtract,
)
from hwsim.graph.pointwise import (
    Clamp,
    HardSwish,
    LeakyRelu,
    Logistic,
    Prelu,
    Quantize,
    Tanh,
)
from hwsim.graph.sources import NO_PADDING
from hwsim.passes.constant_stages import product_with_constant, sum_with_constant
from hwsim.passes.exact_product import LARGEST_SUM, exact_product
from hwsim.passes.exact_sum import exact_sum
from hwsim.passes.move_stages import IDENTITY, copied, padded, space_to_depth
from hwsim.passes.table_stages import Tables, looked_up
from hwsim.passes.tflite_clamps import clamp_of, is_rectifier
from hwsim.passes.tflite_factors import (
    FRACTION_BITS,
    Factor,
    convolution_factor,
    float32,
    single_scale_factor,
    stored_factor,
)

Weights = NDArray[np.int8] | NDArray[np.int16]
Sources = tuple[Source, ...]
WORD_BITS = 32  # of the runtimes' integers

# Every kind of operator that has exact stages, and what these can do.
TABLES = (HardSwish, LeakyRelu, Logistic, Prelu, Tanh)  # of which tables are made
STAGED: dict[type[Operator], str] = {
    Add: "of two maps of one shape, or with a constant for each channel; proved for all pairs",
    AveragePool: "without padding; the factor is proved for every sum",
    Clamp: "between any ends",
    Convolution: "dense, in groups or depthwise; weights with a zero point take two limbs",
    Copy: "of slices, joined and doubled maps, where an address does not do",
    HardSwish: "by a table of its 256 values",
    LeakyRelu: "by a table of its 256 values",
    Logistic: "by a table of its 256 values",
    Prelu: "with one slope, by a table of its 256 values",
    Tanh: "by a table of its 256 values",
    FullyConnected: "LiteRT's real factors are proved for every filter",
    MaxPool: "2x2 side by side",
    Mean: "over rows and columns",
    Multiply: "by a constant for each channel",
    Pad: "with the zero point, in the convolution that reads it or alone",
    Quantize: "from one scale of int8 or uint8 to another",
    SpaceToDepth: "as a convolution with one weight of 1 a filter",
    Subtract: "as add",
}


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
        if type(operator) not in STAGED:
            raise InputError(f"{operator.KIND} has no stage yet")
        if isinstance(operator, TABLES):
            stage = looked_up(operator, sources[0], graph.left(operator), tables)
        else:
            stage = _stage(graph, operator, sources, kernels)
    except InputError as error:
        raise InputError(f"{operator.place or operator.name}: {error}") from None
    return replace(stage, is_reduction=not isinstance(operator, Convolution | FullyConnected))


def _stage(
    graph: OperatorGraph, operator: Operator, sources: list[Sources], kernels: Kernels
) -> Stage:
    match operator:
        case Convolution(constants=QuantizedWeights() as constants):
            return _convolution(graph, operator, sources[0], constants)
        case FullyConnected():
            return _fully_connected(graph, operator, sources[0], kernels)
        case AveragePool():
            return _average_pool(graph, operator, sources[0])
        case MaxPool():
            return _max_pool(graph, operator, sources[0])
        case Mean():
            return _mean(graph, operator, sources[0])
        case Quantize():
            return _requantized(graph, operator, sources[0])
        case Clamp():
            return _clamped(graph, operator, sources[0], kernels)
        case Multiply(constant=ConstantOperand()):
            left = graph.left(operator)
            stage = product_with_constant(operator, sources[0][0], left, kernels)
            return replace(stage, clamp=clamp_of(operator.activation, _quantization(left)))
        case Add(constant=ConstantOperand()) | Subtract(constant=ConstantOperand()):
            left = graph.left(operator)
            stage = sum_with_constant(operator, sources[0][0], left)
            return replace(stage, clamp=clamp_of(operator.activation, _quantization(left)))
        case Add() | Subtract():
            return _sum(graph, operator, sources)
        case Copy():
            return copied(operator, sources[0], graph.left(operator))
        case Pad():
            return padded(operator, sources[0][0], graph.left(operator))
        case SpaceToDepth():
            return space_to_depth(operator, sources[0][0], graph.left(operator))
        case Multiply():
            raise InputError(f"{operator.KIND} of two maps has no stage yet")
    raise AssertionError(operator)


def _convolution(
    graph: OperatorGraph, operator: Convolution, sources: Sources, constants: QuantizedWeights
) -> Stage:
    read, left = graph.tensors[operator.inputs[0]], graph.left(operator)
    read_sources = [
        replace(
            source,
            kernel=operator.kernel,
            stride=operator.stride,
            dilation=operator.dilation,
            padding=operator.padding,
            groups=operator.groups,
        )
        for source in sources
    ]
    of_filter = (
        single_scale_factor if _element(graph, operator) is Element.UINT8 else convolution_factor
    )
    factors = [
        of_filter(_quantization(read), scale, _quantization(left)) for scale in constants.scales
    ]
    return _weighted(
        operator, read_sources, left, constants, factors, Rounding.TWICE, operator.activation
    )


def _element(graph: OperatorGraph, operator: Operator) -> Element:
    """Return the one type that an operator reads and leaves in the file.

    What it reads here may be of another one, if a change of type was left out.
    """
    return graph.in_file[operator.outputs[0]].element


def _fully_connected(
    graph: OperatorGraph, operator: FullyConnected, sources: Sources, kernels: Kernels
) -> Stage:
    read, left = graph.tensors[operator.inputs[0]], graph.left(operator)
    constants = operator.constants
    kernel = read.shape.height, read.shape.width
    ours, own = _quantization(read), _quantization(left)
    if kernels is Kernels.LITERT:
        reals = [ours.scale * float(scale) / own.scale for scale in constants.scales]
        reach = min(_largest_sum(constants), LARGEST_SUM)
        factors, rounding = [exact_product(real, own, reach) for real in reals], Rounding.ONCE
    else:
        factors = [convolution_factor(ours, scale, own) for scale in constants.scales]
        rounding = Rounding.TWICE
    read_sources = [replace(source, kernel=kernel) for source in sources]
    return _weighted(
        operator, read_sources, left, constants, factors, rounding, operator.activation
    )


def _largest_sum(constants: QuantizedWeights) -> int:
    """Return a bound of all sums, whose inputs are within 255 steps of their zero point."""
    weights = constants.weights.astype(np.int64) - constants.zero_point
    sums = 255 * np.abs(weights).sum(axis=(1, 2, 3)) + np.abs(constants.bias.astype(np.int64))
    return int(sums.max())


def _weighted(
    operator: Convolution | FullyConnected,
    sources: list[Source],
    left: Tensor,
    constants: QuantizedWeights,
    factors: list[Factor],
    rounding: Rounding,
    activation: Activation,
) -> Stage:
    """Return the stage of a convolution; weights with a zero point take two limbs."""
    weights: Weights = constants.weights
    limbs = 1
    if constants.zero_point:
        weights, limbs = weights.astype(np.int16) - np.int16(constants.zero_point), 2
    bounds = np.cumsum([source.channels for source in sources])[:-1]
    if len(sources) > 1 and sources[0].groups > 1:
        raise InputError(f"{operator.KIND} in groups over joined tensors has no stage yet")
    parts = np.split(weights, bounds, axis=1) if len(sources) > 1 else [weights]
    stage = Stage.inferred(operator.name, sources, left.name, operator.filters)
    multiplier, shift = (
        np.broadcast_to(np.array(column, dtype), (operator.filters,)).copy()
        for column, dtype in zip(zip(*factors, strict=True), (np.int32, np.int32), strict=True)
    )
    own = _quantization(left)
    rectifies = is_rectifier(activation, own)  # by a factor of 0, which needs no clamp
    return replace(
        stage,
        output=left,
        rounding=rounding,
        weight_limbs=limbs,
        leaky_slope=0.0 if rectifies else None,
        clamp=None if rectifies else clamp_of(activation, own),
        constants=Constants(
            tuple(np.ascontiguousarray(part) for part in parts),
            constants.bias,
            multiplier,
            np.zeros_like(multiplier) if rectifies else multiplier,
            shift,
        ),
    )


def _average_pool(graph: OperatorGraph, operator: AveragePool, sources: Sources) -> Stage:
    """Return the sum of every window times a factor somewhat above 1 / count.

    TFLite averages the file's own integers, not those less the zero point.
    """
    source = _only(operator, sources)
    left = graph.left(operator)
    element = _element(graph, operator)
    if any((operator.padding.top, operator.padding.left, operator.padding.bottom,
            operator.padding.right)):  # fmt: skip
        raise InputError("average pool with padding has no stage yet")
    channels, count = source.channels, operator.window[0] * operator.window[1]
    by = _proved_mean(count)
    # A stride beyond the map has no meaning, and may exceed what a source can have.
    rows, columns = (
        min(step, side - length + 1)
        for step, side, length in zip(operator.stride, source.size, operator.window, strict=True)
    )
    stride = rows, columns
    pooled = replace(source, kernel=operator.window, stride=stride, groups=channels)
    stage = Stage.inferred(operator.name, [pooled], left.name, channels)
    ones = np.ones((channels, 1, *operator.window), np.int8)
    # The file's integers are not less their zero point, and those of uint8 are never below 0.
    offset = element.offset
    bias = np.full(channels, count * (source.tensor.zero_point + offset), np.int32)
    return replace(
        stage,
        output=left,
        offset=-offset,
        clamp=clamp_of(operator.activation, _quantization(left)),
        constants=_alike((ones,), bias, by),
    )


def _proved_mean(count: int) -> Factor:
    """Return a factor that divides every sum of so many int8 as TFLite: halves away from 0."""
    sums = np.arange(-128 * count, 127 * count + 1, dtype=np.int64)
    expected = np.sign(sums) * ((np.abs(sums) + count // 2) // count)
    for shift in range(FRACTION_BITS - 1 + count.bit_length(), FRACTION_BITS - 2, -1):
        multiplier = (1 << shift) // count + 1  # above 1 / count: halves below 0 go down
        if multiplier < 1 << FRACTION_BITS:
            found = rescaled(sums, np.int64(multiplier), np.int64(shift), Rounding.ONCE)
            if np.array_equal(found, expected):
                return Factor(multiplier, shift)
    raise InputError(f"no factor divides every sum of {count} values exactly")


def _max_pool(graph: OperatorGraph, operator: MaxPool, sources: Sources) -> Stage:
    """Return the same values, of which the pool behind the rescale keeps the largest."""
    source = _only(operator, sources)
    is_halving = operator.window == operator.stride == (2, 2) and operator.padding == NO_PADDING
    if not is_halving or any(side % 2 for side in source.size):
        raise InputError("a max pool of other windows than 2x2 side by side has no stage yet")
    left = graph.left(operator)
    channels = source.channels
    stage = Stage.inferred(
        operator.name,
        [replace(source, groups=channels)],
        left.name,
        channels,
        spatial_pool=SpatialPool.STRIDE_2,
    )
    ones = np.ones((channels, 1, 1, 1), np.int8)
    constants = _alike((ones,), np.zeros(channels, np.int32), IDENTITY)
    clamp = clamp_of(operator.activation, _quantization(left))
    return replace(stage, output=left, clamp=clamp, constants=constants)


def _mean(graph: OperatorGraph, operator: Mean, sources: Sources) -> Stage:
    """Return the sum of a whole map times a factor that the runtimes divide by its size."""
    source = _only(operator, sources)
    if operator.axes != {Axis.ROWS, Axis.COLUMNS}:
        raise InputError("mean over other axes than rows and columns has no stage yet")
    left, channels, size = graph.left(operator), source.channels, source.size
    count = size[0] * size[1]
    whole = stored_factor(_quantization(source.tensor).scale / _quantization(left).scale)
    exponent = FRACTION_BITS - whole.shift
    more = min(count.bit_length() - 1, WORD_BITS, WORD_BITS - 1 + exponent)
    by = Factor((whole.multiplier << more) // count, whole.shift + more)
    return _depthwise(operator, replace(source, kernel=size, groups=channels), left, by)


def _requantized(graph: OperatorGraph, operator: Quantize, sources: Sources) -> Stage:
    """Return the same values in the steps of another tensor."""
    source = _only(operator, sources)
    left = graph.left(operator)
    by = stored_factor(_quantization(source.tensor).scale / _quantization(left).scale)
    return _depthwise(operator, replace(source, groups=source.channels), left, by)


def _clamped(graph: OperatorGraph, operator: Clamp, sources: Sources, kernels: Kernels) -> Stage:
    """Return a rectifier that stands alone. TFLM's ReLU6 clamps the integers that it reads."""
    source = _only(operator, sources)
    left = graph.left(operator)
    ours, own = _quantization(source.tensor), _quantization(left)
    read = replace(source, groups=source.channels)
    if kernels is Kernels.TFLM and operator.activation is Activation.RELU6:
        stage = _depthwise(operator, read, left, IDENTITY)
        offset, clamp = ours.zero_point, clamp_of(operator.activation, ours)
        return replace(stage, offset=offset, clamp=clamp)
    ratio = ours.scale / own.scale
    by = stored_factor(float32(ratio) if kernels is Kernels.LITERT else ratio)
    stage = _depthwise(operator, read, left, by)
    return replace(stage, clamp=clamp_of(operator.activation, own))


def _depthwise(operator: Operator, source: Source, left: Tensor, by: Factor) -> Stage:
    """Return the sum of every channel's own window, scaled and rounded twice."""
    channels = source.channels
    stage = Stage.inferred(operator.name, [source], left.name, channels)
    ones = np.ones((channels, 1, *source.kernel), np.int8)
    constants = _alike((ones,), np.zeros(channels, np.int32), by)
    return replace(stage, output=left, rounding=Rounding.TWICE, constants=constants)


def _sum(graph: OperatorGraph, operator: Add | Subtract, operands: list[Sources]) -> Stage:
    """Return the sum of two maps of the same shape, with proved weights of two limbs."""
    (first,), (second,) = operands
    left = graph.left(operator)
    own = _quantization(left)
    if first.size != second.size or first.channels != second.channels:
        raise InputError(f"{operator.KIND} of maps of other shapes has no stage yet")
    sign = -1 if isinstance(operator, Subtract) else 1
    found = exact_sum(_quantization(first.tensor), _quantization(second.tensor), own, sign)
    if found is None:
        raise InputError(f"no weights {operator.KIND} all 65,536 pairs exactly")
    channels = first.channels
    read = [replace(source, groups=channels) for source in (first, second)]
    stage = Stage.inferred(operator.name, read, left.name, channels)
    weights = tuple(np.full((channels, 1, 1, 1), weight, np.int16) for weight in found.weights)
    return replace(
        stage,
        output=left,
        rounding=found.rounding,
        weight_limbs=2,
        clamp=clamp_of(operator.activation, own),
        constants=_alike(weights, np.zeros(channels, np.int32), found.factor),
    )


def _only(operator: Operator, sources: Sources) -> Source:
    """Return the one source of an operator. Raises `InputError` where there are several."""
    if len(sources) > 1:
        raise InputError(f"{operator.KIND} of joined tensors has no stage yet")
    return sources[0]


def _alike(weights: tuple[Weights, ...], bias: NDArray[np.int32], by: Factor) -> Constants:
    """Return constants with the same factor for all filters."""
    multiplier, shift = (np.full(bias.size, value, np.int32) for value in by)
    return Constants(weights, bias, multiplier, multiplier, shift)


def _quantization(tensor: Tensor) -> Quantization:
    assert tensor.quantization is not None
    return tensor.quantization
