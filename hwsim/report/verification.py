"""The document of `hwsim verify --json`, and the check of its figures against bounds."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import reduce
from operator import add
from typing import Any, Literal

from hwsim.program.traffic import ByteCounts
from hwsim.report.deviations import DeviationFigures
from hwsim.report.document import NetworkFigures
from hwsim.report.file_figures import PROGRAM, FileFigures
from hwsim.report.image_figures import ImageFigures
from hwsim.report.input_array import InputArray
from hwsim.report.layers import byte_fields
from hwsim.timeline.bounds import CycleBounds

SCHEMA_VERSION = "1.9"  # the second number grows when fields are added
CHAINED = " chained"  # ends the name of a program that ran on what steps before it left


@dataclass(frozen=True)
class DifferenceFigures:
    """The first element, by channel, row and column, in which a witness differs from golden."""

    witness: str
    """`machine` or `Verilog`; `file` where golden differs from the operators of a .tflite."""
    different_elements: int
    """The number of the layer's elements that differ from golden."""
    channel: int
    """Channel of the first that differs."""
    row: int
    """Row of the first that differs."""
    column: int
    """Column of the first that differs."""
    found: int | None
    """The value that the witness stored there; null if it stored none."""
    expected: int
    """The value that golden computed."""

    def __str__(self) -> str:
        found = "nothing" if self.found is None else self.found
        return (
            f"channel {self.channel}, row {self.row}, column {self.column}: "
            f"{self.witness} {found}, golden {self.expected}"
        )


def error_ratio(timeline: int, verilog: int | None) -> float | None:
    """Return the relative error of the timeline: timeline / Verilog - 1; None without Verilog."""
    return None if not verilog else timeline / verilog - 1


@dataclass(frozen=True)
class VerifiedLayer:
    """The figures of one layer. `verilog_cycles` is None if the Verilog never ended it."""

    name: str
    """The layer's name in the network."""
    stored_bytes: int
    """Bytes of the output that were compared, padding channels included; 0 if it is `on_chip`."""
    on_chip: bool
    """True for an output that stays in the feature buffer. The bus shows neither its values, which
    only those behind it confirm, nor its end: its cycles count for the next layer that it shows."""
    differences: tuple[DifferenceFigures, ...]
    """The first difference of each witness that differs from golden."""
    bus_bytes: ByteCounts
    """Bytes on the bus that belong to the layer by their place in the program's order."""
    timeline_bytes: ByteCounts
    """Bytes on the timeline."""
    verilog_cycles: int | None
    """From the last write response before the layer's own to that; null if it never ended, or is
    `on_chip`."""
    timeline_cycles: int
    """The same cycles on the timeline; those of the layer alone if it is `on_chip`."""
    error_ratio: float | None
    """Relative error: timeline / Verilog - 1."""

    def failures(self) -> Iterator[str]:
        for difference in self.differences:
            yield (
                f"{self.name} differs in {difference.different_elements:,} of "
                f"{self.stored_bytes:,} bytes, first at {difference}"
            )
        yield from unequal(f"{self.name}, on the bus", self.bus_bytes, self.timeline_bytes)
        if not self.on_chip and self.error_ratio is None:
            yield f"{self.name} never ended"


