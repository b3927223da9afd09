"""Reads a quantized network from a `.tflite`, as operators that carry the file's own constants.

An operator is named after its word and its number in the file, for example `conv_2d_3`, and so is
the tensor that it leaves; the file's own names of tensors are in `OperatorGraph.in_file`. An input
has its own name, or `tensor<number>` where that is empty, too long or another's. What is not
supported is told all at once, each with the operator's number and word.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from hwsim.errors import InputError
from hwsim.escape import quoted
from hwsim.frontends.reading import network_from
from hwsim.frontends.tflite_call import NO_TENSOR, Call, file_tensor, output_name
from hwsim.frontends.tflite_file import StoredNetwork, read_stored
from hwsim.frontends.tflite_kernels import check_kernels, check_tensor
from hwsim.frontends.tflite_operators import MAKERS
from hwsim.graph import Tensor
from hwsim.graph.file_tensors import FileTensor
from hwsim.graph.input_contract import (
    COLOUR_CHANNELS,
    Colour,
    Framing,
    Normalization,
    Resize,
    StatedContract,
)
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Operator, Slice
from hwsim.graph.rules import LONGEST_NAME

MOST_CONSTANTS = 1 << 28  # bytes; operators may share the constants of a smaller file


def read_network(path: str | Path, kernels: Kernels = Kernels.LITERT) -> OperatorGraph:
    """Return the network of a file as one runtime takes it.

    Raises `InputError` if the file cannot be read or is no sound `.tflite`, and `UnsupportedError`
    with everything that keeps it from being taken.
    """
    return network_from(_Reading(read_stored(path), kernels), path)


@dataclass
class _Reading:
    """The operators so far, and what keeps others from being taken."""

    stored: StoredNetwork
    kernels: Kernels
    names: tuple[str, ...] = ()
    operators: list[Operator] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def read(self) -> None:
        """Take the operators of the file one after the other."""
        self.names = tensor_names(self.stored)
        _check_numbers(self.stored)
        _check_ends(self.stored)
        _check_constants(self.stored)
        for tensor in self.stored.tensors:
            check_tensor(tensor, self.kernels)
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

    def network(self, name: str) -> OperatorGraph:
        """Return the whole network. What the file lists twice is one input or one output."""
        inputs = tuple(self._input(number) for number in dict.fromkeys(self.stored.inputs))
        outputs = tuple(self.names[number] for number in dict.fromkeys(self.stored.outputs))
        read = {name for each in self.operators for name in each.inputs} | set(outputs)
        operators = tuple(each for each in self.operators if _is_read(each, read))
        left = {name for each in operators for name in each.outputs}
        left |= {tensor.name for tensor in inputs}
        named = zip(self.names, self.stored.tensors, strict=True)
        in_file = {own: file_tensor(tensor) for own, tensor in named if own in left}
        for number, told in zip(self.stored.inputs, self.stored.normalizations, strict=True):
            own = self.names[number]
            in_file[own] = replace(in_file[own], stated=_stated(in_file[own], told))
        return OperatorGraph(name, inputs, operators, outputs, in_file)

    def _input(self, number: int) -> Tensor:
        own = file_tensor(self.stored.tensors[number])
        return Tensor(self.names[number], own.shape, quantization=own.signed_quantization)


def _stated(tensor: FileTensor, told: Normalization | None) -> tuple[StatedContract, ...]:
    """Return what the file's metadata say of an input's images, and behind it LiteRT's conventions.

    The pixels of integers are their codes, whatever the metadata say: those scale them back. LiteRT
    gives its networks images stretched, red first; its metadata know no other order.
    """
    colour = Colour.RGB if tensor.shape.channels == COLOUR_CHANNELS else None
    convention = StatedContract("LiteRT", colour, tensor.of_codes, Framing(Resize.STRETCH))
    if told is None or tensor.quantization is not None:
        return (convention,)
    return StatedContract("the file", normalization=told), convention


def _check_numbers(stored: StoredNetwork) -> None:
    """Refuse numbers of tensors that are none."""
    most = len(stored.tensors)
    ends = [("the network reads", 0, stored.inputs), ("the network leaves", 0, stored.outputs)]
    for operator in stored.operators:
        place = f"operator {operator.index} {operator.word}"
        ends.append((f"{place} reads", NO_TENSOR, operator.inputs))
        ends.append((f"{place} leaves", 0, operator.outputs))
    for whose, least, numbers in ends:
        for number in numbers:
            if not least <= number < most:
                raise InputError(f"{whose} tensor {number}: the file has {most}")


def _check_ends(stored: StoredNetwork) -> None:
    """Refuse inputs that have values of their own, and outputs that nothing computes."""
    makers = {number: each for each in stored.operators for number in each.outputs}

    def named(number: int) -> str:
        return f"tensor {number} {quoted(stored.tensors[number].name)}"

    for number in stored.inputs:
        if stored.tensors[number].data is not None:
            raise InputError(f"the network reads {named(number)}: the file has it as a constant")
        if (maker := makers.get(number)) is not None:
            raise InputError(
                f"the network reads {named(number)}: operator {maker.index} {maker.word} leaves it"
            )
    for number in stored.outputs:
        if number not in makers and number not in stored.inputs:
            raise InputError(f"the network leaves {named(number)}: no operator leaves it")


def _check_constants(stored: StoredNetwork) -> None:
    """Refuse constants that so many operators read that copies of them fill the memory."""
    sizes = [0 if tensor.data is None else len(tensor.data) for tensor in stored.tensors]
    numbers = (number for operator in stored.operators for number in operator.inputs)
    total = sum(sizes[number] for number in numbers if number != NO_TENSOR)
    if total > MOST_CONSTANTS:
        raise InputError(f"operators read {total:,} bytes of constants: at most {MOST_CONSTANTS:,}")


def _is_read(operator: Operator, read: set[str]) -> bool:
    """False for a part of a split that nobody reads; any other operator must be read."""
    return not isinstance(operator, Slice) or bool(read.intersection(operator.outputs))


def tensor_names(stored: StoredNetwork) -> tuple[str, ...]:
    """Return a name for every tensor: that of its operator, or its own if it comes from outside."""
    names: dict[int, str] = {}
    for operator in stored.operators:
        for part, number in enumerate(operator.outputs):
            names.setdefault(number, output_name(operator, part))
    taken = set(names.values())
    for tensor in stored.tensors:
        if tensor.index not in names:
            is_usable = tensor.name.strip() and len(tensor.name) <= LONGEST_NAME
            own = tensor.name if is_usable and tensor.name not in taken else f"tensor{tensor.index}"
            names[tensor.index] = own
            taken.add(own)
    return tuple(names[tensor.index] for tensor in stored.tensors)
