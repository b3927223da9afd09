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
    """Every unit of the accelerator, the largest first."""
    gates_nand2: float
    """Sum of the units' gates."""
    gates_per_mac_nand2: float
    """Gates / number of multipliers in the array."""
    flip_flops: int
    """Sum of the units' flip-flops."""
    memory_bits: int
    """Sum of the units' bits of memory."""


@dataclass(frozen=True)
class ResourceFigures:
    """Cells of one kind in an FPGA."""

    name: str
    """Name of the kind."""
    used: int
    """Cells used by the accelerator and, if it was placed, by the registers around it."""
    available: int | None
    """Cells on the device; null if no device was chosen."""


@dataclass(frozen=True)
class PathFigures:
    """The path that limits the clock."""

    start: str
    """Cell of the register where it begins."""
    end: str
    """Cell of the register where it ends."""
    logic_ns: float
    """Delay through cells, setup time included."""
    routing_ns: float
    """Delay along wires."""


@dataclass(frozen=True)
class FpgaSynthesis:
    """The result of the targets `ecp5` and `xc7`."""

    device: str
    """Device, package and speed grade, or the family."""
    resources: tuple[ResourceFigures, ...]
    """The used cells, kind by kind."""
    clock_hz: float | None
    """Highest clock after placing and routing; null if the design was not placed."""
    critical_path: PathFigures | None
    """The path that limits the clock; null if the design was not routed."""
    seed: int | None
    """Seed of the placement; null if the design was not placed."""


@dataclass(frozen=True)
class Synthesis:
    """The document of a synthesis."""

    schema_version: str
    """Version of this document's shape: major.minor."""
    hwsim_version: str
    """Version of the program that wrote it."""
    command: Literal["synth"]
    """The subcommand."""
    target: Literal["gates", "ecp5", "xc7"]
    """The target of synthesis."""
    tools: tuple[str, ...]
    """The programs that synthesized it, with versions."""
    config: dict[str, Any]
    """The whole configuration, as `hwsim configs show` prints it."""
    gates: GateSynthesis | None
    """The result of the target `gates`, else null."""
    fpga: FpgaSynthesis | None
    """The result of the other targets, else null."""
