"""The document of `hwsim synth --json`."""

from dataclasses import dataclass
from typing import Any, Literal

SCHEMA_VERSION = "1.0"  # the second number grows when fields are added


@dataclass(frozen=True)
class UnitFigures:
    """One unit of the accelerator, with the modules inside it."""

    name: str
    """Name of its file in `rtl/`."""
    gates_nand2: float
    """NAND2 equivalents of logic and flip-flops, memories left out."""
    flip_flops: int
    """Number of flip-flops."""
    memory_bits: int
    """Bits of its memories."""


@dataclass(frozen=True)
class GateSynthesis:
    """The result of the target `gates`."""

    technology: str
    """The measure of a NAND2 equivalent."""
    units: tuple[UnitFigures, ...]
    """All of the accelerator, the largest first."""
    gates_nand2: float
    """The units' sum."""
    gates_per_mac_nand2: float
    """Over the multipliers of the array."""
    flip_flops: int
    """The units' sum."""
    memory_bits: int
    """The units' sum."""


@dataclass(frozen=True)
class ResourceFigures:
    """Cells of one kind in an FPGA."""

    name: str
    """Name of the kind."""
    used: int
    """By the accelerator, and by the registers around it where it was placed."""
    available: int | None
    """On the device; null where none was chosen."""


@dataclass(frozen=True)
class PathFigures:
    """The path that limits the clock."""

    start: str
    """Cell of the register where it begins."""
    end: str
    """Cell of the register where it ends."""
    logic_ns: float
    """Through cells, setup included."""
    routing_ns: float
    """Along wires."""


@dataclass(frozen=True)
class FpgaSynthesis:
    """The result of the targets `ecp5` and `xc7`."""

    device: str
    """Device, package and speed grade, or the family."""
    resources: tuple[ResourceFigures, ...]
    """By kind."""
    clock_hz: float | None
    """Highest after placing and routing; null where neither was done."""
    critical_path: PathFigures | None
    """Null where nothing was routed."""
    seed: int | None
    """Seed of the placement; null where there was none."""


@dataclass(frozen=True)
class Synthesis:
    """The document."""

    schema_version: str
    """Version of this document's shape: major.minor."""
    hwsim_version: str
    """Version of the program that wrote it."""
    command: Literal["synth"]
    """The subcommand."""
    target: Literal["gates", "ecp5", "xc7"]
    """The target of synthesis."""
    tools: tuple[str, ...]
    """The programs that did it, with versions."""
    config: dict[str, Any]
    """The whole configuration, as `hwsim configs show` prints it."""
    gates: GateSynthesis | None
    """For the target `gates`, else null."""
    fpga: FpgaSynthesis | None
    """For the other targets, else null."""
