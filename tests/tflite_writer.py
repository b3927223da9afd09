"""Writes small `.tflite` files for tests, with the builders of the package `tflite`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite
from numpy.typing import NDArray

from hwsim.frontends.tflite_options import OPTIONS

TYPES = {
    "int8": tflite.TensorType.INT8,
    "uint8": tflite.TensorType.UINT8,
    "int16": tflite.TensorType.INT16,
    "int32": tflite.TensorType.INT32,
    "int64": tflite.TensorType.INT64,
    "float32": tflite.TensorType.FLOAT32,
}
# The schema's own defaults, and options that are zero where they need not be told.
DEFAULTS = {"DilationHFactor": 1, "DilationWFactor": 1, "StrideH": 1, "StrideW": 1}


@dataclass
class WrittenTensor:
    """A tensor to be written; `data` is None for one that is computed."""

    dims: Sequence[int]
    type: str
    scales: Sequence[float] = ()
    zero_points: Sequence[int] = ()
    data: NDArray[Any] | None = None
    name: str = ""
    quantized_dimension: int = 0
    signature: Sequence[int] = ()


@dataclass
class WrittenOperator:
    """An operator to be written; tensors are meant by their numbers."""

    word: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: Mapping[str, Any] = field(default_factory=dict)
    custom_options: bytes | None = None


@dataclass
class File:
    """The one subgraph of a file."""

    tensors: list[WrittenTensor] = field(default_factory=list)
    operators: list[WrittenOperator] = field(default_factory=list)
    inputs: Sequence[int] = ()
    outputs: Sequence[int] = ()
    metadata: bytes = b""

    def tensor(self, *args: Any, **others: Any) -> int:
        """Add a tensor and return its number."""
        self.tensors.append(WrittenTensor(*args, **others))
        return len(self.tensors) - 1

    def constant(self, values: NDArray[Any], **others: Any) -> int:
        """Add a constant and return its number."""
        return self.tensor(values.shape, values.dtype.name, data=values, **others)

    def operator(self, word: str, inputs: Sequence[int], output: int, **options: Any) -> None:
        """Add an operator that leaves one tensor."""
        self.operators.append(WrittenOperator(word, inputs, [output], options))

    def content(self) -> bytes:
        """Return the whole file."""
        builder = flatbuffers.Builder(1024)
        words = list(dict.fromkeys(each.word for each in self.operators))
        buffers = [self._buffer(builder, None)]
        tensors = []
        for number, tensor in enumerate(self.tensors):
            place = 0
            if tensor.data is not None:
                place = len(buffers)
                buffers.append(self._buffer(builder, tensor.data))
            tensors.append(self._tensor(builder, tensor, place, number))
        operators = [self._operator(builder, each, words) for each in self.operators]
        graph = self._subgraph(builder, tensors, operators)
        codes = _offsets(builder, [_code(builder, word) for word in words])
        graphs = _offsets(builder, [graph])
        entries = None
        if self.metadata:
            buffers.append(self._buffer(builder, np.frombuffer(self.metadata, np.uint8)))
            entries = _offsets(builder, [_entry(builder, len(buffers) - 1)])
        kept = _offsets(builder, buffers)
        tflite.ModelStart(builder)
        tflite.ModelAddVersion(builder, 3)
        tflite.ModelAddOperatorCodes(builder, codes)
        tflite.ModelAddSubgraphs(builder, graphs)
        tflite.ModelAddBuffers(builder, kept)
        if entries is not None:
            tflite.ModelAddMetadata(builder, entries)
        builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _buffer(self, builder: Any, data: NDArray[Any] | None) -> Any:
        vector = None
        if data is not None:
            values = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            builder.StartVector(1, len(values), 16)
            builder.head -= len(values)
            builder.Bytes[builder.head : builder.head + len(values)] = values.tobytes()
            vector = builder.EndVector()
        tflite.BufferStart(builder)
        if vector is not None:
            tflite.BufferAddData(builder, vector)
        return tflite.BufferEnd(builder)

    def _tensor(self, builder: Any, tensor: WrittenTensor, place: int, number: int) -> Any:
        name = builder.CreateString(tensor.name or f"t{number}")
        shape = builder.CreateNumpyVector(np.array(tensor.dims, np.int32))
        signature = builder.CreateNumpyVector(np.array(tensor.signature, np.int32))
        quantization = None
        if len(tensor.scales):
            scales = builder.CreateNumpyVector(np.array(tensor.scales, np.float32))
            zeros = builder.CreateNumpyVector(np.array(tensor.zero_points, np.int64))
            tflite.QuantizationParametersStart(builder)
            tflite.QuantizationParametersAddScale(builder, scales)
            tflite.QuantizationParametersAddZeroPoint(builder, zeros)
            dimension = tensor.quantized_dimension
            tflite.QuantizationParametersAddQuantizedDimension(builder, dimension)
            quantization = tflite.QuantizationParametersEnd(builder)
        tflite.TensorStart(builder)
        tflite.TensorAddShape(builder, shape)
        tflite.TensorAddType(builder, TYPES[tensor.type])
        tflite.TensorAddBuffer(builder, place)
        tflite.TensorAddName(builder, name)
        if len(tensor.signature):
            tflite.TensorAddShapeSignature(builder, signature)
        if quantization is not None:
            tflite.TensorAddQuantization(builder, quantization)
        return tflite.TensorEnd(builder)

    def _operator(self, builder: Any, operator: WrittenOperator, words: list[str]) -> Any:
        inputs = builder.CreateNumpyVector(np.array(operator.inputs, np.int32))
        outputs = builder.CreateNumpyVector(np.array(operator.outputs, np.int32))
        wanted = OPTIONS.get(operator.word)
        options = None if wanted is None else _options(builder, wanted, operator.options)
        custom = None
        if operator.custom_options is not None:
            custom = builder.CreateByteVector(operator.custom_options)
        tflite.OperatorStart(builder)
        tflite.OperatorAddOpcodeIndex(builder, words.index(operator.word))
        tflite.OperatorAddInputs(builder, inputs)
        tflite.OperatorAddOutputs(builder, outputs)
        if wanted is not None:
            kind = getattr(tflite.BuiltinOptions, wanted[0])
            tflite.OperatorAddBuiltinOptionsType(builder, kind)
            tflite.OperatorAddBuiltinOptions(builder, options)
        if custom is not None:
            tflite.OperatorAddCustomOptions(builder, custom)
        return tflite.OperatorEnd(builder)

    def _subgraph(self, builder: Any, tensors: list[Any], operators: list[Any]) -> Any:
        held = _offsets(builder, tensors)
        run = _offsets(builder, operators)
        inputs = builder.CreateNumpyVector(np.array(self.inputs, np.int32))
        outputs = builder.CreateNumpyVector(np.array(self.outputs, np.int32))
        tflite.SubGraphStart(builder)
        tflite.SubGraphAddTensors(builder, held)
        tflite.SubGraphAddOperators(builder, run)
        tflite.SubGraphAddInputs(builder, inputs)
        tflite.SubGraphAddOutputs(builder, outputs)
        return tflite.SubGraphEnd(builder)


def _code(builder: Any, word: str) -> Any:
    custom = None
    if (found := re.fullmatch(r"CUSTOM (\w+)", word)) is not None:
        custom = builder.CreateString(found[1])
        word = "CUSTOM"
    number = getattr(tflite.BuiltinOperator, word)
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(number, 127))
    tflite.OperatorCodeAddBuiltinCode(builder, number)
    tflite.OperatorCodeAddVersion(builder, 1)
    if custom is not None:
        tflite.OperatorCodeAddCustomCode(builder, custom)
    return tflite.OperatorCodeEnd(builder)


def _options(builder: Any, wanted: tuple[str, tuple[str, ...]], given: Mapping[str, Any]) -> Any:
    kind, fields = wanted
    getattr(tflite, f"{kind}Start")(builder)
    for name in fields:
        value = given.get(name, DEFAULTS.get(name, 0))
        getattr(tflite, f"{kind}Add{name}")(builder, value)
    return getattr(tflite, f"{kind}End")(builder)


def _offsets(builder: Any, offsets: Sequence[Any]) -> Any:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _entry(builder: Any, buffer: int) -> Any:
    name = builder.CreateString("TFLITE_METADATA")
    tflite.MetadataStart(builder)
    tflite.MetadataAddName(builder, name)
    tflite.MetadataAddBuffer(builder, buffer)
    return tflite.MetadataEnd(builder)


def image_metadata(*units: tuple[int, Sequence[float], Sequence[float]], inputs: int = 1) -> bytes:
    """Return metadata of inputs of which each has some units: a kind, two lists of numbers."""
    builder = flatbuffers.Builder(256)

    def table(*fields: tuple[int, Any]) -> Any:
        """Write a table of offsets by their fields' numbers."""
        builder.StartObject(8)
        for number, offset in fields:
            builder.PrependUOffsetTRelativeSlot(number, offset, 0)
        return builder.EndObject()

    def unit(kind: int, *lists: Sequence[float]) -> Any:
        numbers = [builder.CreateNumpyVector(np.array(each, np.float32)) for each in lists]
        options = table(*enumerate(numbers))
        builder.StartObject(2)
        builder.PrependUint8Slot(0, kind, 0)
        builder.PrependUOffsetTRelativeSlot(1, options, 0)
        return builder.EndObject()

    tensors = []
    for _ in range(inputs):
        tensors.append(table((4, _offsets(builder, [unit(*each) for each in units]))))
    subgraph = table((2, _offsets(builder, tensors)))
    builder.Finish(table((3, _offsets(builder, [subgraph]))), file_identifier=b"M001")
    return bytes(builder.Output())


def plain() -> File:
    """Return a sound file: a convolution, an addition of what it reads and leaves, a ReLU."""
    file = File()
    x = file.tensor((1, 4, 4, 2), "int8", [0.5], [3], name="x")
    weights = file.constant(np.ones((2, 1, 1, 2), np.int8), scales=[0.1, 0.2], zero_points=[0, 0])
    bias = file.constant(np.zeros(2, np.int32), scales=[0.05, 0.1], zero_points=[0, 0])
    y, z, out = (file.tensor((1, 4, 4, 2), "int8", [0.5], [3]) for _ in range(3))
    file.operator("CONV_2D", [x, weights, bias], y, StrideH=1, StrideW=1)
    file.operator("ADD", [x, y], z)
    file.operator("RELU", [z], out)
    file.inputs, file.outputs = [x], [out]
    return file


X, WEIGHTS, BIAS, Y, Z, OUT = range(6)  # the tensors of `plain`
