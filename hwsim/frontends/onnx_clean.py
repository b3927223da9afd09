"""Cleans an `.onnx` with onnx and onnxslim, and writes down what is left in plain arrays and text.

Constants are folded and shapes are resolved, so that only nodes on the way of the data are left.
This runs in the process of `hwsim/frontends/onnx_child.py` alone.
"""

import json
import logging
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.graph.stated_contract import CALIBRATION, METADATA

MOST_BYTES = 1 << 28  # of a file, of its external data, and of all constants behind the cleaning
MOST_METADATA = 1000  # characters of the contract of an input
MOST_DIMENSION = 1 << 26
OWN_DOMAINS = ("", "ai.onnx")
MICROSOFT = "com.microsoft"
OLDEST_OPERATOR_SET = 11
ARRAYS = ("bool", "int8", "uint8", "int32", "int64", "float32", "float16", "float64")
LINE = 300  # characters of a library's message


class RefusedError(Exception):
    """A file that is not taken; the message is one line."""


def document(path: Path, size: tuple[int, ...]) -> bytes:
    """Return the cleaned network of a file as a safetensors document.

    `size` is empty, or the height and width of each image. Raises `RefusedError`.
    """
    import onnx
    import onnxslim
    from safetensors.numpy import save

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    try:
        model = _read(onnx, path)
        metadata = _metadata(model)
        _check_operator_sets(model)
        _fix_inputs(model, size)
        model = onnxslim.slim(model)
        model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except (RefusedError, MemoryError):
        raise
    except Exception as error:  # those of libraries at work on what anybody has written
        if "bad_alloc" in str(error):
            raise MemoryError from None
        raise RefusedError(f"it cannot be read: {_one_line(error)}") from None
    arrays, network = _plain(onnx, model)
    network["metadata"] = metadata
    return bytes(save(arrays, metadata={"network": json.dumps(network)}))


def _metadata(model: Any) -> dict[str, str]:
    """Return the metadata that hwsim has written when it quantized the file."""
    found = {
        each.key: each.value
        for each in model.metadata_props
        if each.key.startswith(METADATA) or each.key == CALIBRATION
    }
    for key, text in found.items():
        if len(text) > MOST_METADATA:
            raise RefusedError(f"its metadata {key[:40]} have over {MOST_METADATA} characters")
    return found


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:LINE] or type(error).__name__


def _read(onnx: Any, path: Path) -> Any:
    model = onnx.load_model(path, load_external_data=False)
    if not model.HasField("graph") or not model.graph.output:
        raise RefusedError("no .onnx: it has no network")
    folder = path.resolve().parent
    total = 0
    for tensor in _tensors(model.graph):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        told = {entry.key: entry.value for entry in tensor.external_data}
        place = told.get("location", "")
        file = (folder / place).resolve()
        if not place or not file.is_relative_to(folder) or not file.is_file():
            raise RefusedError(
                f"constant '{tensor.name[:40]}' lies in {place[:80]!r}: must be a file in the "
                "network's own folder"
            )
        total += int(told.get("length") or file.stat().st_size)
        if total > MOST_BYTES:
            raise RefusedError(f"its constants lie in files of more than {MOST_BYTES:,} bytes")
        onnx.external_data_helper.load_external_data_for_tensor(tensor, str(folder))
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]
    if model.functions:
        raise RefusedError(f"it has {len(model.functions)} functions of its own: not supported")
    return model


