"""Makes a float `.onnx` ready for ONNX Runtime's quantizer: operator set, shapes, batch norm.

The quantizer writes an invalid graph for operator set 11, whose quantizers know no channels, so
that older files are raised first. Batch normalisation is folded before, never after: its rounding
would not be that of the network that was trained.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, version_converter
from onnxruntime.quantization.shape_inference import quant_pre_process

from hwsim.golden.float_onnx.refused import RefusedError

# The least operator set that has what the quantizer writes, by the width of weights: quantizers
# with channels came with 13, integers of 4 bits with 21.
OPERATOR_SETS = {8: 17, 4: 21}
MOST_BYTES = 1 << 28  # of a file, and of what it becomes
MOST_NODES = 4096  # as of a quantized file, which has more of them
IMAGE_AXES = 4
OWN_DOMAINS = ("", "ai.onnx")
QUANTIZED_WORDS = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")


@dataclass(frozen=True)
class Prepared:
    """A network that is ready for the quantizer: its inputs, and where it comes from."""

    inputs: dict[str, tuple[int, ...]]
    operator_set: int  # of the file


def is_quantized(model: onnx.ModelProto) -> bool:
    """True if a network has integers inside already."""
    return any(
        node.op_type in QUANTIZED_WORDS or node.op_type.startswith("QLinear")
        for node in model.graph.node
    )


def prepare(
    path: Path, size: tuple[int, int] | None, place: Path, weight_bits: int = 8
) -> Prepared:
    """Write the network of a file to `place`, ready to be quantized to weights of a width.

    `size` has the height and width of its images where they are not the file's own. Raises
    `RefusedError`.
    """
    if path.stat().st_size > MOST_BYTES:
        raise RefusedError(f"{path.stat().st_size:,} bytes: at most {MOST_BYTES:,}")
    model = onnx.load_model(path, load_external_data=False)
    _check(model)
    inputs = _fix_inputs(model, size)
    own = _operator_set(model)
    if own < OPERATOR_SETS[weight_bits]:
        model = version_converter.convert_version(model, OPERATOR_SETS[weight_bits])
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    raised = place.with_suffix(".raised.onnx")
    onnx.save_model(model, raised)
    quant_pre_process(raised, place, skip_symbolic_shape=True)
    raised.unlink()
    if place.stat().st_size > MOST_BYTES:
        raise RefusedError(f"its constants have more than {MOST_BYTES:,} bytes")
    return Prepared(inputs, own)


def _check(model: onnx.ModelProto) -> None:
    if is_quantized(model):
        raise RefusedError("it is quantized already")
    if len(model.graph.node) > MOST_NODES:
        raise RefusedError(f"{len(model.graph.node):,} nodes: at most {MOST_NODES:,}")
    if model.functions:
        raise RefusedError(f"it has {len(model.functions)} functions of its own: not supported")
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            raise RefusedError(
                f"constant '{tensor.name[:40]}' lies in another file: save the network as one file"
            )
    for node in model.graph.node:
        if node.domain not in OWN_DOMAINS:
            raise RefusedError(f"operator {node.op_type[:40]} of {node.domain[:40]}: not supported")


def _operator_set(model: onnx.ModelProto) -> int:
    own = [each.version for each in model.opset_import if each.domain in OWN_DOMAINS]
    if not own:
        raise RefusedError("it names no operator set of ONNX")
    return int(own[0])


def _fix_inputs(model: onnx.ModelProto, size: tuple[int, int] | None) -> dict[str, tuple[int, ...]]:
    """Give every input its shape, a batch of 1; return the shapes by the inputs' names."""
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    found: dict[str, tuple[int, ...]] = {}
    for each in graph.input:
        if each.name in constants:
            continue
        kind = each.type.tensor_type
        whose = f"input '{each.name[:40]}'"
        if kind.elem_type != TensorProto.FLOAT:
            raise RefusedError(f"{whose}: must be of float32")
        dims = kind.shape.dim
        if size is not None and len(dims) == IMAGE_AXES:
            dims[2].dim_value, dims[3].dim_value = size
        for axis, dim in enumerate(dims):
            if dim.dim_value < 1 and axis:
                raise RefusedError(
                    f"{whose}: its dimension {axis} is open: only the batch may be, or height and "
                    "width with --size"
                )
            dim.dim_value = dim.dim_value if axis else 1
        found[each.name] = tuple(dim.dim_value for dim in dims)
    if size is not None:
        _forget_shapes(graph)
    return found


def _forget_shapes(graph: Any) -> None:
    """Leave the shapes behind other inputs to be inferred."""
    del graph.value_info[:]
    for each in graph.output:
        each.type.tensor_type.ClearField("shape")
