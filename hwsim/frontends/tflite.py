"""Reads a quantized network from a `.tflite`, as operators that carry the file's own constants.

An operator is named after its word and its number in the file, for example `conv_2d_3`. A tensor
has its name in the file, or `tensor<number>` where that is empty, too long or another's. What is
not supported is told all at once, each with the operator's number and word.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hwsim.errors import InputError, UnsupportedError
from hwsim.escape import quoted, visible
from hwsim.frontends.tflite_call import Call, file_tensor
from hwsim.frontends.tflite_file import StoredNetwork, StoredOperator, read_stored
from hwsim.frontends.tflite_kernels import check_kernels
from hwsim.frontends.tflite_operators import MAKERS
from hwsim.graph import Tensor
from hwsim.graph.file_tensors import FileTensor
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Operator
from hwsim.graph.rules import LONGEST_NAME

MOST_SHOWN = 20  # faults that are listed
MOST_CONSTANTS = 1 << 28  # bytes; operators may share the constants of a smaller file


def read_network(path: str | Path, kernels: Kernels = Kernels.LITERT) -> OperatorGraph:
    """Return the network of a file as one runtime takes it.

    Raises `InputError` if the file cannot be read or is no sound `.tflite`, and `UnsupportedError`
    with everything that keeps it from being taken.
    """
    stored = read_stored(path)
    whose = f"network {quoted(path)}"
    try:
        reading = _Reading(stored, kernels)
        reading.read()
    except InputError as error:
        raise InputError(f"{whose}: {error}") from None
    if reading.faults:
        raise UnsupportedError(whose, _listed(reading.faults))
    try:
        return reading.graph(visible(Path(path).stem)[:LONGEST_NAME])
    except InputError as error:
        raise InputError(f"{whose}: {error}") from None


@dataclass
class _Reading:
    """The operators so far, and what keeps others from being taken."""

    stored: StoredNetwork
    kernels: Kernels
    names: tuple[str, ...] = field(init=False)
    operators: list[Operator] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names = tensor_names(self.stored)

    def read(self) -> None:
        """Take the operators of the file one after the other."""
        self._check_numbers()
        self._check_constants()
        for operator in self.stored.operators:
            place = f"operator {operator.index} {operator.word}"
            if operator.word not in MAKERS:
                self.faults.append(f"{place}: not supported")
                continue
            call = Call(operator, self.stored.tensors, self.names, self.kernels)
            try:
                check_kernels(call)
                self.operators += MAKERS[operator.word](call)
            except InputError as error:
                self.faults.append(f"{place}: {error}")

    def graph(self, name: str) -> OperatorGraph:
        """Return the whole network."""
        inputs = tuple(self._input(number) for number in self.stored.inputs)
        ends = {name for operator in self.operators for name in operator.outputs}
        ends |= {tensor.name for tensor in inputs}
        in_file: dict[str, FileTensor] = {
            own: file_tensor(tensor)
            for own, tensor in zip(self.names, self.stored.tensors, strict=True)
            if own in ends
        }
        outputs = tuple(self.names[number] for number in self.stored.outputs)
        read = {name for each in self.operators for name in each.inputs} | set(outputs)
        operators = tuple(each for each in self.operators if _is_read(each, read))
        left = {name for each in operators for name in each.outputs} | {t.name for t in inputs}
        in_file = {name: tensor for name, tensor in in_file.items() if name in left}
        return OperatorGraph(name, inputs, operators, outputs, in_file)

    def _input(self, number: int) -> Tensor:
        own = file_tensor(self.stored.tensors[number])
        return Tensor(self.names[number], own.shape, quantization=own.signed_quantization)

    def _check_numbers(self) -> None:
        """Refuse numbers of tensors that are none."""
        most = len(self.stored.tensors)
        ends = (("the network's inputs", self.stored.inputs), ("its outputs", self.stored.outputs))
        for whose, numbers in (*ends, *map(_read_and_left, self.stored.operators)):
            for number in numbers:
                least = -1 if whose.endswith("reads") else 0
                if not least <= number < most:
                    raise InputError(f"{whose}: tensor {number}, the file has {most}")

    def _check_constants(self) -> None:
        """Refuse constants that so many operators read that copies of them fill the memory."""
        total = 0
        for operator in self.stored.operators:
            for number in operator.inputs:
                data = None if number < 0 else self.stored.tensors[number].data
                total += 0 if data is None else len(data)
        if total > MOST_CONSTANTS:
            raise InputError(
                f"operators read {total:,} bytes of constants: at most {MOST_CONSTANTS:,}"
            )


def _read_and_left(operator: StoredOperator) -> tuple[str, tuple[int, ...]]:
    return f"operator {operator.index} {operator.word} reads", operator.inputs


def _is_read(operator: Operator, read: set[str]) -> bool:
    """False for a part of a split that nobody reads; any other operator must be read."""
    return "." not in operator.name or bool(read.intersection(operator.outputs))


def tensor_names(stored: StoredNetwork) -> tuple[str, ...]:
    """Return a name for every tensor, the file's own where it can be."""
    counts = Counter(tensor.name for tensor in stored.tensors)
    return tuple(
        tensor.name
        if tensor.name.strip() and len(tensor.name) <= LONGEST_NAME and counts[tensor.name] == 1
        else f"tensor{tensor.index}"
        for tensor in stored.tensors
    )


def _listed(faults: Sequence[str]) -> list[str]:
    more = len(faults) - MOST_SHOWN
    return list(faults) if more <= 0 else [*faults[:MOST_SHOWN], f"and {more:,} more"]
