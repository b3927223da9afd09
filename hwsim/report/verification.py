"""What `hwsim verify` finds out: the document of its `--json`, and what of it is out of bounds."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

from hwsim.program.program import Traffic
from hwsim.report.document import NetworkFigures

SCHEMA_VERSION = "1.0"  # the second number grows when fields are added
LAYER_BOUND_RATIO = 0.01  # of a layer's cycles, that the timeline may be off
TOTAL_BOUND_RATIO = 0.005  # of the run's


@dataclass(frozen=True)
class ByteFigures:
    """Beats x bus width, by class."""

    program: int
    weights: int
    features_read: int
    features_written: int

    @property
    def total(self) -> int:
        return sum(asdict(self).values())

    @property
    def features(self) -> int:
        return self.features_read + self.features_written


def byte_figures(counts: dict[Traffic, int]) -> ByteFigures:
    return ByteFigures(**{kind.name.lower(): counts[kind] for kind in Traffic})


@dataclass(frozen=True)
class DifferenceFigures:
    """The first element, by channel, row and column, in which a witness differs from golden."""

    witness: str  # machine or Verilog
    different_elements: int
    channel: int
    row: int
    column: int
    found: int | None  # None: never stored
    expected: int

    def __str__(self) -> str:
        found = "nothing" if self.found is None else self.found
        return (
            f"channel {self.channel}, row {self.row}, column {self.column}: "
            f"{self.witness} {found}, golden {self.expected}"
        )


def error_ratio(timeline: int, verilog: int | None) -> float | None:
    """By what share of the Verilog's cycles the timeline's are too many."""
    return None if not verilog else timeline / verilog - 1


@dataclass(frozen=True)
class VerifiedLayer:
    """One layer. `verilog_cycles` is None where the Verilog never ended it."""

    name: str
    stored_bytes: int  # compared, padding channels included
    differences: tuple[DifferenceFigures, ...]  # at most one per witness
    bus_bytes: ByteFigures
    timeline_bytes: ByteFigures
    verilog_cycles: int | None
    timeline_cycles: int
    error_ratio: float | None

    def failures(self) -> Iterator[str]:
        for difference in self.differences:
            yield (
                f"{self.name} differs in {difference.different_elements:,} of "
                f"{self.stored_bytes:,} bytes, first at {difference}"
            )
        yield from unequal(f"{self.name}, on the bus", self.bus_bytes, self.timeline_bytes)
        yield from _off(self.name, self.error_ratio, LAYER_BOUND_RATIO)


@dataclass(frozen=True)
class VerifiedProgram:
    """One program on golden, machine, timeline and Verilog. `problems` are the hardware's own."""

    variant: str
    description: str
    layers: tuple[VerifiedLayer, ...]
    monitor_bytes: ByteFigures
    counter_bytes: ByteFigures
    machine_bytes: ByteFigures
    timeline_bytes: ByteFigures
    verilog_array_cycles: int
    timeline_array_cycles: int
    verilog_cycles: int
    timeline_cycles: int
    error_ratio: float | None
    problems: tuple[str, ...]

    def failures(self) -> Iterator[str]:
        """Whatever is out of bounds, a line each."""
        yield from self.problems
        for layer in self.layers:
            yield from layer.failures()
        for witness in ("monitor", "counter", "machine"):
            yield from unequal(witness, getattr(self, f"{witness}_bytes"), self.timeline_bytes)
        if self.verilog_array_cycles != self.timeline_array_cycles:
            yield (
                f"the array is busy for {self.verilog_array_cycles:,} cycles, "
                f"in the timeline for {self.timeline_array_cycles:,}"
            )
        yield from _off("the run", self.error_ratio, TOTAL_BOUND_RATIO)


def unequal(where: str, found: ByteFigures, timeline: ByteFigures) -> Iterator[str]:
    """Counts of bytes that are not the timeline's."""
    for field in fields(ByteFigures):
        counts = getattr(found, field.name), getattr(timeline, field.name)
        if counts[0] != counts[1]:
            kind = field.name.replace("_", " ")
            yield f"{where}: {counts[0]:,} bytes of {kind}, {counts[1]:,} in the timeline"


def _off(what: str, ratio: float | None, bound: float) -> Iterator[str]:
    if ratio is None:
        yield f"{what} never ended"
    elif abs(ratio) > bound:
        yield f"{what}: the timeline's cycles are {ratio:+.2%} off, more than {bound:.1%}"


@dataclass(frozen=True)
class SavingFigures:
    """(B - C) / B, from the bytes that the bus monitor counted."""

    feature_saving_ratio: float
    total_saving_ratio: float


@dataclass(frozen=True)
class Verification:
    """The document. `saving` is None unless both C and B ran."""

    schema_version: str
    hwsim_version: str
    command: str
    network: NetworkFigures
    config: dict[str, Any]
    image: str
    image_sha256: str
    weights: str
    layer_bound_ratio: float
    total_bound_ratio: float
    programs: tuple[VerifiedProgram, ...]
    saving: SavingFigures | None
    failures: tuple[str, ...]


def saving(c: VerifiedProgram, b: VerifiedProgram) -> SavingFigures:
    return SavingFigures(
        1 - c.monitor_bytes.features / b.monitor_bytes.features,
        1 - c.monitor_bytes.total / b.monitor_bytes.total,
    )


def json_text(document: Verification) -> str:
    return json.dumps(asdict(document), indent=1, allow_nan=False) + "\n"
