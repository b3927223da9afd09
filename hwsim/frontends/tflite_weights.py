"""The constants of a `.tflite` that operators carry, with unsigned ones shifted to int8."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.frontends.tflite_call import Call, scale_of
from hwsim.frontends.tflite_file import StoredTensor
from hwsim.graph import Quantization
from hwsim.graph.file_constants import ConstantOperand, QuantizedWeights
from hwsim.graph.file_tensors import AXES, UNSIGNED_OFFSET, Element

BYTES = ("int8", "uint8")


def quantized_weights(
    call: Call,
    data: int,
    weights: int,
    bias: int,
    shape: Sequence[int],
    axes: Sequence[int],
    channel_axis: int,
) -> QuantizedWeights:
    """Return the weights, input `weights` of a convolution whose input `data` is the map.

    The stored array is first taken as `shape`; `axes` then bring it into the order [K, C, R, S].
    `channel_axis` is the one of the file's axes that counts filters.
    """
    stored = call.input(weights)
    values = call.values(weights, BYTES)
    if stored.type != call.input(data).type:
        raise InputError(f"weights of {stored.type} with an input of {call.input(data).type}")
    ordered = np.ascontiguousarray(_signed(values).reshape(shape).transpose(axes))
    filters = stored.dims[channel_axis]
    scales, zero_point = _scales(stored, filters)
    if call.operator.word != "FULLY_CONNECTED" and stored.type == "int8" and zero_point:
        raise InputError(f"int8 weights of zero point {zero_point}: must be 0")
    return QuantizedWeights(ordered, scales, zero_point, _bias(call, bias, filters))


def _scales(stored: StoredTensor, filters: int) -> tuple[NDArray[np.float32], int]:
    """Return the scales of weights and their zero point as int8."""
    if len(stored.scales) == 1:
        own = scale_of(stored)
        zero_point = own.zero_point - Element(stored.type).offset
        return stored.scales, zero_point
    if len(stored.scales) != filters or stored.type != "int8":
        raise InputError(
            f"{stored.type} weights of {len(stored.scales)} scales: must have one, or int8 "
            f"weights one for each of {filters} filters"
        )
    axis = stored.quantized_dimension
    length = stored.dims[axis] if 0 <= axis < len(stored.dims) else 0
    if length != filters:  # another axis of the same length is taken, too
        raise InputError(
            f"weights quantized along axis {axis}, which is {length} long, for {filters} filters"
        )
    if len(stored.zero_points) != filters or np.any(stored.zero_points):
        raise InputError(f"weights of {filters} scales: each must have a zero point of 0")
    return stored.scales, 0


def _bias(call: Call, place: int, filters: int) -> NDArray[np.int32]:
    if not call.has_input(place):
        return np.zeros(filters, np.int32)
    values = call.values(place, ("int32",)).reshape(-1)
    if len(values) != filters:
        raise InputError(f"bias of {len(values)} values for {filters} filters")
    return values.astype(np.int32)


def constant_operand(call: Call, place: int) -> ConstantOperand:
    """Return a constant input of an element-wise operator as a map."""
    stored = call.input(place)
    values = _signed(call.values(place, BYTES))
    own = scale_of(stored)
    if values.ndim > AXES or (values.ndim == AXES and values.shape[0] != 1):
        raise InputError(f"input {place} of {list(stored.dims)}: at most 3 axes and a batch of 1")
    _, rows, columns, channels = (1,) * (AXES - values.ndim) + values.shape
    last = values.reshape(rows, columns, channels)
    return ConstantOperand(
        np.ascontiguousarray(last.transpose(2, 0, 1)),
        Quantization(own.scale, own.zero_point - Element(stored.type).offset),
    )


def _signed(values: NDArray[Any]) -> NDArray[np.int8]:
    if values.dtype == np.uint8:
        return (values.astype(np.int16) - UNSIGNED_OFFSET).astype(np.int8)
    return values.astype(np.int8)
