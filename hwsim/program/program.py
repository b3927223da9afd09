"""The compiled network: descriptors, memory map, and which layer each descriptor belongs to."""

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from hwsim.arch.config import Config
from hwsim.errors import InputError
from hwsim.graph import Graph, Layer, Tensor
from hwsim.isa.descriptor import Descriptor, encode
from hwsim.program.schedule import Schedule

WINDOW_BYTES = 4096  # windows of memory are whole pages, which no burst crosses


class Traffic(Enum):
    """Classes in which bytes on the bus are counted."""

    PROGRAM = "program"
    WEIGHTS = "weights"
    FEATURES_READ = "features read"
    FEATURES_WRITTEN = "features written"


@dataclass(frozen=True)
class Region:
    """A range of memory: the program, the weights, or one stored tensor."""

    name: str
    traffic: Traffic
    address: int
    size_bytes: int

    @property
    def end(self) -> int:
        return self.address + self.size_bytes


@dataclass(frozen=True)
class Window:
    """Memory that the accelerator may reach, in whole pages: `limit` is the last byte."""

    base: int
    limit: int


def _window(regions: list[Region]) -> Window:
    base = min(region.address for region in regions) // WINDOW_BYTES * WINDOW_BYTES
    end = max(region.end for region in regions)
    return Window(base, -(-end // WINDOW_BYTES) * WINDOW_BYTES - 1)


@dataclass(frozen=True)
class LayerProgram:
    """One layer's part of the program: descriptors `first_descriptor` up to `last_descriptor`."""

    layer: Layer
    schedule: Schedule
    weights: Region
    first_descriptor: int
    last_descriptor: int


@dataclass(frozen=True)
class Plan:
    """A program before its descriptors are written: tilings, and where everything lies."""

    graph: Graph
    config: Config
    layers: tuple[LayerProgram, ...]
    code: Region
    tensors: dict[str, Region]
    peak_feature_bytes: int

    @property
    def size_bytes(self) -> int:
        """Memory from address 0 that the program uses."""
        regions = [self.code, *(part.weights for part in self.layers), *self.tensors.values()]
        return max(region.end for region in regions)

    @property
    def descriptor_count(self) -> int:
        """Descriptors of the whole program, END included."""
        return self.layers[-1].last_descriptor

    @property
    def features(self) -> Window:
        """Where the run reads and writes."""
        return _window(list(self.tensors.values()))

    @property
    def constants(self) -> Window:
        """Where the run only reads: weights and program."""
        return _window([*(part.weights for part in self.layers), self.code])

    def region(self, tensor: Tensor) -> Region:
        return self.tensors[tensor.name]


@dataclass(frozen=True)
class Program(Plan):
    """What the accelerator is given. `weights` is empty for a network without constants."""

    descriptors: tuple[Descriptor, ...]
    weights: tuple[bytes, ...]

    @cached_property
    def code_bytes(self) -> bytes:
        """The descriptors as they lie in memory. `InputError` names a layer whose do not fit."""
        return b"".join(map(self._layer_code, self.layers)).ljust(self.code.size_bytes, b"\0")

    def _layer_code(self, part: LayerProgram) -> bytes:
        own = self.descriptors[part.first_descriptor : part.last_descriptor]
        try:
            return b"".join(map(encode, own))
        except InputError as error:
            raise InputError(f"layer {part.layer.name}: {error}") from None

    def image(self) -> dict[int, bytes]:
        """Memory before the run, without the input features: {address: bytes}."""
        parts = {self.code.address: self.code_bytes}
        for part, data in zip(self.layers, self.weights, strict=True):
            parts[part.weights.address] = data
        return parts
