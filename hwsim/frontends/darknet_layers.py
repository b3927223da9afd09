"""The operators that each kind of section of a darknet `.cfg` stands for.

A function returns what its section makes, or nothing if the section or what it reads has faults,
which are noted. The last operator is named after the section.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from hwsim.frontends.darknet_sections import Section
from hwsim.graph import Padding, Shape
from hwsim.graph.check import (
    LARGEST_CHANNELS,
    LARGEST_DILATION,
    LARGEST_KERNEL,
    LARGEST_STRIDE,
)
from hwsim.graph.check_detections import MOST_CLASSES
from hwsim.graph.check_operators import MOST_BOXES, MOST_PARTS
from hwsim.graph.host_operators import Region, Yolo
from hwsim.graph.operators import (
    Activation,
    Concat,
    Convolution,
    MaxPool,
    Operator,
    Slice,
    Upsample,
)
from hwsim.graph.spatial_pool import LARGEST_WINDOW

ACTIVATIONS = (Activation.LINEAR, Activation.LEAKY, Activation.RELU)


class Layers(Protocol):
    """The layers before a section."""

    @property
    def shapes(self) -> Mapping[str, Shape]:
        """The shape of each tensor."""

    def before(self, section: Section) -> tuple[str, ...]:
        """Return the tensor of the layer before a section, alone; none if that has faults."""

    def inputs(self, section: Section, layers: Sequence[int]) -> tuple[str, ...]:
        """Return the tensors of some layers; none if one has faults."""


def _ends(section: Section, name: str, inputs: tuple[str, ...]) -> dict[str, Any]:
    """Return the fields that every operator has."""
    place = f"line {section.line}"
    return {"name": name, "inputs": inputs, "outputs": (name,), "place": place}


def _convolutional(section: Section, name: str, layers: Layers) -> list[Operator]:
    filters = section.integer("filters", 1, LARGEST_CHANNELS, 1)
    size = section.integer("size", 1, LARGEST_KERNEL, 1)
    stride = section.integer("stride", 1, LARGEST_STRIDE, 1)
    rows = section.integer("stride_y", 1, LARGEST_STRIDE, stride)
    columns = section.integer("stride_x", 1, LARGEST_STRIDE, stride)
    padding = section.integer("padding", 0, LARGEST_KERNEL, 0)
    if section.integer("pad", 0, 1, 0):
        padding = size // 2
    dilation = _dilation(section, size, padding)
    groups = section.integer("groups", 1, LARGEST_CHANNELS, 1)
    is_normalised = section.integer("batch_normalize", 0, 1, 0) == 1
    words = tuple(each.value for each in ACTIVATIONS)
    needed = "darknet's own default, logistic, is not supported"
    activation = section.word("activation", words, needed=needed)
    inputs = layers.before(section)
    if not inputs:
        return []
    return [
        Convolution(
            filters=filters,
            kernel=(size, size),
            stride=(rows, columns),
            dilation=(dilation, dilation),
            padding=Padding.even(padding * dilation),
            groups=groups,
            is_normalised=is_normalised,
            activation=Activation(activation),
            **_ends(section, name, inputs),
        )
    ]


def _dilation(section: Section, size: int, padding: int) -> int:
    """Return the columns from tap to tap; the padding grows with them, too.

    Darknet computes the size of the output as if there were no dilation.
    """
    dilation = section.integer("dilation", 1, LARGEST_DILATION, 1)
    if size == 1:
        return 1
    if dilation > 1 and 2 * padding != size - 1:
        section.fault(
            f"[convolutional] dilation = {dilation} needs an odd kernel, padded by half of it: "
            f"size = {size} is padded by {padding}",
            section.settings["dilation"].line,
        )
    return dilation


def _maxpool(section: Section, name: str, layers: Layers) -> list[Operator]:
    stride = section.integer("stride", 1, LARGEST_WINDOW, 1)
    size = section.integer("size", stride, LARGEST_WINDOW, stride)
    section.integer("padding", size - 1, size - 1, size - 1)
    # Half of the padding, rounded down, is in front of the map.
    before, behind = (size - 1) // 2, size // 2
    inputs = layers.before(section)
    if not inputs:
        return []
    return [
        MaxPool(
            window=(size, size),
            stride=(stride, stride),
            padding=Padding(before, before, behind, behind),
            **_ends(section, name, inputs),
        )
    ]


def _upsample(section: Section, name: str, layers: Layers) -> list[Operator]:
    section.integer("stride", Upsample.TIMES, Upsample.TIMES, Upsample.TIMES)
    section.numbers("scale", 1.0, 1.0, [1.0])
    inputs = layers.before(section)
    return [Upsample(**_ends(section, name, inputs))] if inputs else []


def _route(section: Section, name: str, layers: Layers) -> list[Operator]:
    numbers = section.integers("layers", MOST_PARTS)
    groups = section.integer("groups", 1, LARGEST_CHANNELS, 1)
    group = section.integer("group_id", 0, groups - 1, 0)
    inputs = layers.inputs(section, numbers)
    if not inputs:
        return []
    slices: list[Operator] = []
    if groups > 1:
        for number, read in enumerate(inputs, start=1):
            channels, rest = divmod(layers.shapes[read].channels, groups)
            if rest:
                section.fault(
                    f"[route] groups = {groups} do not divide the {layers.shapes[read].channels} "
                    f"channels of {read}"
                )
                return []
            own = name if len(inputs) == 1 else f"{name}.{number}"
            ends = _ends(section, own, (read,))
            slices.append(Slice(first_channel=group * channels, channels=channels, **ends))
        if len(inputs) == 1:
            return slices
        inputs = tuple(each.name for each in slices)
    return [*slices, Concat(**_ends(section, name, inputs))]


def _region(section: Section, name: str, layers: Layers) -> list[Operator]:
    boxes = section.integer("num", 1, MOST_BOXES, 1)
    classes = section.integer("classes", 1, MOST_CLASSES, 20)
    section.integer("coords", Region.COORDINATES, Region.COORDINATES, Region.COORDINATES)
    has_softmax = section.integer("softmax", 0, 1, 0) == 1
    anchors = _anchors(section, range(boxes), boxes)
    inputs = layers.before(section)
    if not inputs:
        return []
    ends = _ends(section, name, inputs)
    return [Region(boxes=boxes, classes=classes, anchors=anchors, has_softmax=has_softmax, **ends)]


def _yolo(section: Section, name: str, layers: Layers) -> list[Operator]:
    total = section.integer("num", 1, MOST_BOXES, 1)
    classes = section.integer("classes", 1, MOST_CLASSES, 20)
    mask = section.integers("mask", MOST_BOXES)
    (scale,) = section.numbers("scale_x_y", 1.0, 10.0, [1.0])[:1] or [1.0]
    section.word("nms_kind", ("greedynms", "diounms", "default"), "default")
    section.numbers("beta_nms", 0.0, 10.0, [0.6])
    anchors = _anchors(section, mask, total)
    inputs = layers.before(section)
    if not inputs:
        return []
    ends = _ends(section, name, inputs)
    return [Yolo(boxes=len(mask), classes=classes, anchors=anchors, scale_x_y=scale, **ends)]


def _anchors(
    section: Section, chosen: Sequence[int], total: int
) -> tuple[tuple[float, float], ...]:
    """Return the pairs of some boxes out of all that the section lists."""
    numbers = section.numbers("anchors", 0.0, 1e6)
    if numbers and len(numbers) != 2 * total:
        section.fault(f"[{section.kind}] {len(numbers)} anchors: num = {total} needs {2 * total}")
    for box in chosen:
        if not 0 <= box < total:
            section.fault(f"[{section.kind}] mask {box}: must be 0 to {total - 1}")
    if not section.is_sound:
        return ()
    return tuple((numbers[2 * box], numbers[2 * box + 1]) for box in chosen)


Maker = Callable[[Section, str, Layers], list[Operator]]

# The function of each kind of section, and the short name that darknet prints for it.
MAKERS: dict[str, tuple[Maker, str]] = {
    "convolutional": (_convolutional, "conv"),
    "maxpool": (_maxpool, "max"),
    "route": (_route, "route"),
    "upsample": (_upsample, "upsample"),
    "region": (_region, "region"),
    "yolo": (_yolo, "yolo"),
}
