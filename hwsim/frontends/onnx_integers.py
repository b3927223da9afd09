"""The nodes of an `.onnx` that read and leave integers: QLinear operators, and Microsoft's.

Each is what it would be between DequantizeLinear and QuantizeLinear, and is read as that.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from hwsim.errors import InputError
from hwsim.frontends.onnx_call import Call
from hwsim.frontends.onnx_values import (
    Constant,
    Dequantized,
    Integers,
    QuantizedConstant,
    Value,
)

Maker = Callable[[Call], list[Value]]
Triple = tuple[int, int, int]  # the places of integers, of their scale and of their zero point


def between(
    make: Maker, operands: Sequence[Triple], output: tuple[int, int], bias: int | None = None
) -> Maker:
    """Return the maker of a node of integers, from that of the same node of real numbers.

    `output` has the places of the scale and the zero point that it leaves. A `bias` is in steps of
    the products of the first two operands.
    """

    def of_integers(call: Call) -> list[Value]:
        found = [_real(call, triple) for triple in operands]
        if bias is not None and call.has(bias):
            found.append(_bias(call, found, bias))
        (left,) = make(_reading(call, found))
        steps = call.steps(*output)
        return [call.graph.quantized(left, steps, call.name, call.place, call.left)]

    return of_integers


def joined(make: Maker) -> Maker:
    """Return the maker of a concatenation of integers, each with its own steps."""

    def of_integers(call: Call) -> list[Value]:
        places = range(2, len(call.node.inputs) - 2, 3)
        found = [_real(call, (place, place + 1, place + 2)) for place in places]
        (left,) = make(_reading(call, found))
        return [call.graph.quantized(left, call.steps(0, 1), call.name, call.place, call.left)]

    return of_integers


def _reading(call: Call, found: Sequence[Value]) -> Call:
    """Return the call of the same node with real numbers as its inputs."""
    names = tuple(f"{call.name}.{place}" for place in range(len(found)))
    values = {**call.values, **dict(zip(names, found, strict=True))}
    return replace(call, node=replace(call.node, inputs=names), values=values)


def _real(call: Call, triple: Triple) -> Value:
    """Return the real numbers of integers that are computed, or that the file has."""
    place, scale, zero_point = triple
    value = call.value(place)
    match value:
        case Integers():
            own = call.steps(scale, zero_point, value.steps.element.value)
            if own != value.steps:
                raise InputError(f"input {place} was quantized with another scale or zero point")
            return Dequantized(value)
        case Constant(values):
            scales, zero_points = call.scales(scale, zero_point)
            if values.dtype.kind not in "iu":
                raise InputError(f"input {place} of {values.dtype}: must be integers")
            axis = 0 if values.ndim > 2 else max(values.ndim - 1, 0)
            return QuantizedConstant(values, scales, zero_points, axis)
    raise InputError(f"input {place}: must be integers")


def _bias(call: Call, operands: Sequence[Value], place: int) -> QuantizedConstant:
    """Return a bias of integers in steps of the products of both operands."""
    values = call.constant(place)
    read, weights = operands[:2]
    if not isinstance(read, Dequantized) or not isinstance(weights, QuantizedConstant):
        raise InputError("its weights must be constants of the file")
    if values.dtype != np.int32 or weights.scales.size not in (1, values.size):
        raise InputError(f"bias of {values.size} values of {values.dtype}: must be int32")
    scale = np.float32(read.integers.steps.quantization.scale)
    scales = weights.scales * scale
    return QuantizedConstant(values.reshape(-1), scales, np.zeros(scales.size, np.int64), 0)
