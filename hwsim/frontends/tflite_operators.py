"""The operators that each operator of TFLite's stands for; names and arguments are the schema's."""

from collections.abc import Callable
from typing import Any

from hwsim.errors import InputError
from hwsim.frontends.tflite_call import Call
from hwsim.frontends.tflite_detections import detection_post_process
from hwsim.frontends.tflite_moves import MOVED_KINDS, MOVES
from hwsim.frontends.tflite_weights import constant_operand, quantized_weights
from hwsim.graph import Padding, Shape
from hwsim.graph.host_operators import DetectionPostProcess, Softmax, TransposeConvolution
from hwsim.graph.operators import (
    Activation,
    Add,
    Arithmetic,
    AveragePool,
    Axis,
    Convolution,
    FullyConnected,
    MaxPool,
    Mean,
    Multiply,
    Operator,
    Pool,
    Subtract,
)
from hwsim.graph.pointwise import (
    Clamp,
    Dequantize,
    HardSwish,
    LeakyRelu,
    Logistic,
    Prelu,
    Quantize,
    Tanh,
)
from hwsim.graph.sources import NO_PADDING

Maker = Callable[[Call], list[Operator]]
SAME, VALID = 0, 1  # the schema's paddings
MAP_AXES = {-3: Axis.ROWS, -2: Axis.COLUMNS, -1: Axis.CHANNELS}


