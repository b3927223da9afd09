"""The bytes that cross the memory bus, stage by stage and class by class.

Every beat counts with the whole width of the bus. *Useful* bytes leave out padding channels, the
fourth byte of an image's pixels, and the weights and parameters of padding lanes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import reduce
from operator import add
from typing import Self

from hwsim.arch.config import PARAMETER_BYTES, TABLE_BYTES
from hwsim.graph import Stage
from hwsim.isa.descriptor import Descriptor, Load, Store
from hwsim.isa.fields import (
    DESCRIPTOR_BYTES,
    PAGE_BYTES,
    PAGE_DESCRIPTORS,
    Destination,
    StoreDestination,
)
from hwsim.program.blocking import ceil_div
from hwsim.program.program import Plan, Program, StageProgram, Traffic

Words = dict[Traffic, int]

LOADED: dict[int, Traffic] = {  # by the number of the destination
    Destination.FEATURES: Traffic.FEATURES_READ,
    Destination.WEIGHTS: Traffic.WEIGHTS,
    Destination.PROGRAM: Traffic.PROGRAM,
}


# The hardware's counter of each class, which is a pair of registers, _LOW and _HIGH.
COUNTERS = {
    Traffic.PROGRAM: "PROGRAM_BYTES",
    Traffic.WEIGHTS: "WEIGHT_BYTES",
    Traffic.FEATURES_READ: "FEATURE_READ_BYTES",
    Traffic.FEATURES_WRITTEN: "FEATURE_WRITTEN_BYTES",
}


@dataclass(frozen=True)
class ByteCounts:
    """Bytes on the bus in each class: beats x bus width."""

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
        """Return the counts of a mapping; a class that is missing in it has 0 bytes."""
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
class StageTraffic:
    """The bytes of one or several stages: those on the bus, and the useful ones among them."""

    bytes: ByteCounts
    useful_bytes: ByteCounts

    def __add__(self, other: Self) -> Self:
        return type(self)(self.bytes + other.bytes, self.useful_bytes + other.useful_bytes)


def add_traffic(parts: Sequence[StageTraffic]) -> StageTraffic:
    """Return the sum of the traffic of several stages."""
    return reduce(add, parts)


def traffic_by_stage(program: Program) -> list[StageTraffic]:
    """Return each stage's traffic by its descriptors; the first page counts for the first stage."""
    return _by_stage(program, list(map(_described_words, program.by_stage)))


def planned_traffic(plan: Plan) -> list[StageTraffic]:
    """Return the same from the tilings and the number of pages, before descriptors are written."""
    return _by_stage(plan, [_planned_words(plan, part) for part in plan.stages])


def _by_stage(plan: Plan, words: list[Words]) -> list[StageTraffic]:
    traffic: list[StageTraffic] = []
    for part, counts in zip(plan.stages, words, strict=True):
        paid = ByteCounts.by_class(
            {kind: count * plan.config.word_bytes for kind, count in counts.items()}
        )
        traffic.append(StageTraffic(paid, _useful(plan, part, paid)))
    first_page = ByteCounts.by_class({Traffic.PROGRAM: PAGE_BYTES})
    return [traffic[0] + StageTraffic(first_page, first_page), *traffic[1:]]


def _planned_words(plan: Plan, part: StageProgram) -> Words:
    word_bytes = plan.config.word_bytes
    is_kept = plan.keeps(part.stage.output)
    return {
        Traffic.PROGRAM: _loaded_descriptors(plan, part) * DESCRIPTOR_BYTES // word_bytes,
        Traffic.WEIGHTS: part.schedule.weight_read_words,
        Traffic.FEATURES_READ: part.schedule.read_words,
        Traffic.FEATURES_WRITTEN: 0 if is_kept else part.output_words,
    }


def _loaded_descriptors(plan: Plan, part: StageProgram) -> int:
    """Return how many descriptors a stage loads.

    The first descriptor of a page loads the next page.
    """
    first_page = ceil_div(part.first_descriptor, PAGE_DESCRIPTORS) + 1
    end_page = ceil_div(part.last_descriptor, PAGE_DESCRIPTORS) + 1
    end = min(end_page * PAGE_DESCRIPTORS, plan.descriptor_count)
    return max(0, end - first_page * PAGE_DESCRIPTORS)


def _described_words(own: Sequence[Descriptor]) -> Words:
    words = dict.fromkeys(Traffic, 0)
    written = 0  # apart, as programs have many STOREs and a look-up for each takes long
    for descriptor in own:
        if type(descriptor) is Load:
            kind = LOADED[descriptor.destination]
            words[kind] += descriptor.row_words * descriptor.rows * descriptor.blocks
        elif type(descriptor) is Store and descriptor.destination == StoreDestination.MEMORY:
            written += descriptor.row_words * descriptor.rows * descriptor.blocks
    return words | {Traffic.FEATURES_WRITTEN: written}


def _useful(plan: Plan, part: StageProgram, paid: ByteCounts) -> ByteCounts:
    """Return the bytes of each class that carry the network's own values."""
    stage = part.stage
    stored_out = part.output_words * plan.config.word_bytes
    return ByteCounts(
        program=paid.program,
        weights=paid.weights * useful_weight_bytes(stage) // part.weights.size_bytes,
        features_read=sum(_useful_read_bytes(plan, part)),
        features_written=paid.features_written * stage.output.shape.elements // stored_out,
    )


def _useful_read_bytes(plan: Plan, part: StageProgram) -> Iterator[int]:
    """Yield, for each source, the bytes read that are values of its own channels."""
    schedule, word_bytes = part.schedule, plan.config.word_bytes
    for source, own, words in zip(
        part.stage.sources, schedule.blocking.sources, schedule.source_words, strict=True
    ):
        stored, outer = source.tensor.shape, source.tensor.outer_shape
        stored_bytes = own.stored_blocks * stored.height * stored.width * word_bytes
        if own.packed:
            stored_bytes = plan.region(source.tensor).size_bytes
        useful_bytes = source.outer.channels * outer.height * outer.width
        yield words * word_bytes * useful_bytes // stored_bytes


def useful_weight_bytes(stage: Stage) -> int:
    """Return the bytes of a stage's weights, of one parameter record per filter and of a table."""
    weight_bits = stage.weight_bits * stage.weight_limbs
    table_bytes = 0 if stage.table is None else TABLE_BYTES
    return stage.weight_count * weight_bits // 8 + stage.filters * PARAMETER_BYTES + table_bytes
