"""Bytes over the memory bus, layer by layer and class by class.

A byte counts when it crosses the bus: beats x bus width. Useful bytes leave out padding channels,
the image's unused fourth byte and the weights and parameters of padding lanes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import reduce
from operator import add
from typing import Self

from hwsim.arch.config import PARAMETER_BYTES
from hwsim.graph import Layer
from hwsim.isa.descriptor import Load, Store
from hwsim.isa.fields import DESCRIPTOR_BYTES, PAGE_BYTES, PAGE_DESCRIPTORS, Destination
from hwsim.program.blocking import ceil_div
from hwsim.program.program import LayerProgram, Plan, Program, Traffic

Words = dict[Traffic, int]

LOADED = {
    Destination.FEATURES: Traffic.FEATURES_READ,
    Destination.WEIGHTS: Traffic.WEIGHTS,
    Destination.PROGRAM: Traffic.PROGRAM,
}


# The counter that the hardware keeps of each class: a pair of registers, _LOW and _HIGH.
COUNTERS = {
    Traffic.PROGRAM: "PROGRAM_BYTES",
    Traffic.WEIGHTS: "WEIGHT_BYTES",
    Traffic.FEATURES_READ: "FEATURE_READ_BYTES",
    Traffic.FEATURES_WRITTEN: "FEATURE_WRITTEN_BYTES",
}


@dataclass(frozen=True)
class ByteCounts:
    """Beats x bus width, by class."""

    program: int
    """Descriptors."""
    weights: int
    """Weights with bias and rescale parameters."""
    features_read: int
    """Features read."""
    features_written: int
    """Features written."""

    @classmethod
    def by_class(cls, counts: Mapping[Traffic, int]) -> Self:
        """Take counts by their class; a class that is missing has none."""
        return cls(*(counts.get(kind, 0) for kind in Traffic))

    def of(self, kind: Traffic) -> int:
        """Return the bytes of one class."""
        count: int = getattr(self, kind.name.lower())
        return count

    def __add__(self, other: Self) -> Self:
        return type(self)(*map(add, astuple(self), astuple(other)))

    @property
    def features(self) -> int:
        return self.features_read + self.features_written

    @property
    def read(self) -> int:
        return self.program + self.weights + self.features_read

    @property
    def total(self) -> int:
        return self.read + self.features_written


@dataclass(frozen=True)
class LayerTraffic:
    """The bytes of one layer or of several, as the bus pays them and as the network needs them."""

    bytes: ByteCounts
    useful_bytes: ByteCounts

    def __add__(self, other: Self) -> Self:
        return type(self)(self.bytes + other.bytes, self.useful_bytes + other.useful_bytes)


def add_traffic(parts: Sequence[LayerTraffic]) -> LayerTraffic:
    return reduce(add, parts)


def traffic_by_layer(program: Program) -> list[LayerTraffic]:
    """Count every layer's traffic by its descriptors; the first page is the first layer's."""
    return _by_layer(program, [_described_words(program, part) for part in program.layers])


def planned_traffic(plan: Plan) -> list[LayerTraffic]:
    """Return the same without a descriptor, from tilings and the number of pages."""
    return _by_layer(plan, [_planned_words(plan, part) for part in plan.layers])


def _by_layer(plan: Plan, words: list[Words]) -> list[LayerTraffic]:
    traffic: list[LayerTraffic] = []
    for part, counts in zip(plan.layers, words, strict=True):
        paid = ByteCounts.by_class(
            {kind: count * plan.config.word_bytes for kind, count in counts.items()}
        )
        traffic.append(LayerTraffic(paid, _useful(plan, part, paid)))
    first_page = ByteCounts.by_class({Traffic.PROGRAM: PAGE_BYTES})
    return [traffic[0] + LayerTraffic(first_page, first_page), *traffic[1:]]


def _planned_words(plan: Plan, part: LayerProgram) -> Words:
    word_bytes = plan.config.word_bytes
    return {
        Traffic.PROGRAM: _loaded_descriptors(plan, part) * DESCRIPTOR_BYTES // word_bytes,
        Traffic.WEIGHTS: part.schedule.weight_read_words,
        Traffic.FEATURES_READ: part.schedule.read_words,
        Traffic.FEATURES_WRITTEN: plan.region(part.layer.output).size_bytes // word_bytes,
    }


def _loaded_descriptors(plan: Plan, part: LayerProgram) -> int:
    """Descriptors in the pages that a layer loads: the first of a page loads the next page."""
    first_page = ceil_div(part.first_descriptor, PAGE_DESCRIPTORS) + 1
    end_page = ceil_div(part.last_descriptor, PAGE_DESCRIPTORS) + 1
    end = min(end_page * PAGE_DESCRIPTORS, plan.descriptor_count)
    return max(0, end - first_page * PAGE_DESCRIPTORS)


def _described_words(program: Program, part: LayerProgram) -> Words:
    words = dict.fromkeys(Traffic, 0)
    for descriptor in program.descriptors[part.first_descriptor : part.last_descriptor]:
        if type(descriptor) is Load:
            kind = LOADED[Destination(descriptor.destination)]
            words[kind] += descriptor.row_words * descriptor.rows * descriptor.blocks
        elif type(descriptor) is Store:
            words[Traffic.FEATURES_WRITTEN] += (
                descriptor.row_words * descriptor.rows * descriptor.blocks
            )
    return words


def _useful(plan: Plan, part: LayerProgram, paid: ByteCounts) -> ByteCounts:
    """The share of each class that carries the network's own values."""
    layer = part.layer
    stored_in = plan.region(layer.input).size_bytes
    stored_out = plan.region(layer.output).size_bytes
    return ByteCounts(
        program=paid.program,
        weights=paid.weights * useful_weight_bytes(layer) // part.weights.size_bytes,
        features_read=paid.features_read * layer.input.shape.elements // stored_in,
        features_written=paid.features_written * layer.output.shape.elements // stored_out,
    )


def useful_weight_bytes(layer: Layer) -> int:
    """Weights at their width, and one parameter record per filter."""
    return layer.weight_count * layer.weight_bits // 8 + layer.filters * PARAMETER_BYTES
