"""Chooses the scales of weights of 4 bits with Brevitas: for each filter the least square error.

The largest of 16 integers for the largest weight of a filter would leave most weights at 0, so that
Brevitas looks for the scale, and a few large weights are cut off.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of modules of its own that Brevitas deprecates
    import brevitas.nn as qnn
    from brevitas.quant.scaled_int import Int8WeightPerChannelFloatMSE

BITS = 4
LEAST_SHARE = 1e-4  # of the median scale; a bias is stored in steps of a filter's scale
ZERO = np.zeros((), onnx.helper.tensor_dtype_to_np_dtype(onnx.TensorProto.INT4))

Reals = NDArray[np.float32]


def weight_scales(model: onnx.ModelProto) -> dict[str, list[dict[str, Any]]]:
    """Return ONNX Runtime's overrides of all weights that are constants, by their names."""
    constants = {each.name: each for each in model.graph.initializer}
    found: dict[str, list[dict[str, Any]]] = {}
    for name, axis in _weights(model):
        if name in constants:
            weights = np.moveaxis(onnx.numpy_helper.to_array(constants[name]), axis, 0)
            steps = {"quant_type": QuantType.QInt4, "axis": axis, "zero_point": ZERO}
            found[name] = [{**steps, "scale": scale} for scale in filter_scales(weights)]
    return found


def _weights(model: onnx.ModelProto) -> Iterator[tuple[str, int]]:
    """Yield the name of every operand that may be weights, and its axis that counts filters."""
    dims = {each.name: each.dims for each in model.graph.initializer}
    for node in model.graph.node:
        turned = any(each.name == "transB" and each.i for each in node.attribute)
        match node.op_type:
            case "Conv":
                yield node.input[1], 0
            case "Gemm":
                yield node.input[1], 0 if turned else 1
            case "MatMul" if len(dims.get(node.input[1], ())) == 2:
                yield node.input[1], 1


def filter_scales(weights: Reals) -> Reals:
    """Return the scale of every filter of `weights[K, ...]`.

    A filter without weights, or with next to none, takes its bias in steps of a scale as others
    have it.
    """
    filters, length = len(weights), weights[0].size
    own = qnn.QuantLinear(
        length,
        filters,
        bias=False,
        weight_quant=Int8WeightPerChannelFloatMSE,
        weight_bit_width=BITS,
    )
    own.weight.data = torch.from_numpy(weights.reshape(filters, length).astype(np.float32))
    own.eval()
    with torch.no_grad():
        found: Reals = own.quant_weight().scale.numpy().reshape(-1).astype(np.float32)
    is_used = np.abs(weights).reshape(filters, -1).any(axis=1)
    median = np.float32(np.median(found[is_used])) if is_used.any() else np.float32(1)
    return np.where(is_used, np.maximum(found, median * np.float32(LEAST_SHARE)), median)
