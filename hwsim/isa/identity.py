"""The registers in which an accelerator says what it was built for, and thus which programs run."""

import json
import zlib

from hwsim.arch.config import Config
from hwsim.isa.register import Register
from hwsim.isa.registers import INTERFACE_VERSION

COMPILED_FOR = {
    "array",
    "widths",
    "buffers",
    "bus",
    "channel_pool",
    "tables",
}  # what a program depends on


def build_fields(config: Config) -> dict[str, int]:
    """Return the fields of BUILD on this configuration."""
    return {
        "input_lanes_log2": config.array.input_lanes.bit_length() - 1,
        "output_lanes_log2": config.array.output_lanes.bit_length() - 1,
        "weight_bits": config.widths.weight_bits,
        "multiplier_bits": config.widths.multiplier_bits,
        "channel_pool": int(config.channel_pool),
        "tables": int(config.tables),
        "interface": INTERFACE_VERSION,
    }


def fingerprint(config: Config) -> int:
    """Return the value of FINGERPRINT: equal for configurations that run the same programs."""
    settings = config.model_dump(include=COMPILED_FOR)
    return zlib.crc32(json.dumps(settings, sort_keys=True, separators=(",", ":")).encode())


def constant_fields(config: Config) -> dict[str, dict[str, int]]:
    """Return the fields of the registers that depend on the configuration."""
    return {"BUILD": build_fields(config), "FINGERPRINT": {"value": fingerprint(config)}}


def reset_value(entry: Register, config: Config) -> int:
    """Return the value of a register after reset on this configuration."""
    return entry.pack(**constant_fields(config).get(entry.name, {}))
