"""The nodes of an `.onnx` between integers and the real numbers for which they stand."""

import numpy as np

from hwsim.errors import InputError
from hwsim.frontends.onnx_call import Call
from hwsim.frontends.onnx_values import (
    Constant,
    Dequantized,
    Integers,
    QuantizedConstant,
    Reals,
    Value,
)


def quantize_linear(call: Call) -> list[Value]:
    """Return the integers of real numbers, or those of a constant."""
    value = call.value(0)
    if isinstance(value, Constant):
        return [_quantized_constant(call, value)]
    steps = call.steps(1, 2)
    return [call.graph.quantized(value, steps, call.name, call.place, call.left)]


def dequantize_linear(call: Call) -> list[Value]:
    """Return the real numbers for which integers stand."""
    value = call.value(0)
    match value:
        case Constant(values):
            if values.dtype.kind not in "iu":
                raise InputError(f"it reads a constant of {values.dtype}: must be integers")
            scales, zero_points = call.scales(1, 2)
            axis = call.integer("axis", 1)
            if scales.size > 1:
                axis = call.axis(axis, values.ndim)
                if values.shape[axis] != scales.size:
                    raise InputError(
                        f"{scales.size} scales along axis {axis} of {list(values.shape)}"
                    )
            return [QuantizedConstant(values, scales, zero_points, axis, call.bits(0))]
        case Integers():
            own = call.steps(1, 2, value.steps.element.value)
            if own != value.steps:
                raise InputError(
                    f"it takes scale {own.quantization.scale:g} and zero point "
                    f"{own.quantization.zero_point} for integers that were quantized with "
                    f"{value.steps.quantization.scale:g} and {value.steps.quantization.zero_point}"
                )
            return [Dequantized(value)]
        case Reals() | Dequantized():
            raise InputError("it reads real numbers: must be integers")
    raise InputError("it reads what nothing has quantized")


def _quantized_constant(call: Call, value: Constant) -> Constant:
    """Return the integers that a file's real numbers are rounded to, halves to even."""
    scales, zero_points = call.scales(1, 2)
    if value.values.dtype != np.float32:
        raise InputError(f"it quantizes a constant of {value.values.dtype}: must be float32")
    shape = [1] * value.values.ndim
    if scales.size > 1:
        axis = call.axis(call.integer("axis", 1), value.values.ndim)
        shape[axis] = scales.size
        if value.values.shape[axis] != scales.size:
            raise InputError(
                f"{scales.size} scales along axis {axis} of {list(value.values.shape)}"
            )
    kind = np.dtype(call.constant(2).dtype if call.has(2) else np.uint8)
    if kind not in (np.int8, np.uint8):
        raise InputError(f"integers of {kind}: must be int8 or uint8")
    limits = np.iinfo(kind)
    with np.errstate(over="ignore"):
        steps = np.rint(value.values / scales.reshape(shape)) + zero_points.reshape(shape)
    return Constant(np.clip(steps, limits.min, limits.max).astype(kind))