def _tensors(graph: Any) -> Iterator[Any]:
    """Yield every constant of a graph and of the graphs in its nodes."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        raise RefusedError(f"constant '{sparse.values.name[:40]}' is sparse: not supported")
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            if attribute.HasField("g") or attribute.graphs:
                raise RefusedError(
                    f"node {node.op_type} '{node.name[:40]}' has a graph of its own: not supported"
                )


def _check_operator_sets(model: Any) -> None:
    for each in model.opset_import:
        if each.domain in OWN_DOMAINS and each.version < OLDEST_OPERATOR_SET:
            raise RefusedError(
                f"operator set {each.version}: must be {OLDEST_OPERATOR_SET} or newer"
            )


def _fix_inputs(model: Any, size: tuple[int, ...]) -> None:
    """Give every input its shape: a batch of 1, and the height and width that were asked for."""
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [each for each in graph.input if each.name not in constants]
    del graph.input[:]
    graph.input.extend(inputs)
    for each in inputs:
        dims = each.type.tensor_type.shape.dim
        if size and len(dims) == 4:
            dims[2].dim_value, dims[3].dim_value = size
        for place, dim in enumerate(dims):
            if dim.HasField("dim_value") and dim.dim_value > 0:
                continue
            if place:
                open_dim = dim.dim_param or "?"
                raise RefusedError(
                    f"input '{each.name[:40]}' has an open dimension {place}, {open_dim[:40]!r}: "
                    "only the batch may be open, or height and width with --size"
                )
            dim.dim_value = 1
    if size:
        del graph.value_info[:]
        for each in graph.output:
            each.type.tensor_type.ClearField("shape")


def _plain(onnx: Any, model: Any) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the constants by numbers, and all else as what JSON has."""
    graph = model.graph
    arrays: dict[str, NDArray[Any]] = {}
    constants: dict[str, str] = {}
    total = 0

    def kept(tensor: Any) -> str | None:
        """Return the number of a constant; None for one of a type that is not taken."""
        nonlocal total
        total += math.prod(tensor.dims) * 8
        if total > 8 * MOST_BYTES:
            raise RefusedError(f"its constants have more than {MOST_BYTES:,} elements")
        array = onnx.numpy_helper.to_array(tensor)
        if array.dtype.name in ("int4", "uint4"):
            array = array.astype(np.int8 if array.dtype.name == "int4" else np.uint8)
        if array.dtype.name not in ARRAYS:
            return None
        number = str(len(arrays))
        arrays[number] = np.ascontiguousarray(array)
        return number

    values: dict[str, Any] = {}
    for each in (*graph.input, *graph.value_info, *graph.output):
        kind = each.type.tensor_type
        if each.type.HasField("tensor_type") and kind.HasField("shape"):
            values[each.name] = (
                _type_name(onnx, kind.elem_type),
                [dim.dim_value if dim.HasField("dim_value") else -1 for dim in kind.shape.dim],
            )
    for tensor in graph.initializer:
        values[tensor.name] = (_type_name(onnx, tensor.data_type), list(tensor.dims))
        if (number := kept(tensor)) is not None:
            constants[tensor.name] = number
    nodes = []
    for node in graph.node:
        attributes = {each.name: _attribute(onnx, each) for each in node.attribute}
        if node.op_type == "Constant" and node.domain in OWN_DOMAINS:
            for each in node.attribute:
                if each.name == "value" and (number := kept(each.t)) is not None:
                    constants[node.output[0]] = number
                    kind = _type_name(onnx, each.t.data_type)
                    values[node.output[0]] = (kind, list(each.t.dims))
            continue
        nodes.append(
            {
                "word": node.op_type,
                "domain": "" if node.domain in OWN_DOMAINS else node.domain,
                "name": node.name,
                "inputs": list(node.input),
                "outputs": list(node.output),
                "attributes": attributes,
            }
        )
    versions = {
        "" if each.domain in OWN_DOMAINS else each.domain: each.version
        for each in model.opset_import
    }
    return arrays, {
        "nodes": nodes,
        "values": values,
        "constants": constants,
        "inputs": [each.name for each in graph.input],
        "outputs": [each.name for each in graph.output],
        "operator_set": versions.get("", 0),
        "producer": model.producer_name,
    }


def _type_name(onnx: Any, number: int) -> str:
    try:
        name = str(onnx.TensorProto.DataType.Name(number)).lower()
    except ValueError:
        return f"type {number}"
    return {"float": "float32", "double": "float64"}.get(name, name)


def _attribute(onnx: Any, attribute: Any) -> Any:
    """Return the value of an attribute as JSON has it; None for what it has not."""
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, int | float | str):
        return value
    if hasattr(value, "__iter__") and not hasattr(value, "DESCRIPTOR"):
        found = [
            each.decode(errors="replace") if isinstance(each, bytes) else each for each in value
        ]
        if all(isinstance(each, int | float | str) for each in found):
            return found
    return None
