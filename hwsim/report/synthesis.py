"""What `hwsim synth` finds out: the document of its `--json`."""

import json
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

from hwsim.report.layers import STRICT

SCHEMA_VERSION = "1.0"  # the second number grows when fields are added


@dataclass(frozen=True)
class UnitFigures:
    """One unit of the accelerator, with the modules inside it."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: str
    """Name of its file in `rtl/`."""
    gates_nand2: float
    """NAND2 equivalents of logic and flip-flops, memories left out."""
    flip_flops: int
    """Of them flip-flops."""
    memory_bits: int
    """Bits of its memories."""


@dataclass(frozen=True)
class GateSynthesis:
    """What the target `gates` found."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    technology: str
    """What a NAND2 equivalent is measured in."""
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
class Synthesis:
    """The document."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    schema_version: str
    """Version of this document's shape: major.minor."""
    hwsim_version: str
    """Version of the program that wrote it."""
    command: Literal["synth"]
    """What was asked for."""
    target: Literal["gates"]
    """What for."""
    tools: tuple[str, ...]
    """What did it, with versions."""
    config: dict[str, Any]
    """The whole configuration, as `hwsim configs show` prints it."""
    gates: GateSynthesis
    """What it found."""


def json_text(document: Synthesis) -> str:
    return json.dumps(asdict(document), indent=1, allow_nan=False) + "\n"
