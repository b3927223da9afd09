"""Reads the flatbuffer of a `.tflite` into records, within bounds of size, count and time.

The package `tflite` has the schema's accessors, which trust the file. Here each number that a file
states is checked before it is used, and an offset that leaves the file is an `InputError`. What the
records mean is not judged here.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.escape import quoted, visible
from hwsim.files import read_file
from hwsim.frontends.tflite_custom import LARGEST_OPTIONS_BYTES, numbers
from hwsim.frontends.tflite_metadata import NAME, UNSOUND, normalizations
from hwsim.frontends.tflite_options import CUSTOM_OPTIONS, OPTIONS
from hwsim.graph.input_contract import Normalization

LARGEST_BYTES = 1 << 28
MOST_OPERATORS = 4096
MOST_TENSORS = 4 * MOST_OPERATORS
MOST_ENDS = 256  # tensors that one operator reads or leaves
MOST_AXES = 8
MOST_SCALES = 1 << 16
MOST_METADATA = 16  # entries
VERSION = 3


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor of the file. `data` is None for one that is computed; `type` is the schema's word.

    `scales` and `zero_points` are empty for real values.
    """

    index: int
    name: str
    type: str
    dims: tuple[int, ...]
    signature: tuple[int, ...]  # -1 where a length is open; empty if none is
    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    quantized_dimension: int
    data: NDArray[np.uint8] | None
    is_plain: bool  # neither sparse nor a variable


@dataclass(frozen=True)
class StoredOperator:
    """An operator of the file; inputs and outputs are numbers of tensors, -1 for none.

    `options` is None where the file has none, or those of another operator.
    """

    index: int
    word: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] | None


