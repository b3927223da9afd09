"""The operators that each node of an `.onnx` stands for; words and attributes are ONNX's."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from hwsim.errors import InputError, shown
from hwsim.frontends.onnx_arithmetic import ARITHMETIC
from hwsim.frontends.onnx_call import Call
from hwsim.frontends.onnx_convolutions import (
    convolution,
    general_product,
    matrix_product,
    padding,
    pair,
)
from hwsim.frontends.onnx_integers import between, joined
from hwsim.frontends.onnx_moves import MOVES
from hwsim.frontends.onnx_quantizers import dequantize_linear, quantize_linear
from hwsim.frontends.onnx_values import Draft, Integers, Reals, Value
from hwsim.frontends.onnx_views import View
from hwsim.graph import Padding
from hwsim.graph.host_operators import ScaledSoftmax
from hwsim.graph.operators import (
    Activation,
    Arithmetic,
    Axis,
    Convolution,
    FullyConnected,
    MaxPool,
    Mean,
    Operator,
    ScaledAveragePool,
)
from hwsim.graph.pointwise import (
    Clamp,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    Limit,
    ScaledLogistic,
    ScaledTanh,
)

Maker = Callable[[Call], list[Value]]
FAR = 1e30  # an end of a clip that nothing reaches
WITH_ACTIVATION = (Convolution, FullyConnected, Arithmetic, ScaledAveragePool)


def _view_of(call: Call, operator: Operator) -> View:
    left = call.graph.left_by(operator)
    return View.of_map((1, left.channels, left.height, left.width))


def _max_pool(call: Call) -> list[Value]:
    """Return the maxima of integers, which are those of the real numbers."""
    if len(call.node.outputs) > 1 and call.node.outputs[1]:
        raise InputError("it leaves places of maxima: not supported")
    read = call.map(0)
    window, stride = call.integers("kernel_shape", ()), pair(call, "strides")
    if len(window) != 2:
        raise InputError(f"kernel {shown(list(window))}: must be two, of rows and of columns")
    if pair(call, "dilations") != (1, 1):
        raise InputError("dilated pools are not supported")
    operator = MaxPool(
        window=(window[0], window[1]),
        stride=stride,
        padding=_pool_padding(call, read, (window[0], window[1]), stride),
        **call.ends(read.tensor),
    )
    view = _view_of(call, operator)
    tensor = call.graph.add(operator, call.left, view, read.steps)
    return [call.like(0, replace(read, tensor=tensor, view=view))]


def _average_pool(call: Call) -> list[Value]:
    read = call.map(0)
    window, stride = call.integers("kernel_shape", ()), pair(call, "strides")
    if len(window) != 2:
        raise InputError(f"kernel {shown(list(window))}: must be two, of rows and of columns")
    if pair(call, "dilations") != (1, 1):
        raise InputError("dilated pools are not supported")
    frame = _pool_padding(call, read, (window[0], window[1]), stride)
    if frame != Padding() and call.integer("count_include_pad", 0):
        raise InputError("count_include_pad of a padded pool is not supported")
    operator = ScaledAveragePool(
        window=(window[0], window[1]), stride=stride, padding=frame, **call.ends(read.tensor)
    )
    return [Draft(operator, _view_of(call, operator))]


def _pool_padding(
    call: Call, read: Integers, window: tuple[int, int], stride: tuple[int, int]
) -> Padding:
    """Return the frame of a pool; what `ceil_mode` adds below and right is a part of it."""
    shape = read.view.shape
    size = shape.height, shape.width
    frame = padding(call, size, window, stride)
    if not call.integer("ceil_mode", 0):
        return frame
    if min(stride) < 1:
        raise InputError(f"strides {list(stride)}: must be at least 1")
    before, behind = (frame.top, frame.left), (frame.bottom, frame.right)
    more = []
    for length, first, last, side, step in zip(size, before, behind, window, stride, strict=True):
        count = -(-(length + first + last - side) // step) + 1
        if (count - 1) * step >= length + first:  # the last one would begin beyond the map
            count -= 1
        more.append(max((count - 1) * step + side - length - first, 0))
    return Padding(frame.top, frame.left, more[0], more[1])


def _global_average_pool(call: Call) -> list[Value]:
    read = call.map(0)
    operator = Mean(axes=frozenset({Axis.ROWS, Axis.COLUMNS}), **call.ends(read.tensor))
    return [Draft(operator, _view_of(call, operator))]


def _rectifier(activation: Activation) -> Maker:
    return lambda call: [rectified(call, activation)]


def rectified(call: Call, activation: Activation) -> Value:
    """Return what an activation makes of its input: a part of the operator before, or its own."""
    value = call.value(0)
    if isinstance(value, Draft):
        own = value.operator
        if not isinstance(own, WITH_ACTIVATION) or own.activation is not Activation.LINEAR:
            raise InputError(f"it reads real numbers of {own.place}: not supported")
        return Draft(replace(own, activation=activation), value.view)
    read = call.integers_of(value)
    return Draft(Clamp(activation=activation, **call.ends(read.tensor)), read.view)


def _clip(call: Call) -> list[Value]:
    ends = []
    for place, name, default in ((1, "min", -np.inf), (2, "max", np.inf)):
        given = call.constant(place) if call.has(place) else np.array(call.attribute(name, default))
        ends.append(float(given.reshape(-1)[0]) if given.size == 1 else np.nan)
    low, high = ends
    for activation in Activation:
        is_clamp = activation not in (Activation.LINEAR, Activation.LEAKY)
        if is_clamp and activation.limits == (low, high if high < 1e30 else np.inf):
            return [rectified(call, activation)]
    value = call.value(0)
    if isinstance(value, Draft) or not low <= high:
        raise InputError(f"it clips to {low:g} and {high:g}: only ReLU, ReLU6, ReLU from -1 to 1")
    read = call.integers_of(value)
    operator = Limit(low=max(low, -FAR), high=min(high, FAR), **call.ends(read.tensor))
    return [Draft(operator, read.view)]


def _function(kind: type[Any]) -> Maker:
    def make(call: Call) -> list[Value]:
        value = call.value(0)
        if isinstance(value, Reals):
            return [Draft(kind(**call.ends(value.tensor)), value.view)]
        read = call.integers_of(value)
        return [Draft(kind(**call.ends(read.tensor)), read.view)]

    return make


def _leaky_relu(call: Call) -> list[Value]:
    read = call.integers_of(call.value(0))
    slope = call.real("alpha", 0.01)
    return [Draft(LeakyRelu(slope=slope, **call.ends(read.tensor)), read.view)]


def _hard_sigmoid(call: Call) -> list[Value]:
    read = call.integers_of(call.value(0))
    slope, offset = call.real("alpha", 0.2), call.real("beta", 0.5)
    operator = HardSigmoid(slope=slope, offset=offset, **call.ends(read.tensor))
    return [Draft(operator, read.view)]


def _reduce_mean(call: Call) -> list[Value]:
    read = call.integers_of(call.value(0))
    view = read.view
    given = call.sizes(1) if call.has(1) else call.integers("axes", ())
    axes = {call.axis(axis, len(view.dims)) for axis in given}
    wanted = {view.axes[axis] for axis in axes if view.dims[axis]}
    if not axes or None in wanted:
        raise InputError(f"mean over axes {sorted(axes)} of {list(view.sizes)}: not supported")
    over = frozenset(axis for axis in wanted if axis is not None)
    if not over:
        return [call.value(0)]
    operator = Mean(axes=over, **call.ends(read.tensor))
    sizes = [1 if place in axes else size for place, size in enumerate(view.sizes)]
    if not call.integer("keepdims", 1):
        sizes = [size for place, size in enumerate(view.sizes) if place not in axes]
    whole = _view_of(call, operator)
    dims = [dim for place, dim in enumerate(view.dims) if place not in axes]
    if [part for dim in dims for part in dim] != [part for dim in whole.dims for part in dim]:
        raise InputError("mean of a tensor whose axes are in another order: not supported")
    return [Draft(operator, whole.reshaped(sizes))]


def _softmax(call: Call) -> list[Value]:
    value = call.value(0)
    tensor = value.tensor if isinstance(value, Reals) else call.integers_of(value).tensor
    view = call.view(0)
    rank = len(view.dims)
    axis = call.axis(call.integer("axis", -1 if call.operator_set >= 13 else 1), rank)
    rest = view.dims[axis + 1 :] if call.operator_set < 13 else ()
    if view.axes[axis] is not Axis.CHANNELS or any(rest):
        raise InputError(f"softmax along axis {axis} of {list(view.sizes)}: must be its channels")
    return [Draft(ScaledSoftmax(beta=1.0, **call.ends(tensor)), view)]


MAKERS: dict[str, Maker] = {
    "AveragePool": _average_pool,
    "Clip": _clip,
    "Conv": convolution,
    "DequantizeLinear": dequantize_linear,
    "Gemm": general_product,
    "GlobalAveragePool": _global_average_pool,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _function(HardSwish),
    "LeakyRelu": _leaky_relu,
    "MatMul": matrix_product,
    "MaxPool": _max_pool,
    "QuantizeLinear": quantize_linear,
    "ReduceMean": _reduce_mean,
    "Relu": _rectifier(Activation.RELU),
    "Sigmoid": _function(ScaledLogistic),
    "Softmax": _softmax,
    "Tanh": _function(ScaledTanh),
    **ARITHMETIC,
    **MOVES,
}

X, TWO = (0, 1, 2), ((0, 1, 2), (3, 4, 5))  # where integers stand, and their steps

# Nodes of integers, those of Microsoft's domain among them.
MAKERS |= {
    "QLinearConv": between(convolution, TWO, (6, 7), bias=8),
    "QLinearMatMul": between(matrix_product, TWO, (6, 7)),
}
MICROSOFT_MAKERS: dict[str, Maker] = {
    "QGemm": between(general_product, TWO, (7, 8), bias=6),
    "QLinearAdd": between(ARITHMETIC["Add"], TWO, (6, 7)),
    "QLinearAveragePool": between(_average_pool, (X,), (3, 4)),
    "QLinearConcat": joined(MOVES["Concat"]),
    "QLinearGlobalAveragePool": between(_global_average_pool, (X,), (3, 4)),
    "QLinearLeakyRelu": between(_leaky_relu, (X,), (3, 4)),
    "QLinearMul": between(ARITHMETIC["Mul"], TWO, (6, 7)),
    "QLinearSigmoid": between(MAKERS["Sigmoid"], (X,), (3, 4)),
}
DOMAINS = {"": MAKERS, "com.microsoft": MICROSOFT_MAKERS}
