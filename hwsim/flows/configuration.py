"""Choose the configuration of an accelerator: a preset or a file, some of its values replaced."""

import re
from dataclasses import dataclass
from os import PathLike
from typing import Any

from pydantic import ValidationError

from hwsim.arch.config import PRESETS, Config, load_config
from hwsim.arch.refusal import first_line
from hwsim.errors import InputError, shown
from hwsim.escape import brief, quoted
from hwsim.report.records import Records

IDEAL = "ideal"
FORMS = f"{IDEAL}, latency=CYCLES, bandwidth=BYTES"
FIELDS = {"latency": "latency_cycles", "bandwidth": "bandwidth_bytes_per_cycle"}
PAIR = re.compile(r"(\w+)=([0-9]{1,9})")


ConfigSource = str | PathLike[str] | Config


@dataclass(frozen=True)
class Preset:
    """A built-in accelerator."""

    name: str
    input_lanes: int
    output_lanes: int
    macs_per_cycle: int
    clock_hz: int
    feature_bytes: int
    weight_bytes: int
    bus_bits: int


def configs() -> Records[Preset]:
    """Return the built-in accelerators."""
    return Records(Preset, map(_preset, map(load_config, PRESETS)))


def _preset(config: Config) -> Preset:
    return Preset(
        name=config.name,
        input_lanes=config.array.input_lanes,
        output_lanes=config.array.output_lanes,
        macs_per_cycle=config.macs_per_cycle,
        clock_hz=config.clock.clock_hz,
        feature_bytes=config.buffers.feature_bytes,
        weight_bytes=config.buffers.weight_bytes,
        bus_bits=config.bus.bus_bits,
    )


def configuration(
    source: ConfigSource, weight_bits: int | None = None, memory: str | None = None
) -> Config:
    """Return the config that a preset, a TOML file or a `Config` describes.

    `weight_bits` replaces its width of weights. `memory` replaces the external memory: `ideal`, or
    `latency=CYCLES,bandwidth=BYTES`, of which either may be left out.
    """
    config = source if isinstance(source, Config) else load_config(_named(source))
    if weight_bits is not None:
        config = _replaced(
            config, "widths", {"weight_bits": weight_bits}, f"weight bits {shown(weight_bits)}"
        )
    if memory is not None:
        if not isinstance(memory, str):
            raise InputError(f"memory {shown(memory)}: it is none of {FORMS}")
        config = _replaced(config, "memory", _memory(memory, config), f"memory {brief(memory)}")
    return config


def _named(source: object) -> str:
    """Return what names a config as text; what is no name and no path names none."""
    return str(source) if isinstance(source, str | PathLike) else shown(source)


def _memory(memory: str, config: Config) -> dict[str, int]:
    """Return the config's keys for a memory; `ideal` has latency 1 and moves a word per cycle."""
    if memory == IDEAL:
        return {"latency_cycles": 1, "bandwidth_bytes_per_cycle": config.word_bytes}
    values: dict[str, int] = {}
    for part in memory.split(","):
        match = PAIR.fullmatch(part)
        if match is None or match[1] not in FIELDS:
            raise InputError(f"memory {brief(memory)}: {quoted(part)} is none of {FORMS}")
        if FIELDS[match[1]] in values:
            raise InputError(f"memory {brief(memory)}: names {match[1]} twice")
        values[FIELDS[match[1]]] = int(match[2])
    return values


def _replaced(config: Config, section: str, values: dict[str, Any], asked: str) -> Config:
    fields = config.model_dump()
    fields[section] |= values
    try:
        return Config.model_validate(fields)
    except ValidationError as error:
        raise InputError(f"{asked}: {first_line(error)}") from None
