"""The convolutions and matrix products of an `.onnx`, with their weights and biases."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError, shown
from hwsim.frontends.onnx_call import BYTES, Call
from hwsim.frontends.onnx_values import Draft, Integers, QuantizedConstant, Value
from hwsim.frontends.onnx_views import View
from hwsim.graph import Padding
from hwsim.graph.file_constants import QuantizedWeights
from hwsim.graph.file_tensors import UNSIGNED_OFFSET
from hwsim.graph.operators import Convolution, FullyConnected

INT32 = np.iinfo(np.int32)
Reals = NDArray[np.float32]


def convolution(call: Call) -> list[Value]:
    """Return what a Conv leaves."""
    read = call.map(0)
    weights, bias = _weights(call, 1), call.constant(2) if call.has(2) else None
    return [convolved(call, read, weights, bias)]


def convolved(call: Call, read: Integers, weights: QuantizedConstant, bias: Any) -> Draft:
    """Return the convolution of a map with weights `[K, C / groups, R, S]`."""
    shape, groups = read.view.shape, call.integer("group", 1)
    if weights.values.ndim != 4:
        raise InputError(f"weights of {list(weights.values.shape)}: must have 4 axes")
    filters, channels, rows, columns = weights.values.shape
    if groups < 1 or channels * groups != shape.channels or filters % groups:
        raise InputError(
            f"weights of {list(weights.values.shape)} in {groups} groups for an input of "
            f"{shape.channels} channels"
        )
    kernel = call.integers("kernel_shape", (rows, columns))
    if kernel != (rows, columns):
        raise InputError(f"kernel {list(kernel)}: its weights have {rows}x{columns}")
    dilation, stride = pair(call, "dilations"), pair(call, "strides")
    operator = Convolution(
        filters=filters,
        kernel=(rows, columns),
        stride=stride,
        dilation=dilation,
        padding=padding(call, (shape.height, shape.width), (rows, columns), stride, dilation),
        groups=groups,
        constants=quantized_weights(weights, 0, bias, read, filters),
        **call.ends(read.tensor),
    )
    left = call.graph.left_by(operator)
    return Draft(operator, View.of_map((1, left.channels, left.height, left.width)))


def general_product(call: Call) -> list[Value]:
    """Return what a Gemm leaves, whose second operand is a constant."""
    if call.real("alpha", 1.0) != 1.0 or call.real("beta", 1.0) != 1.0 or call.integer("transA", 0):
        raise InputError("alpha and beta must be 1, and its first operand not transposed")
    weights, bias = _weights(call, 1), call.constant(2) if call.has(2) else None
    is_by_filter = bool(call.integer("transB", 0))
    return [product(call, call.integers_of(call.value(0)), weights, bias, is_by_filter)]


def matrix_product(call: Call) -> list[Value]:
    """Return what a MatMul leaves, whose second operand is a constant."""
    read = call.integers_of(call.value(0))
    return [product(call, read, _weights(call, 1), None, is_by_filter=False)]


def product(
    call: Call, read: Integers, weights: QuantizedConstant, bias: Any, is_by_filter: bool
) -> Draft:
    """Return the product of a flat map with a matrix, `[K, inputs]` if it is by filter."""
    values = weights.values
    if values.ndim != 2:
        raise InputError(f"weights of {list(values.shape)}: must have 2 axes")
    filter_axis = 0 if is_by_filter else 1
    length, filters = values.shape[1 - filter_axis], values.shape[filter_axis]
    sizes, shape = read.view.sizes, read.view.shape
    if len(sizes) < 2 or sizes[-1] != length or length != shape.elements:
        raise InputError(f"weights of {length} inputs for an input of {list(sizes)}")
    layout = read.view.layout
    by_filter = values if is_by_filter else values.T
    ordered = np.stack([layout.to_map(row) for row in np.ascontiguousarray(by_filter)])
    own = replace(weights, values=ordered, axis=weights.axis % 2)
    operator = FullyConnected(
        filters=filters,
        constants=quantized_weights(own, filter_axis, bias, read, filters),
        **call.ends(read.tensor),
    )
    view = View.of_map((1, filters))
    return Draft(operator, view.reshaped((*(1,) * (len(sizes) - 1), filters)))


def _weights(call: Call, place: int) -> QuantizedConstant:
    value = call.value(place)
    if not isinstance(value, QuantizedConstant):
        raise InputError(f"input {place}: must be a constant that a DequantizeLinear reads")
    if str(value.values.dtype) not in BYTES:
        raise InputError(f"weights of {value.values.dtype}: must be {' or '.join(BYTES)}")
    return value


def quantized_weights(
    weights: QuantizedConstant, filter_axis: int, bias: Any, read: Integers, filters: int
) -> QuantizedWeights:
    """Return weights `[K, C, R, S]` and bias; `filter_axis` is the file's axis that counts filters.

    Unsigned weights are shifted to int8. A bias is rounded to steps of the sums.
    """
    scales, zero_points = weights.scales, weights.zero_points
    if scales.size > 1 and (weights.axis != filter_axis or scales.size != filters):
        raise InputError(
            f"{scales.size} scales of weights along axis {weights.axis}: must be one, or one for "
            f"each of {filters} filters"
        )
    values = weights.values
    if values.dtype == np.uint8:
        values = (values.astype(np.int16) - UNSIGNED_OFFSET).astype(np.int8)
        zero_points = zero_points - UNSIGNED_OFFSET
    if zero_points.min() != zero_points.max() or (scales.size > 1 and zero_points.any()):
        raise InputError("zero points of weights by filter: must be 0, or in uint8 128")
    real = np.zeros(filters, np.float32) if bias is None else np.asarray(bias).reshape(-1)
    if real.size != filters or real.dtype != np.float32 or not np.isfinite(real).all():
        raise InputError(
            f"bias of {real.size} values of {real.dtype}: must be {filters} finite ones of float32"
        )
    return QuantizedWeights(
        np.ascontiguousarray(values),
        scales,
        int(zero_points[0]),
        bias_steps(real, scales, read.steps.quantization.scale),
        real,
        weights.bits,
    )


def bias_steps(bias: Reals, scales: Reals, read_scale: float) -> NDArray[np.int32]:
    """Return a real bias in steps of the sums. Raises `InputError` for one that fills 32 bits."""
    steps = np.rint(bias.astype(np.float64) / (scales.astype(np.float64) * read_scale))
    if (np.abs(steps) > INT32.max).any():
        raise InputError("a bias of more than 32 bits in steps of its products")
    return steps.astype(np.int32)


def pair(call: Call, name: str) -> tuple[int, int]:
    """Return an attribute for rows and columns, which are 1 where it is missing."""
    found = call.integers(name, (1, 1))
    if len(found) != 2:
        raise InputError(f"{name} {shown(list(found))}: must be two, of rows and of columns")
    return found[0], found[1]


def padding(
    call: Call,
    size: tuple[int, int],
    window: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> Padding:
    """Return the frame that a node puts around its map."""
    word = call.attribute("auto_pad", "NOTSET")
    if word == "NOTSET":
        pads = call.integers("pads", (0, 0, 0, 0))
        if len(pads) != 4 or min(pads) < 0:
            raise InputError(f"pads {shown(list(pads))}: must be four, of at least 0")
        return Padding(*pads)
    if word == "VALID":
        return Padding()
    if word not in ("SAME_UPPER", "SAME_LOWER"):
        raise InputError(f"auto_pad {shown(word)}: must be NOTSET, VALID or SAME")
    if min(stride) < 1:
        raise InputError(f"strides {list(stride)}: must be at least 1")
    rows, columns = (
        max((-(-length // step) - 1) * step + (side - 1) * gap + 1 - length, 0)
        for length, side, step, gap in zip(size, window, stride, dilation, strict=True)
    )
    if word == "SAME_UPPER":
        return Padding(rows // 2, columns // 2, rows - rows // 2, columns - columns // 2)
    return Padding(rows - rows // 2, columns - columns // 2, rows // 2, columns // 2)
