"""The rules of operators that carry a quantized file's constants, and of their tensors."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hwsim.errors import shown
from hwsim.graph.check import (
    LARGEST_SIDE,
    LARGEST_STRIDE,
    LARGEST_ZERO_POINT,
    LEAST_ZERO_POINT,
    WEIGHT_BITS,
)
from hwsim.graph.file_constants import ConstantOperand, QuantizedWeights
from hwsim.graph.host_operators import (
    DetectionPostProcess,
    Resize,
    ScaledSoftmax,
    Softmax,
    TransposeConvolution,
)
from hwsim.graph.infer_operators import operand_shapes
from hwsim.graph.operators import (
    Arithmetic,
    Axis,
    Convolution,
    DepthToSpace,
    FullyConnected,
    Mean,
    Operator,
    Pad,
    Reshape,
    Shuffle,
    SpaceToDepth,
)
from hwsim.graph.pointwise import (
    Dequantize,
    LeakyRelu,
    Logistic,
    Prelu,
    Quantize,
    ScaledLogistic,
    Tanh,
)
from hwsim.graph.rules import is_integer, is_one_of, is_pair, is_real, one_of
from hwsim.graph.tensors import Quantization, Shape, Tensor

if TYPE_CHECKING:
    from hwsim.graph.operator_graph import OperatorGraph

SCALE_TOLERANCE = 1e-6  # between scales that are meant to be the same, as LiteRT's
LARGEST_BLOCK = 64
# The scale and zero point of what functions of a known range leave; runtimes take no other.
FIXED_OUTPUTS: dict[type[Operator], Quantization] = {
    Logistic: Quantization(1 / 256, -128),
    Softmax: Quantization(1 / 256, -128),
    Tanh: Quantization(1 / 128, 0),
}
MOST_PADDING_CHANNELS = 1 << 16
# The host also computes these in real values, if all of theirs are.
REAL = (ScaledSoftmax, ScaledLogistic)


def broken_by_quantized(operator: Operator, inputs: Sequence[Shape]) -> Iterator[str]:
    """Yield the rules that an operator breaks by itself or by the shapes that it reads."""
    shape = inputs[0]
    match operator:
        case Convolution():
            if operator.constants is not None:
                channels = shape.channels // operator.groups
                expected = (operator.filters, channels, *operator.kernel)
                yield from _broken_weights(operator.constants, expected)
        case FullyConnected():
            if operator.filters % operator.channel_pool:
                yield f"channel_pool = {operator.channel_pool} must divide {operator.filters}"
            expected = (operator.filters, shape.channels, shape.height, shape.width)
            yield from _broken_weights(operator.constants, expected)
        case TransposeConvolution():
            yield from _broken_transpose(operator, shape)
        case Arithmetic():
            yield from _broken_arithmetic(operator, inputs)
        case Prelu():
            yield from _broken_operand("slopes", operator.slopes)
            yield from _broken_broadcast((shape, operator.slopes.shape))
        case LeakyRelu():
            if not is_real(operator.slope):
                yield f"slope = {shown(operator.slope)} must be a finite number"
        case Softmax():
            if not is_real(operator.beta) or operator.beta <= 0:
                yield f"beta = {shown(operator.beta)} must be a finite number above 0"
        case Resize():
            for name, value in (("height", operator.height), ("width", operator.width)):
                if not is_integer(value, 1, LARGEST_SIDE):
                    yield f"{name} = {shown(value)} must be an integer from 1 to {LARGEST_SIDE}"
    yield from _broken_move(operator, shape)


def _broken_move(operator: Operator, shape: Shape) -> Iterator[str]:
    match operator:
        case Mean():
            if not operator.axes or not all(isinstance(axis, Axis) for axis in operator.axes):
                yield f"axes = {shown(operator.axes)} must be at least one Axis"
        case Shuffle():
            if sorted(operator.order) != list(range(shape.channels)):
                yield f"order = {shown(operator.order)} must have all {shape.channels} channels"
        case Reshape():
            if operator.shape.elements != shape.elements:
                yield f"reshapes {shape} to {operator.shape}: both must have as many values"
        case Pad():
            frame = operator.padding
            sides = (frame.top, frame.left, frame.bottom, frame.right)
            if not all(is_integer(side, 0, LARGEST_SIDE) for side in sides):
                yield f"padding = {shown(sides)} must be integers from 0 to {LARGEST_SIDE}"
            if not is_pair(operator.channels, 0, MOST_PADDING_CHANNELS):
                yield (
                    f"padding of {shown(operator.channels)} channels: must be two integers from 0 "
                    f"to {MOST_PADDING_CHANNELS}"
                )
        case SpaceToDepth(block=block):
            fits = is_integer(block, 1, LARGEST_BLOCK)
            if not fits or shape.height % block or shape.width % block:
                yield f"block = {shown(block)} must divide the input's {shape.height}x{shape.width}"
        case DepthToSpace(block=block):
            if not is_integer(block, 1, LARGEST_BLOCK) or shape.channels % block**2:
                yield f"block = {shown(block)}: its square must divide {shape.channels} channels"


def _broken_weights(constants: Any, shape: tuple[int, ...]) -> Iterator[str]:
    if not isinstance(constants, QuantizedWeights):
        yield f"constants = {shown(constants)} must be QuantizedWeights"
    if not is_one_of(constants.bits, WEIGHT_BITS):
        yield f"weights of {shown(constants.bits)} bits: must be {one_of(WEIGHT_BITS)}"
    filters = shape[0]
    for name, values, kind, shapes in (
        ("weights", constants.weights, np.int8, (shape,)),
        ("scales", constants.scales, np.float32, ((filters,), (1,))),
        ("bias", constants.bias, np.int32, ((filters,),)),
    ):
        if values.dtype != kind or values.shape not in shapes:
            yield (
                f"{name} must be {np.dtype(kind)} {shapes[0]}, not {values.dtype} {values.shape}"
            )
    broken = ~(np.isfinite(constants.scales) & (constants.scales > 0))
    if broken.any():
        scale = float(constants.scales[broken.argmax()])
        yield f"weights of scale {scale:g}: must be a finite number above 0"
    if not is_integer(constants.zero_point, LEAST_ZERO_POINT, LARGEST_ZERO_POINT):
        yield f"weights of zero point {shown(constants.zero_point)}: must be -128 to 127"
    if constants.zero_point and constants.scales.size > 1:
        yield f"weights of {constants.scales.size} scales: their zero point must be 0"


def _broken_transpose(operator: TransposeConvolution, shape: Shape) -> Iterator[str]:
    if not is_pair(operator.stride, 1, LARGEST_STRIDE):
        yield f"stride = {shown(operator.stride)} must be two integers from 1 to {LARGEST_STRIDE}"
    for name, value in (("height", operator.height), ("width", operator.width)):
        if not is_integer(value, 1, LARGEST_SIDE):
            yield f"{name} = {shown(value)} must be an integer from 1 to {LARGEST_SIDE}"
    yield from _broken_weights(
        operator.constants, (operator.filters, shape.channels, *operator.kernel)
    )


def _broken_arithmetic(operator: Arithmetic, inputs: Sequence[Shape]) -> Iterator[str]:
    expected = 2 if operator.constant is None else 1
    if len(inputs) != expected:
        yield f"reads {len(inputs)} tensors: it must read {expected}"
    if operator.constant is not None:
        yield from _broken_operand("constant", operator.constant)
    yield from _broken_broadcast(operand_shapes(operator, inputs))


def _broken_broadcast(shapes: Sequence[Shape]) -> Iterator[str]:
    first, second = shapes
    for one, other in (
        (first.channels, second.channels),
        (first.height, second.height),
        (first.width, second.width),
    ):
        if one != other and 1 not in (one, other):
            yield f"operands of {first} and {second}: each axis must be the same, or 1"


def _broken_operand(role: str, operand: Any) -> Iterator[str]:
    if not isinstance(operand, ConstantOperand):
        yield f"{role} = {shown(operand)} must be a ConstantOperand"
    if operand.values.dtype != np.int8 or operand.values.ndim != 3 or not operand.values.size:
        yield f"{role} must be int8 [C, H, W], not {operand.values.dtype} {operand.values.shape}"
    for broken in broken_scale(operand.quantization):
        yield f"{role} {broken}"


def broken_scale(quantization: Quantization) -> Iterator[str]:
    """Yield the rules that a scale and a zero point of int8 values break."""
    if not is_real(quantization.scale) or quantization.scale <= 0:
        yield f"scale = {shown(quantization.scale)} must be a finite number above 0"
    if not is_integer(quantization.zero_point, LEAST_ZERO_POINT, LARGEST_ZERO_POINT):
        yield (
            f"zero_point = {shown(quantization.zero_point)} must be an integer from "
            f"{LEAST_ZERO_POINT} to {LARGEST_ZERO_POINT}"
        )


def broken_quantization(
    graph: "OperatorGraph", operator: Operator, tensors: Mapping[str, Tensor]
) -> Iterator[str]:
    """Yield the rules of scales and zero points that an operator of a quantized graph breaks."""
    if not graph.in_file:
        return
    read, left = [tensors[name] for name in operator.inputs], tensors[operator.outputs[0]]
    for tensor in (*read, *(tensors[name] for name in operator.outputs)):
        own = graph.in_file.get(tensor.name)
        if own is None or own.shape != tensor.shape:
            has = "nothing" if own is None else str(own.shape)
            yield f"tensor '{tensor.name}' is {tensor.shape} by what it reads, its file has {has}"
        if tensor.quantization is not None:
            for broken in broken_scale(tensor.quantization):
                yield f"tensor '{tensor.name}': {broken}"
    if isinstance(operator, DetectionPostProcess):
        yield from _broken_real([tensors[name] for name in operator.outputs])
        return
    real = [tensor for tensor in read if tensor.quantization is None]
    if isinstance(operator, (*REAL, Reshape)) and len(real) == len(read):
        yield from _broken_real([left])
        return
    if real and not isinstance(operator, Quantize):
        yield f"reads real values, tensor '{real[0].name}': only a quantized network is computed"
    if left.quantization is None and not isinstance(operator, Dequantize):
        yield f"leaves real values, tensor '{left.name}': only a quantized network is computed"
    if isinstance(operator, Dequantize):
        yield from _broken_real([left])
    fixed = FIXED_OUTPUTS.get(type(operator))
    if fixed is not None and left.quantization != fixed:
        yield (
            f"{operator.KIND} leaves {_text(left.quantization)}: must be {_text(fixed)}, as the "
            "runtimes have it"
        )
    if operator.KEEPS_QUANTIZATION:
        for tensor in read:
            yield from _broken_keeping(tensor, left)


def _broken_real(left: Sequence[Tensor]) -> Iterator[str]:
    for tensor in left:
        if tensor.quantization is not None:
            yield f"tensor '{tensor.name}' must have real values"


def _broken_keeping(read: Tensor, left: Tensor) -> Iterator[str]:
    ours, theirs = read.quantization, left.quantization
    if ours is None or theirs is None:
        return
    if abs(ours.scale - theirs.scale) > SCALE_TOLERANCE or ours.zero_point != theirs.zero_point:
        yield (
            f"reads tensor '{read.name}' of {_text(ours)}, and leaves {_text(theirs)}: must be the "
            "same"
        )


def _text(quantization: Quantization | None) -> str:
    if quantization is None:
        return "real values"
    return f"scale {quantization.scale:g}, zero point {quantization.zero_point}"
