"""The compiled network: descriptors, memory map, and each stage's share of the descriptors."""

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from hwsim.arch.config import Config
from hwsim.errors import InputError
from hwsim.graph import Graph, Stage, Tensor
from hwsim.graph.cells import Cells, GatheredTensor
from hwsim.isa.descriptor import Descriptor, encode
from hwsim.isa.registers import PAGE_SHIFT
from hwsim.program.schedule import Ring, Schedule

WINDOW_BYTES = 1 << PAGE_SHIFT  # windows are whole pages of this size; no burst crosses its end


class Traffic(Enum):
    """The classes in which bytes on the bus are counted."""

    PROGRAM = "program"
    WEIGHTS = "weights"
    FEATURES_READ = "features read"
    FEATURES_WRITTEN = "features written"


@dataclass(frozen=True)
class Region:
    """A range of memory for the program, the weights of a stage or one tensor."""

    name: str
    traffic: Traffic
    address: int
    size_bytes: int

    @property
    def end(self) -> int:
        return self.address + self.size_bytes


@dataclass(frozen=True)
class Window:
    """Whole pages of memory that the accelerator may access; `limit` is the last byte."""

    base: int
    limit: int


def _window(regions: list[Region]) -> Window:
    base = min(region.address for region in regions) // WINDOW_BYTES * WINDOW_BYTES
    end = max(region.end for region in regions)
    return Window(base, -(-end // WINDOW_BYTES) * WINDOW_BYTES - 1)


@dataclass(frozen=True)
class StageProgram:
    """One stage's part of the program."""

    stage: Stage
    schedule: Schedule
    weights: Region
    first_descriptor: int  # those of interleaved stages all count as the first stage's
    last_descriptor: int  # the first one behind the stage

    @property
    def output_words(self) -> int:
        """The words of the stage's output, wherever they are stored."""
        shape = self.stage.output.shape
        return self.schedule.blocking.output_words * shape.height * shape.width


@dataclass(frozen=True)
class Interleaved:
    """Consecutive stages whose bands are written in turns: maps between them stay as rings.

    An entry of `order` has the number of a stage of the program and that of its band.
    """

    first_stage: int
    last_stage: int
    order: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Plan:
    """A program before its descriptors are written: the tilings and the memory map."""

    graph: Graph
    config: Config
    stages: tuple[StageProgram, ...]
    code: Region
    tensors: dict[str, Region]
    residents: dict[str, Ring]  # the tensors that stay in the feature buffer, and lie nowhere else
    interleaved: tuple[Interleaved, ...]  # the stages that do not run one after the other
    peak_feature_bytes: int
    least_feature_bytes: int  # the largest sum of tensors that are alive together: a lower bound

    @property
    def size_bytes(self) -> int:
        """The bytes of memory, from address 0 on, that the program uses."""
        regions = [self.code, *(part.weights for part in self.stages), *self.tensors.values()]
        return max(region.end for region in regions)

    @property
    def descriptor_count(self) -> int:
        """The number of descriptors in the whole program, END included."""
        return self.stages[-1].last_descriptor

    @property
    def features(self) -> Window:
        """The window that a run reads and writes."""
        return _window(list(self.tensors.values()))

    @property
    def constants(self) -> Window:
        """The window that a run only reads: weights and program."""
        return _window([*(part.weights for part in self.stages), self.code])

    def region(self, tensor: Tensor) -> Region:
        return self.tensors[tensor.name]

    def cells(self, tensor: Tensor) -> Cells | None:
        """Return the cells in which the host gathers an input; None if it does not."""
        sources = (source for part in self.stages for source in part.stage.sources)
        read = (source.tensor for source in sources if source.tensor.name == tensor.name)
        return next((each.cells for each in read if isinstance(each, GatheredTensor)), None)

    def keeps(self, tensor: Tensor) -> bool:
        """Return True for a tensor that stays in the feature buffer."""
        return tensor.name in self.residents


@dataclass(frozen=True)
class Program(Plan):
    """A compiled network; its `weights` are empty if the graph has no constants."""

    descriptors: tuple[Descriptor, ...]
    owners: tuple[int, ...]  # the number of each descriptor's stage; END is the last stage's
    weights: tuple[bytes, ...]

    @cached_property
    def by_stage(self) -> tuple[list[Descriptor], ...]:
        """The descriptors of each stage, in their order."""
        found: tuple[list[Descriptor], ...] = tuple([] for _ in self.stages)
        for owner, descriptor in zip(self.owners, self.descriptors, strict=True):
            found[owner].append(descriptor)
        return found

    @cached_property
    def code_bytes(self) -> bytes:
        """The descriptors as they lie in memory.

        Raises `InputError` with the name of a stage whose descriptors cannot hold their values.
        """
        code = bytearray()
        for owner, descriptor in zip(self.owners, self.descriptors, strict=True):
            try:
                code += encode(descriptor)
            except InputError as error:
                name = self.stages[owner].stage.name
                raise InputError(f"layer {name}: {error}") from None
        return bytes(code).ljust(self.code.size_bytes, b"\0")

    def image(self) -> dict[int, bytes]:
        """Return the memory before the run, without the input features: {address: bytes}."""
        parts = {self.code.address: self.code_bytes}
        for part, data in zip(self.stages, self.weights, strict=True):
            parts[part.weights.address] = data
        return parts
