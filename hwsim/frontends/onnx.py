"""Reads a quantized network from an `.onnx`, as operators that carry the file's own constants.

An operator is named after its word and its number among the nodes that are left of a file when it
has been cleaned, for example `conv_3`, and so is the tensor that it leaves; the file's own names
are in `OperatorGraph.in_file`. What is not supported is told all at once, each with the node's
number, word and name.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from hwsim.errors import InputError
from hwsim.escape import brief, quoted
from hwsim.frontends.onnx_call import Call
from hwsim.frontends.onnx_file import StoredNetwork, read_stored
from hwsim.frontends.onnx_growing import Growing
from hwsim.frontends.onnx_inputs import input_view
from hwsim.frontends.onnx_metadata import stated_in
from hwsim.frontends.onnx_operators import DOMAINS
from hwsim.frontends.onnx_values import (
    Constant,
    Integers,
    QuantizedConstant,
    Reals,
    Value,
)
from hwsim.frontends.reading import network_from
from hwsim.graph import Tensor
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.read_operators import read_operators
from hwsim.graph.rules import LONGEST_NAME
from hwsim.graph.stated_contract import CALIBRATION

MOST_NODES = 4096
MOST_CONSTANTS = 1 << 28  # bytes; nodes may share the constants of a smaller file
QUANTIZER = re.compile("QuantizeLinear|QLinear|Integer")  # in words of nodes with integers


class FloatNetworkError(InputError):
    """A network without any integers, which has to be quantized first."""


def read_network(path: str | Path, size: tuple[int, int] | None = None) -> OperatorGraph:
    """Return the network of a file; `size` is the height and width of its images.

    Raises `InputError` if the file cannot be read, and `UnsupportedError` with everything that
    keeps it from being taken.
    """
    return network_of(read_stored(path, size), path)


def network_of(stored: StoredNetwork, path: str | Path) -> OperatorGraph:
    """Return the network of a file that has been cleaned; refusals name the file."""
    if not any(QUANTIZER.search(node.word) for node in stored.nodes):
        raise FloatNetworkError(
            f"network {quoted(path)}: it has real numbers alone: see `hwsim quantize`"
        )
    return network_from(_Reading(stored), path)


@dataclass
class _Reading:
    """The values so far, and what keeps others from being taken."""

    stored: StoredNetwork
    graph: Growing = field(default_factory=Growing)
    values: dict[str, Value] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)  # what nodes leave that are not taken

    def read(self) -> None:
        """Take the nodes of the file one after the other."""
        _check_numbers(self.stored)
        for name, value in self.stored.values.items():
            if value.data is not None:
                self.values[name] = Constant(value.data)
        for name in self.stored.inputs:
            self._take_input(name)
        for node in self.stored.nodes:
            if self.refused.intersection(node.inputs):
                self.refused.update(node.outputs)
                if node.word not in DOMAINS.get(node.domain, {}):
                    self.faults.append(f"{node.place}: not supported")
                continue
            try:
                if node.word not in DOMAINS.get(node.domain, {}):
                    raise InputError("not supported")
                if not node.outputs:
                    raise InputError("it leaves no tensor")
                call = Call(
                    node, self.stored.values, self.values, self.graph, self.stored.operator_set
                )
                left = DOMAINS[node.domain][node.word](call)
                self.values.update(zip(node.outputs, left, strict=False))
            except InputError as error:
                self.faults.append(f"{node.place}: {error}")
                self.refused.update(node.outputs)

    def _take_input(self, name: str) -> None:
        """Take an input of real numbers, or refuse any other."""
        stored = self.stored.values.get(name)
        whose = f"input {quoted(name)}"
        if stored is None or stored.type != "float32":
            kind = "no tensor" if stored is None else stored.type
            self.faults.append(f"{whose} of {kind}: must be float32")
            self.refused.add(name)
            return
        try:
            view = input_view(self.stored, name)
        except InputError as error:
            self.faults.append(f"{whose}: {error}")
            self.refused.add(name)
            return
        is_usable = name.strip() and len(name) <= LONGEST_NAME and name.isprintable()
        own = self.graph.free_name(name if is_usable else "input")
        self.graph.note(own, name, view, None)
        stated = stated_in(self.stored.metadata, name)
        self.graph.in_file[own] = replace(self.graph.in_file[own], stated=stated)
        self.inputs.append(own)
        self.values[name] = Reals(own, view)

    def network(self, name: str) -> OperatorGraph:
        """Return the whole network. What the file lists twice is one output."""
        outputs = tuple(self._output(output) for output in dict.fromkeys(self.stored.outputs))
        operators = read_operators(self.graph.operators, outputs)
        in_file = self.graph.in_file
        inputs = tuple(Tensor(each, in_file[each].shape) for each in self.inputs)
        left = {each for operator in operators for each in operator.outputs} | set(self.inputs)
        kept = {each: tensor for each, tensor in in_file.items() if each in left}
        told = self.stored.metadata.get(CALIBRATION)
        calibration = None if told is None else brief(told)
        return OperatorGraph(name, inputs, operators, outputs, kept, calibration)

    def _output(self, name: str) -> str:
        """Return the tensor of the graph that is an output, under the file's name."""
        value = self.values.get(name)
        place = f"output {quoted(name)}"
        match value:
            case Integers(tensor, view):
                return self.graph.copied(tensor, name, view, place)
            case None | Constant() | QuantizedConstant():
                raise InputError(f"{place}: nothing computes it")
            case Reals(tensor, view) if self.graph.in_file[tensor].name == name:
                self.graph.note(tensor, name, view, None)
                return tensor
        try:
            found = self.graph.real(value, "output", place, name)
        except InputError as error:
            raise InputError(f"{place}: {error}") from None
        if self.graph.in_file[found.tensor].name != name:
            return self.graph.copied(found.tensor, name, found.view, place)
        return found.tensor


def _check_numbers(stored: StoredNetwork) -> None:
    """Refuse more nodes than any network has, and constants that copies of fill the memory."""
    if len(stored.nodes) > MOST_NODES:
        raise InputError(f"{len(stored.nodes):,} nodes: at most {MOST_NODES:,}")
    data = (stored.values[name].data for node in stored.nodes for name in node.inputs
            if name in stored.values)  # fmt: skip
    total = sum(each.nbytes for each in data if each is not None)
    if total > MOST_CONSTANTS:
        raise InputError(f"nodes read {total:,} bytes of constants: at most {MOST_CONSTANTS:,}")