@dataclass(frozen=True)
class VerifiedProgram:
    """The figures of one program on golden, machine, timeline and Verilog."""

    name: str
    """Name of its step in `file`; `program` for a network of one program. With `chained` behind it,
    the program ran on what steps before it left, as that is not what golden computes."""
    variant: str
    """A, B or C."""
    description: str
    """Description of the variant."""
    layers: tuple[VerifiedLayer, ...]
    """The layers in the order of execution."""
    monitor_bytes: ByteCounts
    """Bytes that the bus monitor counted."""
    counter_bytes: ByteCounts
    """Bytes that the hardware's counters counted."""
    machine_bytes: ByteCounts
    """Bytes that the machine transferred."""
    timeline_bytes: ByteCounts
    """Bytes on the timeline."""
    verilog_array_cycles: int
    """Cycles in which the array took a pixel, from the hardware's counter."""
    timeline_array_cycles: int
    """Cycles in which the array takes a pixel, on the timeline."""
    verilog_cycles: int
    """Cycles from the start pulse to the program's end, from the hardware's CYCLES register."""
    timeline_cycles: int
    """Cycles on the timeline."""
    error_ratio: float | None
    """Relative error: timeline / Verilog - 1; null if the run never ended."""
    problems: tuple[str, ...]
    """Problems that the hardware or the bus reported."""

    @property
    def title(self) -> str:
        """The variant, and the name where there are several."""
        return program_title(self.variant, self.name)

    def failures(self) -> Iterator[str]:
        """Yield a line for everything that is wrong, whatever the timeline's cycles are."""
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
        if self.error_ratio is None:
            yield "the run never ended"

    def cycles_off(self, bounds: CycleBounds) -> Iterator[str]:
        """Yield a line for every layer, and the run, whose cycles are off by more than a bound."""
        for layer in self.layers:
            verilog = layer.verilog_cycles
            if verilog and not bounds.holds_layer(layer.timeline_cycles, verilog):
                yield _off(layer.name, layer.error_ratio, bounds.layer)
        if self.error_ratio is not None and abs(self.error_ratio) > bounds.run:
            yield _off("the run", self.error_ratio, bounds.run)


def program_title(variant: str, name: str) -> str:
    """Return what tells a program from others."""
    return variant if name == PROGRAM else f"{variant}, {name}"


def unequal(where: str, found: ByteCounts, timeline: ByteCounts) -> Iterator[str]:
    """Yield a line for every count of bytes that differs from the timeline's."""
    for field in fields(ByteCounts):
        counts = getattr(found, field.name), getattr(timeline, field.name)
        if counts[0] != counts[1]:
            kind = field.name.replace("_", " ")
            yield f"{where}: {counts[0]:,} bytes of {kind}, {counts[1]:,} in the timeline"


def _off(what: str, ratio: float | None, bound: float) -> str:
    return f"{what}: the timeline's cycles are {ratio or 0:+.2%} off, more than {bound:.1%}"


@dataclass(frozen=True)
class VerifiedOutput:
    """An output of a .tflite, from host and Verilog, beside what the file's operators compute."""

    name: str
    """Its name in the file."""
    elements: int
    """Elements that were compared."""
    different_elements: int
    """The number of those that differ."""
    first_place: tuple[int, ...] | None
    """Index along each axis of the first that differs; null if none does."""
    found: float | None
    """The value that came out there."""
    expected: float | None
    """The value that the file's operators compute there; golden's with a fast rescale."""

    def failures(self) -> Iterator[str]:
        """Yield a line if the output differs."""
        if self.different_elements:
            yield (
                f"output {self.name} differs in {self.different_elements:,} of {self.elements:,} "
                f"elements, first at {list(self.first_place or ())}: Verilog and host "
                f"{self.found:g}, expected {self.expected:g}"
            )


@dataclass(frozen=True)
class SavingFigures:
    """The savings against B, from the bytes that the bus monitor counted."""

    feature_saving_ratio: float
    """Saving of feature bytes: (B - C) / B."""
    total_saving_ratio: float
    """Saving of all bytes: (B - C) / B."""


@dataclass(frozen=True)
class VerifiedTotals:
    """The cost of one frame on the Verilog, under the names of an estimate's totals.

    A frame takes every program of the network once; the baseline B is left out.
    """

    cycles: int | None
    """Cycles of the hardware's CYCLES register; null if a program never ended."""
    frame_seconds: float | None
    """Time of the cycles at the config's clock."""
    frames_per_second: float | None
    """The inverse of `frame_seconds`."""
    busy_cycles: int
    """Cycles in which the array took a pixel, from the hardware's counter."""
    program_bytes: int
    """Descriptors, as the bus monitor counted them, and so the other bytes."""
    weight_bytes: int
    """Weights with bias and rescale parameters."""
    features_read_bytes: int
    """Features read."""
    features_written_bytes: int
    """Features written."""
    features_bytes: int
    """Features read and written."""
    total_bytes: int
    """All four classes."""
    timeline_cycles: int
    """Cycles on the timeline."""
    error_ratio: float | None
    """Relative error: timeline / Verilog - 1; null if a program never ended."""


