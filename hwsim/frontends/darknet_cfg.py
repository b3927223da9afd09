"""Reads a network from darknet's `.cfg`, as operators.

Darknet counts the sections behind `[net]` from 0 and calls them layers, to which `[route]` refers.
An operator is named after its section's kind and this number, for example `conv8`. What is not
supported is told all at once, each with its line.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hwsim.errors import InputError, UnsupportedError, shown
from hwsim.escape import visible
from hwsim.files import read_file
from hwsim.frontends.darknet_keys import ONLY_FOR_TRAINING, SECTIONS
from hwsim.frontends.darknet_layers import MAKERS
from hwsim.frontends.darknet_sections import Faults, Section, read_sections
from hwsim.graph import Shape, Tensor
from hwsim.graph.check import IMAGE_CHANNELS, LARGEST_CHANNELS
from hwsim.graph.check_operators import check_operator
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Operator
from hwsim.graph.rules import LONGEST_NAME

LARGEST_BYTES = 1 << 20
LARGEST_SIZE = 4096  # pixels of a side of the image
IMAGE = "image"


def read_network(
    path: str | Path, height: int | None = None, width: int | None = None
) -> OperatorGraph:
    """Return the network of a file, for an image of the file's own size or of another.

    Raises `InputError` if the file cannot be read, and `UnsupportedError` with everything that
    keeps it from being taken.
    """
    for axis, size in (("width", width), ("height", height)):
        if size is not None and not 1 <= size <= LARGEST_SIZE:
            raise InputError(f"{axis} = {size}: '{path}' takes 1 to {LARGEST_SIZE} pixels")
    content = read_file("network", path, LARGEST_BYTES)
    text = content.decode("utf-8-sig", errors="replace")  # with or without a byte order mark
    faults = Faults()
    sections = read_sections(text, faults)
    reading = _Reading(faults)
    reading.read(sections, height, width)
    if faults.found:
        raise UnsupportedError(f"network '{path}'", faults.lines())
    name = visible(Path(path).stem)[:LONGEST_NAME]
    return OperatorGraph(name, (reading.image,), tuple(reading.operators), reading.outputs())


@dataclass
class _Reading:
    """The operators so far, and the tensor that each layer leaves."""

    faults: Faults
    image: Tensor = field(init=False)
    operators: list[Operator] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    layers: list[str | None] = field(default_factory=list)  # None where a section has faults

    def read(self, sections: list[Section], height: int | None, width: int | None) -> None:
        """Take the sections of a file one after the other."""
        if not sections or SECTIONS.get(sections[0].kind) != "net":
            line = sections[0].line if sections else 1
            self.faults.note(line, "the first section must be [net]")
            return
        net, *layers = sections
        self._net(net, height, width)
        for section in layers:
            self._layer(section)
        if not layers:
            net.fault("no section follows [net]: a network has layers")
        if not self.faults.found:
            self._note_what_nobody_reads()

    def outputs(self) -> tuple[str, ...]:
        """Return what the heads leave, and the last layer."""
        heads = (name for each in self.operators if each.IS_ON_HOST for name in each.outputs)
        return tuple(dict.fromkeys((*heads, *self.operators[-1].outputs)))

    def before(self, section: Section) -> tuple[str, ...]:
        """Return the tensor of the layer before a section, alone; none if that has faults."""
        return self.inputs(section, [-1]) if self.layers else (IMAGE,)

    def inputs(self, section: Section, layers: Sequence[int]) -> tuple[str, ...]:
        """Return the tensors of some layers, counted from the first one or back from the section.

        It is empty where one is not known, because its section or this one has faults.
        """
        here = len(self.layers)
        found: list[str] = []
        for layer in layers:
            number = layer + here if layer < 0 else layer
            if not 0 <= number < here:
                section.fault(f"[{section.kind}] layer {layer} is none of the {here} before it")
            elif (name := self.layers[number]) is not None:
                found.append(name)
        by_host = {operator.name for operator in self.operators if operator.IS_ON_HOST}
        for name in found:
            if name in by_host:
                section.fault(f"[{section.kind}] reads {name}, which the host computes")
        return tuple(found) if section.is_sound and len(found) == len(layers) else ()

    def _net(self, section: Section, height: int | None, width: int | None) -> None:
        own_height = section.integer("height", 1, LARGEST_SIZE)
        own_width = section.integer("width", 1, LARGEST_SIZE)
        channels = section.integer("channels", 1, LARGEST_CHANNELS)
        section.check_keys(ONLY_FOR_TRAINING["net"])
        shape = Shape(channels, height or own_height, width or own_width)
        self.image = Tensor(IMAGE, shape, is_image=channels == IMAGE_CHANNELS)
        self.shapes[IMAGE] = shape

    def _layer(self, section: Section) -> None:
        """Add the operators of a section, if all that it needs is known."""
        kind = SECTIONS.get(section.kind)
        if kind is None or kind == "net":
            section.fault(f"section {shown(section.kind)} is not supported")
            self.layers.append(None)
            return
        make, short = MAKERS[kind]
        name = f"{short}{len(self.layers)}"
        made = make(section, name, self)
        section.check_keys(ONLY_FOR_TRAINING[kind])
        is_whole = (
            section.is_sound and bool(made) and all(self._add(each, section) for each in made)
        )
        self.layers.append(name if is_whole else None)

    def _add(self, operator: Operator, section: Section) -> bool:
        """Add an operator that keeps the rules; note the rule that another one breaks."""
        try:
            (shape,) = check_operator(operator, [self.shapes[name] for name in operator.inputs])
        except InputError as error:
            section.fault(str(error))
            return False
        self.operators.append(operator)
        self.shapes[operator.outputs[0]] = shape
        return True

    def _note_what_nobody_reads(self) -> None:
        read = {name for operator in self.operators for name in operator.inputs}
        read.update(self.outputs())
        for operator in self.operators:
            if not read.intersection(operator.outputs):
                line = int(operator.place.removeprefix("line "))
                self.faults.note(line, f"no later section reads {operator.name}")