def _padding(
    call: Call, size: tuple[int, int], extent: tuple[int, int], stride: tuple[int, int]
) -> Padding:
    """Return the padding of a file's word SAME or VALID."""
    word = call.option("Padding")
    if word == VALID:
        return NO_PADDING
    if word != SAME:
        raise InputError(f"padding {word}: must be SAME or VALID")
    if min(stride) < 1:
        raise InputError(f"stride {stride}: must be at least 1")
    rows, columns = (
        max((-(-length // step) - 1) * step + reach - length, 0)
        for length, step, reach in zip(size, stride, extent, strict=True)
    )
    return Padding(rows // 2, columns // 2, rows - rows // 2, columns - columns // 2)


def _stride(call: Call) -> tuple[int, int]:
    return call.option("StrideH"), call.option("StrideW")


def _weights_dims(call: Call, place: int, rank: int) -> tuple[int, ...]:
    dims = call.input(place).dims
    if len(dims) != rank or min(dims) < 1:
        raise InputError(f"weights of {list(dims)}: must have {rank} axes")
    return dims


def _convolution(call: Call) -> list[Operator]:
    filters, rows, columns, channels = dims = _weights_dims(call, 1, 4)
    shape = call.read(0).shape
    if shape.channels % channels:
        raise InputError(f"weights of {channels} channels for an input of {shape.channels}")
    constants = quantized_weights(call, 0, 1, 2, dims, (0, 3, 1, 2), 0)
    groups = shape.channels // channels
    return [_convolved(call, shape, filters, (rows, columns), groups, constants)]


def _depthwise(call: Call) -> list[Operator]:
    one, rows, columns, filters = dims = _weights_dims(call, 1, 4)
    shape = call.read(0).shape
    if one != 1 or filters % shape.channels:
        raise InputError(f"weights of {list(dims)} for an input of {shape.channels} channels")
    multiplier = filters // shape.channels
    if call.option("DepthMultiplier") not in (0, multiplier):
        raise InputError(
            f"depth multiplier {call.option('DepthMultiplier')}: its weights have {multiplier}"
        )
    constants = quantized_weights(call, 0, 1, 2, dims, (3, 0, 1, 2), 3)
    return [_convolved(call, shape, filters, (rows, columns), shape.channels, constants)]


def _convolved(
    call: Call,
    shape: Shape,
    filters: int,
    kernel: tuple[int, int],
    groups: int,
    constants: Any,
) -> Operator:
    stride = _stride(call)
    dilation = call.option("DilationHFactor"), call.option("DilationWFactor")
    rows, columns = ((side - 1) * step + 1 for side, step in zip(kernel, dilation, strict=True))
    return Convolution(
        filters=filters,
        kernel=kernel,
        stride=stride,
        dilation=dilation,
        padding=_padding(call, (shape.height, shape.width), (rows, columns), stride),
        groups=groups,
        activation=call.activation,
        constants=constants,
        **call.ends(0),
    )


def _fully_connected(call: Call) -> list[Operator]:
    if call.option("WeightsFormat") != 0:
        raise InputError(f"weights format {call.option('WeightsFormat')}: must be 0")
    filters, length = _weights_dims(call, 1, 2)
    shape = call.read(0).shape
    if length != shape.elements:
        raise InputError(f"weights of {length} inputs: it reads {shape.elements} values")
    dims = (filters, shape.height, shape.width, shape.channels)
    constants = quantized_weights(call, 0, 1, 2, dims, (0, 3, 1, 2), 0)
    ends = call.ends(0)
    return [
        FullyConnected(filters=filters, activation=call.activation, constants=constants, **ends)
    ]


def _transpose_convolution(call: Call) -> list[Operator]:
    filters, rows, columns, channels = dims = _weights_dims(call, 1, 4)
    shape, stride = call.read(2).shape, _stride(call)
    if channels != shape.channels:
        raise InputError(f"weights of {channels} channels for an input of {shape.channels}")
    output = call.integers(0)
    if len(output) != 4 or output[0] != 1 or output[3] != filters:
        raise InputError(f"output shape {list(output)}: must be 1 x rows x columns x {filters}")
    padding = _padding(call, output[1:3], (rows, columns), stride)
    constants = quantized_weights(call, 2, 1, 3, dims, (0, 3, 1, 2), 0)
    return [
        TransposeConvolution(
            filters=filters,
            kernel=(rows, columns),
            stride=stride,
            height=output[1],
            width=output[2],
            padding=padding,
            activation=call.activation,
            constants=constants,
            **call.ends(2),
        )
    ]


def _pool(kind: type[Pool]) -> Maker:
    def make(call: Call) -> list[Operator]:
        shape, stride = call.read(0).shape, _stride(call)
        window = call.option("FilterHeight"), call.option("FilterWidth")
        padding = _padding(call, (shape.height, shape.width), window, stride)
        ends = call.ends(0)
        return [
            kind(window=window, stride=stride, padding=padding, activation=call.activation, **ends)
        ]

    return make


def _mean(call: Call) -> list[Operator]:
    rank = len(call.read(0).dims)
    places = {call.axis(number, rank) for number in call.integers(1)} - {-4}
    return [Mean(axes=frozenset(MAP_AXES[place] for place in places), **call.ends(0))]


def _arithmetic(kind: type[Arithmetic]) -> Maker:
    def make(call: Call) -> list[Operator]:
        constants = [place for place in (0, 1) if call.is_constant(place)]
        if len(constants) == 2:
            raise InputError("both operands are constants")
        for place in constants:
            other = 1 - place
            return [
                kind(
                    activation=call.activation,
                    constant=constant_operand(call, place),
                    is_constant_first=place == 0,
                    **call.ends(other),
                )
            ]
        return [kind(activation=call.activation, **call.ends(0, 1))]

    return make


def _clamp(activation: Activation) -> Maker:
    return lambda call: [Clamp(activation=activation, **call.ends(0))]


def _alone(kind: type[Operator]) -> Maker:
    return lambda call: [kind(**call.ends(0))]


def _leaky_relu(call: Call) -> list[Operator]:
    return [LeakyRelu(slope=call.option("Alpha"), **call.ends(0))]


def _prelu(call: Call) -> list[Operator]:
    return [Prelu(slopes=constant_operand(call, 1), **call.ends(0))]


def _softmax(call: Call) -> list[Operator]:
    return [Softmax(beta=call.option("Beta"), **call.ends(0))]


MAKERS: dict[str, Maker] = {
    "ADD": _arithmetic(Add),
    "AVERAGE_POOL_2D": _pool(AveragePool),
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "DEQUANTIZE": _alone(Dequantize),
    "FULLY_CONNECTED": _fully_connected,
    "HARD_SWISH": _alone(HardSwish),
    "LEAKY_RELU": _leaky_relu,
    "LOGISTIC": _alone(Logistic),
    "MAX_POOL_2D": _pool(MaxPool),
    "MEAN": _mean,
    "MUL": _arithmetic(Multiply),
    "PRELU": _prelu,
    "QUANTIZE": _alone(Quantize),
    "RELU": _clamp(Activation.RELU),
    "RELU6": _clamp(Activation.RELU6),
    "RELU_N1_TO_1": _clamp(Activation.RELU_N1_TO_1),
    "SOFTMAX": _softmax,
    "SUB": _arithmetic(Subtract),
    "TANH": _alone(Tanh),
    "TFLite_Detection_PostProcess": detection_post_process,
    "TRANSPOSE_CONV": _transpose_convolution,
    **MOVES,
}

# The kinds of operators that stand for each of TFLite's.
KINDS: dict[str, tuple[type[Operator], ...]] = {
    "ADD": (Add,),
    "AVERAGE_POOL_2D": (AveragePool,),
    "CONV_2D": (Convolution,),
    "DEPTHWISE_CONV_2D": (Convolution,),
    "DEQUANTIZE": (Dequantize,),
    "FULLY_CONNECTED": (FullyConnected,),
    "HARD_SWISH": (HardSwish,),
    "LEAKY_RELU": (LeakyRelu,),
    "LOGISTIC": (Logistic,),
    "MAX_POOL_2D": (MaxPool,),
    "MEAN": (Mean,),
    "MUL": (Multiply,),
    "PRELU": (Prelu,),
    "QUANTIZE": (Quantize,),
    "RELU": (Clamp,),
    "RELU6": (Clamp,),
    "RELU_N1_TO_1": (Clamp,),
    "SOFTMAX": (Softmax,),
    "SUB": (Subtract,),
    "TANH": (Tanh,),
    "TFLite_Detection_PostProcess": (DetectionPostProcess,),
    "TRANSPOSE_CONV": (TransposeConvolution,),
    **MOVED_KINDS,
}