def verified_totals(programs: Iterable[VerifiedProgram], clock_hz: int) -> VerifiedTotals:
    """Return the sums of a network's programs."""
    own = [each for each in programs if each.variant != "B" and not each.name.endswith(CHAINED)]
    has_ended = all(program.error_ratio is not None for program in own)
    cycles = sum(program.verilog_cycles for program in own) if has_ended else None
    timeline_cycles = sum(program.timeline_cycles for program in own)
    paid = reduce(add, (each.monitor_bytes for each in own), ByteCounts.by_class({}))
    return VerifiedTotals(
        cycles=cycles,
        frame_seconds=cycles / clock_hz if cycles else None,
        frames_per_second=clock_hz / cycles if cycles else None,
        busy_cycles=sum(program.verilog_array_cycles for program in own),
        **byte_fields(paid),
        features_bytes=paid.features,
        total_bytes=paid.total,
        timeline_cycles=timeline_cycles,
        error_ratio=error_ratio(timeline_cycles, cycles),
    )


@dataclass(frozen=True)
class Verification:
    """The document of a verification. `saving` is None unless both C and B ran."""

    schema_version: str
    """Version of this document's shape: major.minor."""
    hwsim_version: str
    """Version of the program that wrote it."""
    command: Literal["verify"]
    """The subcommand."""
    network: NetworkFigures
    """The network that was run."""
    file: FileFigures | None
    """The part of a .tflite beside the accelerator's; null for other networks."""
    config: dict[str, Any]
    """The accelerator, key by key as in its TOML."""
    image: str | None
    """Name of the photograph, without its folder; null where arrays were given."""
    image_sha256: str | None
    """Hash of the photograph's pixels that entered the network, after resizing; else null."""
    arrays: tuple[InputArray, ...]
    """The arrays that were given, one for each input; empty for a photograph."""
    image_as: str | None
    """The way in which the photograph became the input, in words; null where arrays were given."""
    contracts: tuple[ImageFigures, ...]
    """The same as figures, one entry for each input; empty where arrays were given."""
    weights: str
    """`seeded`, the name of a darknet file, or `graph` for a network that had constants."""
    layer_bound_ratio: float | None
    """The share by which the timeline's cycles of a layer may be off; null where none was measured
    for such a configuration and memory."""
    total_bound_ratio: float | None
    """The share by which the timeline's cycles of a run may be off; null as for a layer."""
    totals: VerifiedTotals
    """The cost of a frame, of all programs that the network needs."""
    programs: tuple[VerifiedProgram, ...]
    """C, or A if no layer is condensed; then B, if it ran. Of a .tflite, every program of the
    accelerator in the order of the steps."""
    file_outputs: tuple[VerifiedOutput, ...]
    """The outputs of a .tflite, computed by host and Verilog; empty for other networks."""
    deviations: tuple[DeviationFigures, ...]
    """With a fast rescale, what layers and outputs are off from the file's own operators. These are
    no failures."""
    saving: SavingFigures | None
    """The savings of C against B; null unless both ran."""
    cycles_off: tuple[str, ...]
    """The cycles that are off by more than 1 % of a layer, and 4, or 0.5 % of a run, a line each.
    They are failures only where bounds are stated: only the timeline is wrong."""
    failures: tuple[str, ...]
    """Everything that is out of bounds, a line each, the program's letter first, and its name if
    there are several."""


def saving(programs: Sequence[VerifiedProgram]) -> SavingFigures:
    """Return what the programs of C save beside those of B, on the bus."""
    c, b = (
        reduce(
            add,
            (
                each.monitor_bytes
                for each in programs
                if (each.variant == "B") is is_b and not each.name.endswith(CHAINED)
            ),
            ByteCounts.by_class({}),
        )
        for is_b in (False, True)
    )
    return SavingFigures(1 - c.features / b.features, 1 - c.total / b.total)