@dataclass(frozen=True)
class StoredNetwork:
    """The one subgraph of a file, and what its metadata say of images at its inputs."""

    tensors: tuple[StoredTensor, ...]
    operators: tuple[StoredOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    normalizations: tuple[Normalization | None, ...]


def read_stored(path: str | Path) -> StoredNetwork:
    """Return what a file holds. Raises `InputError` for a file that is no sound `.tflite`."""
    content = read_file("network", path, LARGEST_BYTES)
    with _within_the_file(path):
        return _Reader.of(content).network()


@contextmanager
def _within_the_file(path: str | Path) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputError(f"network {quoted(path)}: {error}") from None
    except UNSOUND:
        raise InputError(
            f"network {quoted(path)}: no sound .tflite: an offset or a length leaves the file"
        ) from None


@dataclass(frozen=True)
class _Reader:
    """The tables of a file."""

    model: Any
    subgraph: Any
    words: Mapping[int, str]

    @classmethod
    def of(cls, content: bytes) -> "_Reader":
        import tflite  # whoever reads no such file does not pay for it

        if len(content) < 8 or not tflite.Model.ModelBufferHasIdentifier(content, 0):
            raise InputError("no .tflite: its identifier TFL3 is missing")
        model = tflite.Model.GetRootAs(content, 0)
        if model.Version() != VERSION:
            raise InputError(f"schema version {model.Version()}: must be {VERSION}")
        if model.SubgraphsLength() != 1:
            raise InputError(f"{model.SubgraphsLength()} subgraphs: only one is supported")
        words = {
            number: word
            for word, number in vars(tflite.BuiltinOperator).items()
            if isinstance(number, int)
        }
        return cls(model, model.Subgraphs(0), words)

    def network(self) -> StoredNetwork:
        graph = self.subgraph
        operators = _bounded("operators", graph.OperatorsLength(), MOST_OPERATORS)
        tensors = _bounded("tensors", graph.TensorsLength(), MOST_TENSORS)
        _bounded("operator codes", self.model.OperatorCodesLength(), MOST_OPERATORS)
        types = _type_names()
        ends = (
            ("inputs", graph.InputsLength, graph.InputsAsNumpy),
            (
                "outputs",
                graph.OutputsLength,
                graph.OutputsAsNumpy,
            ),
        )
        inputs, outputs = (_numbers(*each, MOST_ENDS) for each in ends)
        return StoredNetwork(
            tuple(self._tensor(index, types) for index in range(tensors)),
            tuple(self._operator(index) for index in range(operators)),
            inputs,
            outputs,
            normalizations(self._metadata(), len(inputs)),
        )

    def _metadata(self) -> bytes:
        """Return the bytes of the metadata of a file that has any, and sound ones."""
        with suppress(*UNSOUND):
            for index in range(min(self.model.MetadataLength(), MOST_METADATA)):
                entry = self.model.Metadata(index)
                if entry.Name() == NAME and 0 <= entry.Buffer() < self.model.BuffersLength():
                    found = self.model.Buffers(entry.Buffer())
                    return _array(found.DataAsNumpy(), np.uint8).tobytes()
        return b""

    def _tensor(self, index: int, types: Mapping[int, str]) -> StoredTensor:
        tensor = self.subgraph.Tensors(index)
        quantization = tensor.Quantization()
        scales, zero_points = np.zeros(0, np.float32), np.zeros(0, np.int64)
        dimension, is_affine = 0, True
        if quantization is not None:
            _bounded("scales of a tensor", quantization.ScaleLength(), MOST_SCALES)
            _bounded("zero points of a tensor", quantization.ZeroPointLength(), MOST_SCALES)
            scales = _array(quantization.ScaleAsNumpy(), np.float32)
            zero_points = _array(quantization.ZeroPointAsNumpy(), np.int64)
            dimension = quantization.QuantizedDimension()
            is_affine = quantization.DetailsType() == 0
        signature = _numbers(
            "axes of a tensor",
            tensor.ShapeSignatureLength,
            tensor.ShapeSignatureAsNumpy,
            MOST_AXES,
        )
        return StoredTensor(
            index,
            visible((tensor.Name() or b"").decode("utf-8", errors="replace")),
            types.get(tensor.Type(), f"type {tensor.Type()}"),
            _numbers("axes of a tensor", tensor.ShapeLength, tensor.ShapeAsNumpy, MOST_AXES),
            signature if min(signature, default=0) < 0 else (),
            scales,
            zero_points,
            dimension,
            self._data(tensor.Buffer()),
            is_affine and tensor.Sparsity() is None and not tensor.IsVariable(),
        )

    def _data(self, number: int) -> NDArray[np.uint8] | None:
        """Return the bytes of a buffer, of which an empty one stands for what is computed."""
        if not 0 <= number < self.model.BuffersLength():
            raise InputError(f"buffer {number}: the file has {self.model.BuffersLength()}")
        buffer = self.model.Buffers(number)
        if buffer.Offset() > 1 or buffer.Size() > 1:
            raise InputError(f"buffer {number} lies behind the flatbuffer: not supported")
        if not buffer.DataLength():
            return None
        return _array(buffer.DataAsNumpy(), np.uint8)

    def _operator(self, index: int) -> StoredOperator:
        operator = self.subgraph.Operators(index)
        code_index, codes = operator.OpcodeIndex(), self.model.OperatorCodesLength()
        if not 0 <= code_index < codes:
            raise InputError(f"operator {index} has code {code_index}: the file has {codes}")
        code = self.model.OperatorCodes(code_index)
        word = self.words.get(code.BuiltinCode(), f"BUILTIN {code.BuiltinCode()}")
        if word == "CUSTOM":
            custom = (code.CustomCode() or b"").decode("utf-8", errors="replace")
            word = custom if custom in CUSTOM_OPTIONS else f"CUSTOM {quoted(custom)}"
        what = f"tensors of operator {index}"
        return StoredOperator(
            index,
            word,
            _numbers(what, operator.InputsLength, operator.InputsAsNumpy, MOST_ENDS),
            _numbers(what, operator.OutputsLength, operator.OutputsAsNumpy, MOST_ENDS),
            _options(operator, word, index),
        )


def _options(operator: Any, word: str, index: int) -> Mapping[str, Any] | None:
    """Return the options of an operator by the schema's names of their fields."""
    import tflite

    if word in CUSTOM_OPTIONS:
        return _custom_options(operator, word, f"operator {index} {word}")
    wanted = OPTIONS.get(word)
    if wanted is None:
        return {}
    kind, fields = wanted
    table = operator.BuiltinOptions()
    if table is None or operator.BuiltinOptionsType() != getattr(tflite.BuiltinOptions, kind):
        return None
    options = getattr(tflite, kind)()
    options.Init(table.Bytes, table.Pos)
    return {field: getattr(options, field)() for field in fields}


def _custom_options(operator: Any, word: str, place: str) -> Mapping[str, Any]:
    """Return the options of a custom operator by their own names, None for those not told."""
    if operator.LargeCustomOptionsOffset() > 1:
        raise InputError(f"the options of {place} lie behind the flatbuffer: not supported")
    _bounded(f"bytes of options of {place}", operator.CustomOptionsLength(), LARGEST_OPTIONS_BYTES)
    content = _array(operator.CustomOptionsAsNumpy(), np.uint8).tobytes()
    try:
        return numbers(content, CUSTOM_OPTIONS[word])
    except InputError as error:
        raise InputError(f"{place}: {error}") from None


def _type_names() -> Mapping[int, str]:
    import tflite

    found = vars(tflite.TensorType).items()
    return {number: name.lower() for name, number in found if isinstance(number, int)}


def _bounded(what: str, count: int, most: int) -> int:
    if count > most:
        raise InputError(f"{count:,} {what}: at most {most:,}")
    return count


def _array(found: Any, kind: type[np.generic]) -> NDArray[Any]:
    """Return a vector; the accessor gives 0 for one that is missing."""
    if not isinstance(found, np.ndarray):
        return np.zeros(0, kind)
    return found.astype(kind, copy=False)


def _numbers(
    what: str, length: Callable[[], int], values: Callable[[], Any], most: int
) -> tuple[int, ...]:
    _bounded(what, length(), most)
    return tuple(_array(values(), np.int64).tolist())
