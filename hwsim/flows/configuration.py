"""Choose the configuration of an accelerator: a preset or a file, some of its values replaced."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

from pydantic import ValidationError

from hwsim.arch.config import PRESETS, Config, broken_rule, load_config
from hwsim.errors import InputError, shown
from hwsim.escape import brief, quoted
from hwsim.flows.settings import Settings, check_settings, with_settings
from hwsim.report.records import Records

IDEAL = "ideal"
SHARED = "shared"
FORMS = f"{IDEAL}, latency=CYCLES, bandwidth=BYTES, {SHARED}"
KEYS = {
    "latency": "memory.latency_cycles",
    "bandwidth": "memory.bandwidth_bytes_per_cycle",
    SHARED: "memory.shared",
}
PAIR = re.compile(r"(\w+)=([0-9]{1,9}(?:\.[0-9]{1,9})?)")

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
    source: ConfigSource,
    weight_bits: int | None = None,
    memory: str | None = None,
    settings: Settings | None = None,
) -> Config:
    """Return the config that a preset, a TOML file or a `Config` describes.

    `settings` replaces values by key: {"array.output_lanes": 32, "buffers.feature_bytes": "256K"}.
    `weight_bits` replaces its width of weights. `memory` replaces the external memory: `ideal`, or
    `latency=CYCLES,bandwidth=BYTES,shared`, of which any may be left out. The name of what differs
    from `source` says how, unless it is set too.
    """
    config = source if isinstance(source, Config) else load_config(_named(source))
    parts: list[tuple[str, Settings]] = []
    if settings is not None:
        check_settings(settings)
        parts.append(("settings", settings))
    if weight_bits is not None:
        parts.append((f"weight bits {shown(weight_bits)}", {"widths.weight_bits": weight_bits}))
    if memory is not None:
        if not isinstance(memory, str):
            raise InputError(f"memory {shown(memory)}: it is none of {FORMS}")
        parts.append((f"memory {brief(memory)}", _memory(memory, config, settings or {})))
    return _replaced(config, parts) if parts else config


def _named(source: object) -> str:
    """Return what names a config as text; what is no name and no path names none."""
    return str(source) if isinstance(source, str | PathLike) else shown(source)


def _memory(memory: str, config: Config, settings: Settings) -> dict[str, Any]:
    """Return the config's keys for a memory; `ideal` has latency 1 and moves a word per cycle."""
    if memory == IDEAL:
        bus_bits = settings.get("bus.bus_bits", config.bus.bus_bits)
        word_bytes = bus_bits // 8 if isinstance(bus_bits, int) else bus_bits  # refused later
        return {KEYS["latency"]: 1, KEYS["bandwidth"]: word_bytes, KEYS[SHARED]: False}
    values: dict[str, Any] = {}
    for part in memory.split(","):
        match = PAIR.fullmatch(part)
        name = match[1] if match else part
        if name not in KEYS or (match is None) != (name == SHARED):
            raise InputError(f"memory {brief(memory)}: {quoted(part)} is none of {FORMS}")
        if KEYS[name] in values:
            raise InputError(f"memory {brief(memory)}: names {name} twice")
        values[KEYS[name]] = _number(match[2]) if match else True
    return values


def _number(text: str) -> float:
    return float(text) if "." in text else int(text)


def _replaced(config: Config, parts: Sequence[tuple[str, Settings]]) -> Config:
    """Return the config with all values replaced at once; each part has the name of its option."""
    merged: dict[str, Any] = {}
    for asked, values in parts:
        for key in values:
            if key in merged:
                raise InputError(f"{asked}: {key} is set twice")
        merged |= values
    try:
        return Config.model_validate(with_settings(config, merged))
    except ValidationError as error:
        asked = " and ".join(asked for asked, _ in parts)
        raise InputError(f"{asked}: {broken_rule(error)}") from None
