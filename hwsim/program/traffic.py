"""Bytes over the memory bus, layer by layer and class by class.

A byte counts when it crosses the bus: beats x bus width. Useful bytes leave out padding channels,
the image's unused fourth byte and the weights and parameters of padding lanes.
"""

from dataclasses import dataclass

from hwsim.arch.config import PARAMETER_BYTES
from hwsim.graph import Layer
from hwsim.isa.descriptor import Load, Store
from hwsim.isa.fields import PAGE_BYTES, Destination
from hwsim.program.program import LayerProgram, Program, Traffic

LOADED = {
    Destination.FEATURES: Traffic.FEATURES_READ,
    Destination.WEIGHTS: Traffic.WEIGHTS,
    Destination.PROGRAM: Traffic.PROGRAM,
}


@dataclass(frozen=True)
class LayerTraffic:
    """One layer's bytes by class, as the bus pays them and as the network needs them."""

    bytes: dict[Traffic, int]
    useful_bytes: dict[Traffic, int]

    @property
    def total_bytes(self) -> int:
        return sum(self.bytes.values())

    @property
    def read_bytes(self) -> int:
        return self.total_bytes - self.written_bytes

    @property
    def written_bytes(self) -> int:
        return self.bytes[Traffic.FEATURES_WRITTEN]

    @property
    def feature_bytes(self) -> int:
        return self.bytes[Traffic.FEATURES_READ] + self.bytes[Traffic.FEATURES_WRITTEN]


def add_traffic(parts: list[LayerTraffic]) -> LayerTraffic:
    return LayerTraffic(
        {kind: sum(part.bytes[kind] for part in parts) for kind in Traffic},
        {kind: sum(part.useful_bytes[kind] for part in parts) for kind in Traffic},
    )


def traffic_by_layer(program: Program) -> list[LayerTraffic]:
    """Every layer's traffic; the first page counts with the first layer."""
    parts = [_layer_traffic(program, part) for part in program.layers]
    parts[0].bytes[Traffic.PROGRAM] += PAGE_BYTES
    parts[0].useful_bytes[Traffic.PROGRAM] += PAGE_BYTES
    return parts


def _layer_traffic(program: Program, part: LayerProgram) -> LayerTraffic:
    words = dict.fromkeys(Traffic, 0)
    for descriptor in program.descriptors[part.first_descriptor : part.last_descriptor]:
        if type(descriptor) is Load:
            kind = LOADED[Destination(descriptor.destination)]
            words[kind] += descriptor.row_words * descriptor.rows * descriptor.blocks
        elif type(descriptor) is Store:
            words[Traffic.FEATURES_WRITTEN] += (
                descriptor.row_words * descriptor.rows * descriptor.blocks
            )
    paid = {kind: count * program.config.word_bytes for kind, count in words.items()}
    return LayerTraffic(paid, _useful(program, part, paid))


def _useful(program: Program, part: LayerProgram, paid: dict[Traffic, int]) -> dict[Traffic, int]:
    """The share of each class that carries the network's own values."""
    layer = part.layer
    stored_in = program.region(layer.input).size_bytes
    stored_out = program.region(layer.output).size_bytes
    return {
        Traffic.PROGRAM: paid[Traffic.PROGRAM],
        Traffic.WEIGHTS: paid[Traffic.WEIGHTS]
        * useful_weight_bytes(layer)
        // part.weights.size_bytes,
        Traffic.FEATURES_READ: paid[Traffic.FEATURES_READ]
        * layer.input.shape.elements
        // stored_in,
        Traffic.FEATURES_WRITTEN: paid[Traffic.FEATURES_WRITTEN]
        * layer.output.shape.elements
        // stored_out,
    }


def useful_weight_bytes(layer: Layer) -> int:
    """Weights at their width, and one parameter record per filter."""
    return layer.weight_count * layer.weight_bits // 8 + layer.filters * PARAMETER_BYTES
