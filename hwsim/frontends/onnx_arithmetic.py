"""The nodes of an `.onnx` that combine two operands value by value, and batch normalization."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.frontends.onnx_call import Call
from hwsim.frontends.onnx_convolutions import bias_steps
from hwsim.frontends.onnx_values import (
    Dequantized,
    Draft,
    Integers,
    Value,
)
from hwsim.frontends.onnx_views import View
from hwsim.graph import Quantization
from hwsim.graph.file_constants import ConstantOperand, QuantizedWeights
from hwsim.graph.operators import (
    Activation,
    Add,
    Arithmetic,
    Axis,
    Convolution,
    FullyConnected,
    Multiply,
    Subtract,
)
from hwsim.graph.pointwise import Gated, Pointwise

Maker = Callable[[Call], list[Value]]
Floats = NDArray[np.float32]
LARGEST_WEIGHT = 127


def arithmetic(kind: type[Arithmetic]) -> Maker:
    """Return what makes an operator of a kind, of two maps or of one and a constant."""

    def make(call: Call) -> list[Value]:
        for place in (0, 1):
            if call.is_constant(place):
                if call.is_constant(1 - place):
                    raise InputError("both operands are constants")
                return [_with_constant(call, kind, place)]
        return [combined(call, kind, call.value(0), call.value(1))]

    return make


def divide(call: Call) -> list[Value]:
    """Return a map that is divided by a constant."""
    if not call.is_constant(1) or call.is_constant(0):
        raise InputError("only a map divided by a constant is supported")
    by = call.constant(1)
    if not (by.dtype == np.float32 and by.size and by.all()):
        raise InputError("it divides by 0, or by what are no real numbers")
    return [_scaled(call, call.value(0), (1 / by).astype(np.float32), np.zeros_like(by))]


def combined(call: Call, kind: type[Arithmetic], first: Value, second: Value) -> Value:
    """Return two maps, combined."""
    if kind is Multiply:
        for x, gate in ((first, second), (second, first)):
            found = _gated(call, x, gate)
            if found is not None:
                return found
    parts = [call.integers_of(each) for each in (first, second)]
    one, other = parts
    if one.view.dims != other.view.dims and not (one.view.is_map and other.view.is_map):
        raise InputError("its inputs must have the same axes")
    operator = kind(**call.ends(one.tensor, other.tensor))
    left = call.graph.left_by(operator)
    view = one.view if one.view == other.view else _map(left.channels, left.height, left.width)
    return Draft(operator, view)


def _map(*sides: int) -> View:
    return View.of_map((1, *sides))


def _gated(call: Call, x: Value, gate: Value) -> Draft | None:
    """Return x times a function of x, such as SiLU, as one function; None for other products."""
    if not isinstance(x, Dequantized):
        return None
    tensor = x.integers.tensor
    match gate:
        case Draft(Pointwise(inputs=(read,)) as own) if read == tensor:
            return Draft(Gated(gate=own, **call.ends(tensor)), x.view)
        case Dequantized(integers):
            makers = [each for each in call.graph.operators if integers.tensor in each.outputs]
            for maker in makers:
                if isinstance(maker, Pointwise) and maker.inputs == (tensor,):
                    steps = integers.steps
                    return Draft(Gated(gate=maker, steps=steps.signed, **call.ends(tensor)), x.view)
    return None


def _with_constant(call: Call, kind: type[Arithmetic], place: int) -> Value:
    """Return a map combined with a constant, which is operand `place`."""
    constant, value = call.constant(place), call.value(1 - place)
    if constant.dtype != np.float32 or not np.isfinite(constant).all() or not constant.size:
        raise InputError(f"a constant of {constant.dtype}: must be finite float32")
    ones, zeros = np.ones_like(constant), np.zeros_like(constant)
    if kind is Multiply:
        return _scaled(call, value, constant, zeros)
    if kind is Add:
        return _scaled(call, value, ones, constant)
    if place == 1:
        return _scaled(call, value, ones, -constant)
    return _scaled(call, value, -ones, constant)


def batch_normalization(call: Call) -> list[Value]:
    """Return the values of each channel times a factor, and with another one added."""
    gamma, beta, mean, variance = (call.constant(place) for place in (1, 2, 3, 4))
    epsilon = call.real("epsilon", 1e-5)
    if any(each.dtype != np.float32 or each.ndim != 1 for each in (gamma, beta, mean, variance)):
        raise InputError("its constants must be lists of float32")
    if len({each.size for each in (gamma, beta, mean, variance)}) > 1:
        raise InputError("its constants must be as long as each other")
    with np.errstate(all="ignore"):
        factor = (gamma / np.sqrt(variance.astype(np.float64) + epsilon)).astype(np.float32)
        added = (beta - mean.astype(np.float64) * factor).astype(np.float32)
    if not (np.isfinite(factor) & np.isfinite(added)).all():
        raise InputError("its constants make numbers that are not finite")
    return [_scaled(call, call.value(0), factor.reshape(-1, 1, 1), added.reshape(-1, 1, 1))]


def _scaled(call: Call, value: Value, factor: Floats, added: Floats) -> Value:
    """Return a value times a factor, with another number added, for all or for each channel."""
    view = call.view(0) if not call.is_constant(0) else call.view(1)
    channels = view.shape.channels
    if factor.size not in (1, channels) or (factor.size > 1 and not _is_by_channel(view, factor)):
        raise InputError(f"a constant of {list(factor.shape)} for {list(view.sizes)}")
    factors, more = (np.broadcast_to(each.reshape(-1), channels) for each in (factor, added))
    if isinstance(value, Draft):
        own = value.operator
        if not isinstance(own, Convolution | FullyConnected):
            raise InputError(f"it reads real numbers of {own.place}: not supported")
        if own.activation is not Activation.LINEAR:
            raise InputError(f"it reads real numbers of {own.place}: not supported")
        return Draft(_folded(call, own, factors, more), value.view)
    read = call.integers_of(value)
    if factor.size == 1 and added.size == 1:
        number, other = float(factor.flat[0]), float(added.flat[0])
        if other == 0 or abs(number) == 1:
            return Draft(_function(call, read, number, other), view)
    return Draft(_by_channel(call, read, factors, more), view)


def _is_by_channel(view: View, constant: Floats) -> bool:
    """Return True for a constant that has one value for each index of the channels."""
    dims = (1,) * (len(view.dims) - constant.ndim) + constant.shape
    if len(dims) != len(view.dims):
        return False
    pairs = zip(dims, view.axes, strict=True)
    return all(size == 1 or axis is Axis.CHANNELS for size, axis in pairs)


def _function(call: Call, read: Integers, factor: float, added: float) -> Arithmetic:
    """Return a product with one number, or a sum or a difference: the factor is then 1 or -1."""
    if added == 0:
        return Multiply(constant=_number(factor), **call.ends(read.tensor))
    if factor == 1:
        return Add(constant=_number(added), **call.ends(read.tensor))
    assert factor == -1
    constant = _number(added)
    return Subtract(constant=constant, is_constant_first=True, **call.ends(read.tensor))


def _number(value: float) -> ConstantOperand:
    """Return a real number as an operand: a sign, and a scale."""
    sign = np.full((1, 1, 1), np.sign(value), np.int8)
    return ConstantOperand(sign, Quantization(abs(value) or 1.0, 0))


def _by_channel(call: Call, read: Integers, factors: Floats, added: Floats) -> Convolution:
    """Return a convolution of one pixel in which every filter sees its own channel.

    Its weights are the largest, so that a bias in steps of their products is near the real one.
    """
    weights = (LARGEST_WEIGHT * np.sign(factors)).astype(np.int8).reshape(-1, 1, 1, 1)
    scales = np.where(factors == 0, np.float32(1), np.abs(factors) / np.float32(LARGEST_WEIGHT))
    channels = len(factors)
    steps = bias_steps(added, scales, read.steps.quantization.scale)
    constants = QuantizedWeights(weights, scales, 0, steps, np.ascontiguousarray(added))
    return Convolution(
        filters=channels, kernel=(1, 1), groups=channels, constants=constants,
        **call.ends(read.tensor),
    )  # fmt: skip


def _folded(
    call: Call, own: Convolution | FullyConnected, factors: Floats, added: Floats
) -> Convolution | FullyConnected:
    """Return a convolution with other scales and another bias; negative factors turn weights."""
    constants = own.constants
    assert constants is not None
    assert constants.real_bias is not None
    signs = np.sign(factors).astype(np.int16).reshape(-1, 1, 1, 1)
    turned = (constants.weights.astype(np.int16) - constants.zero_point) * signs
    if np.abs(turned).max(initial=0) > 127:
        raise InputError("weights of -128 with a negative factor behind them: not supported")
    scales = np.broadcast_to(constants.scales, len(factors)) * np.abs(factors)
    scales = np.where(factors == 0, np.float32(1), scales).astype(np.float32)
    bias = (constants.real_bias * factors + added).astype(np.float32)
    tensor = own.inputs[0]
    quantization = call.graph.in_file[tensor].quantization
    assert quantization is not None
    steps = bias_steps(bias, scales, quantization.scale)
    bits = constants.bits if np.abs(turned).max(initial=0) < 1 << (constants.bits - 1) else 8
    folded = QuantizedWeights(turned.astype(np.int8), scales, 0, steps, bias, bits)
    return replace(own, constants=folded)


ARITHMETIC: dict[str, Maker] = {
    "Add": arithmetic(Add),
    "BatchNormalization": batch_normalization,
    "Div": divide,
    "Mul": arithmetic(Multiply),
    "Sub": arithmetic(Subtract),
}
