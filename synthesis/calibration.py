"""The configurations from which the gate model is calibrated, and those that check it."""

from collections.abc import Mapping
from typing import Any

from hwsim.config import Config, load_config

Overrides = Mapping[str, Any]


def _array(input_lanes: int, output_lanes: int, rescale_lanes: int) -> dict[str, Any]:
    """A word is a pixel of the input lanes, on the bus too."""
    return {
        "array": {
            "input_lanes": input_lanes,
            "output_lanes": output_lanes,
            "rescale_lanes": rescale_lanes,
        },
        "bus": {"bus_bits": 8 * input_lanes},
    }


NARROW = {"weight_bits": 4}
EXACT = {"multiplier_bits": 32}
BOTH = NARROW | EXACT
SMALL = {
    "feature_bytes": 16384,
    "weight_bytes": 8192,
    "accumulator_depth": 64,
    "staging_bytes": 2048,
}
LARGE = {
    "feature_bytes": 524288,
    "weight_bytes": 131072,
    "accumulator_depth": 512,
    "staging_bytes": 32768,
}

# By name: what differs from `edge`.
CALIBRATED: dict[str, Overrides] = {
    "8x8": _array(8, 8, 1),
    "8x16": _array(8, 16, 2),
    "8x32": _array(8, 32, 8),
    "16x16": {},
    "16x32": _array(16, 32, 8),
    "8x8, 4-bit weights": _array(8, 8, 4) | {"widths": NARROW},
    "16x16, 4-bit weights": {"widths": NARROW},
    "16x64, 4-bit weights": _array(16, 64, 16) | {"widths": NARROW},
    "32x32, 4-bit weights": _array(32, 32, 8) | {"widths": NARROW},
    "8x8, 32-bit factors": _array(8, 8, 2) | {"widths": EXACT},
    "16x16, 32-bit factors": _array(16, 16, 8) | {"widths": EXACT},
    "8x16, both, no pool": _array(8, 16, 8) | {"widths": BOTH, "channel_pool": False},
    "16x16, no pool": {"channel_pool": False},
    "8x8, small buffers": _array(8, 8, 1) | {"buffers": SMALL},
    "16x16, large buffers": {"buffers": LARGE},
    "8x8, long bursts": _array(8, 8, 1)
    | {"bus": {"bus_bits": 64, "burst_beats": 64, "outstanding_reads": 32}},
}
HELD_OUT: dict[str, Overrides] = {
    "32x32": _array(32, 32, 16),
    "16x64": _array(16, 64, 4),
    "8x32, 2 rescale lanes": _array(8, 32, 2),
    "16x32, both": _array(16, 32, 4) | {"widths": BOTH},
    "8x16, small buffers, long bursts": _array(8, 16, 8)
    | {"buffers": SMALL, "bus": {"bus_bits": 64, "burst_beats": 32, "outstanding_reads": 16}},
    "8x8, 4-bit weights, no pool": _array(8, 8, 8) | {"widths": NARROW, "channel_pool": False},
    "16x16, 16 rescale lanes": _array(16, 16, 16),
}


def configuration(name: str, overrides: Overrides) -> Config:
    """`edge` with some of its sections' fields replaced."""
    fields = load_config("edge").model_dump() | {"name": name}
    for section, values in overrides.items():
        fields[section] = fields[section] | values if isinstance(values, Mapping) else values
    word_bytes = fields["array"]["input_lanes"]
    fields["memory"] |= {"bandwidth_bytes_per_cycle": word_bytes}
    return Config.model_validate(fields)
