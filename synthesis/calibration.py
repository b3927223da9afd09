"""The configurations from which the gate model is calibrated, and those that check it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwsim.arch.config import Config, load_config
from hwsim.cost.gates import features, predicted

Overrides = Mapping[str, Any]


def _array(input_lanes: int, output_lanes: int, rescale_lanes: int) -> dict[str, Any]:
    """Return the sections of an array with multipliers for FPGAs, and a bus as wide as its word."""
    return {
        "array": {
            "input_lanes": input_lanes,
            "output_lanes": output_lanes,
            "rescale_lanes": rescale_lanes,
            "multipliers": "dsp",
        },
        "bus": {"bus_bits": 8 * input_lanes},
    }


def _trees(input_lanes: int, output_lanes: int, rescale_lanes: int) -> dict[str, Any]:
    """Return the sections of such an array with multipliers for silicon."""
    sections = _array(input_lanes, output_lanes, rescale_lanes)
    return sections | {"array": sections["array"] | {"multipliers": "tree"}}


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

LONG = {"burst_beats": 64, "outstanding_reads": 32}
LONGEST = {"burst_beats": 256, "outstanding_reads": 256}
SHORTEST = {"burst_beats": 2, "outstanding_reads": 2}
# Two words, or a burst and the parameters of eight output lanes; a larger array needs more.
LEAST = {"feature_bytes": 16, "weight_bytes": 144, "accumulator_depth": 2, "staging_bytes": 16}
LARGEST = {
    "feature_bytes": 8388600,
    "weight_bytes": 8388600,
    "accumulator_depth": 512,
    "staging_bytes": 524288,
}
PLAIN = {"channel_pool": False, "tables": False}


def _corner(
    input_lanes: int, output_lanes: int, rescale_lanes: int, buffers: Overrides
) -> dict[str, Any]:
    """Return an array with the narrowest weights, widest factors, longest bursts and most reads."""
    sections = _array(input_lanes, output_lanes, rescale_lanes)
    return sections | {"widths": BOTH, "buffers": buffers, "bus": sections["bus"] | LONG}


# By name: what differs from `edge`, or from another preset.
CALIBRATED: dict[str, Overrides] = {
    "4x8": _array(4, 8, 1),
    "8x8": _array(8, 8, 1),
    "8x16": _array(8, 16, 2),
    "8x32": _array(8, 32, 8),
    "16x16": _array(16, 16, 4),
    "16x32": _array(16, 32, 8),
    "8x8, 4-bit weights": _array(8, 8, 4) | {"widths": NARROW},
    "16x16, 4-bit weights": _array(16, 16, 4) | {"widths": NARROW},
    "16x64, 4-bit weights": _array(16, 64, 16) | {"widths": NARROW},
    "32x32, 4-bit weights": _array(32, 32, 8) | {"widths": NARROW},
    "8x8, 32-bit factors": _array(8, 8, 2) | {"widths": EXACT},
    "16x16, 32-bit factors": _array(16, 16, 8) | {"widths": EXACT},
    "8x16, both, no pool": _array(8, 16, 8) | {"widths": BOTH, "channel_pool": False},
    "16x16, no pool": _array(16, 16, 4) | {"channel_pool": False},
    "8x8, small buffers": _array(8, 8, 1) | {"buffers": SMALL},
    "16x16, large buffers": _array(16, 16, 4) | {"buffers": LARGE},
    "8x8, long bursts": _array(8, 8, 1) | {"bus": {"bus_bits": 64} | LONG},
    "8x8, longest bursts": _array(8, 8, 1) | {"bus": {"bus_bits": 64} | LONGEST},
    "8x8, least of all": _array(8, 8, 1)
    | PLAIN
    | {"widths": NARROW, "buffers": LEAST, "bus": {"bus_bits": 64} | SHORTEST},
    "8x8, largest buffers": _array(8, 8, 1) | {"buffers": LARGEST},
    "edge, 32 bits of bus": {"bus": {"bus_bits": 32}},
    "32x16, 64 bits of bus, 4-bit weights": _array(32, 16, 4)
    | {"widths": NARROW, "bus": {"bus_bits": 64}},
    "8x8, trees": _trees(8, 8, 1),
    "edge": {},
    "16x16, trees, 4-bit weights": _trees(16, 16, 4) | {"widths": NARROW},
    "8x8, trees, 32-bit factors": _trees(8, 8, 4) | {"widths": EXACT},
}
HELD_OUT: dict[str, Overrides] = {
    "nano": {"preset": "nano"},
    "mid": {"preset": "mid"},
    "32x32": _array(32, 32, 16),
    "16x64": _array(16, 64, 4),
    "8x32, 2 rescale lanes": _array(8, 32, 2),
    "16x32, both": _array(16, 32, 4) | {"widths": BOTH},
    "8x16, small buffers, long bursts": _array(8, 16, 8)
    | {"buffers": SMALL, "bus": {"bus_bits": 64, "burst_beats": 32, "outstanding_reads": 16}},
    "8x8, 4-bit weights, no pool": _array(8, 8, 8) | {"widths": NARROW, "channel_pool": False},
    "16x16, 16 rescale lanes": _array(16, 16, 16),
    "8x16, trees": _trees(8, 16, 2),
    # Corners of the region in which the error is stated.
    "8x8, both, long bursts, large buffers": _corner(8, 8, 8, LARGE),
    "8x16, both, long bursts, small buffers": _corner(8, 16, 1, SMALL),
    "8x32, both, long bursts, large buffers": _corner(8, 32, 8, LARGE),
    # Extremes of single keys, and of many at once.
    "8x8, 129 reads": _array(8, 8, 1) | {"bus": {"bus_bits": 64, "outstanding_reads": 129}},
    "8x16, few reads, small queue": _array(8, 16, 2)
    | PLAIN
    | {
        "widths": NARROW,
        "buffers": {
            "feature_bytes": 2920,
            "weight_bytes": 408,
            "accumulator_depth": 8,
            "staging_bytes": 64,
        },
        "bus": {"bus_bits": 64, "outstanding_reads": 3},
    },
    "8x8, 32-bit factors, largest buffers": _array(8, 8, 8) | {"widths": EXACT, "buffers": LARGEST},
    "8x64, both, bursts of 128, 33 reads": _array(8, 64, 8)
    | {"widths": BOTH, "bus": {"bus_bits": 64, "burst_beats": 128, "outstanding_reads": 33}},
    "8x8, trees, least of all": _trees(8, 8, 1)
    | PLAIN
    | {"buffers": LEAST, "bus": {"bus_bits": 64} | SHORTEST},
    "8x8, longest bursts, largest buffers, no tables": _array(8, 8, 4)
    | PLAIN
    | {"buffers": LARGEST, "bus": {"bus_bits": 64} | LONGEST},
    "8x128, 4-bit weights": _array(8, 128, 8) | {"widths": NARROW},
    "32x16, 32 bits of bus": _array(32, 16, 8) | {"bus": {"bus_bits": 32}},
    "32x16, trees, both": _trees(32, 16, 16) | {"widths": BOTH},
    "16x8": _array(16, 8, 8),
    "16x16, trees, both, 64 bits of bus": _trees(16, 16, 16)
    | {"widths": BOTH, "bus": {"bus_bits": 64}},
}
# Each preset with the channel pool and without it.
PRICED = {
    "nano": ("nano", "nano, no pool"),
    "edge": ("edge", "edge, no pool"),
    "mid": ("mid", "mid, no pool"),
}
FURTHER: dict[str, Overrides] = {
    "nano, no pool": {"preset": "nano", "channel_pool": False},
    "edge, no pool": {"channel_pool": False},
    "mid, no pool": {"preset": "mid", "channel_pool": False},
}
ALL = CALIBRATED | HELD_OUT | FURTHER


def configuration(name: str) -> Config:
    """Return `edge`, or another preset, with some of its sections' fields replaced."""
    overrides = dict(ALL[name])
    fields = load_config(overrides.pop("preset", "edge")).model_dump() | {"name": name}
    for section, values in overrides.items():
        fields[section] = fields[section] | values if isinstance(values, Mapping) else values
    word_bytes = fields["array"]["input_lanes"]
    fields["memory"] |= {"bandwidth_bytes_per_cycle": word_bytes}
    return Config.model_validate(fields)


# What each unit's gates are fitted to; the others are what they are in every configuration.
FEATURES = {
    "convolution": (
        "MACs",
        "MACs of trees",
        "MACs x weight bits",
        "MACs of trees x weight bits",
        "output lanes",
        "unit with a chain",
        "output lanes with a chain",
    ),
    "accumulators": (
        "unit",
        "output lanes",
        "output lanes x weight bits",
        "output lanes x pixel address bits",
    ),
    "rescale": (
        "unit",
        "rescale lanes",
        "rescale lanes of trees",
        "rescale lanes x factor bits",
        "rescale lanes of trees x factor bits",
    ),
    "drain": (
        "unit",
        "unit with tables",
        "unit with a chain",
        "output lane bits",
        "output lanes",
        "rescale lanes",
        "rescale lanes x factor bits",
        "rescale lanes with tables x word bits",
        "pixel address bits",
        "staging address bits",
    ),
    "channel_pool": ("rescale lanes", "rescale lanes with a channel pool"),
    "spatial_pool": ("unit", "output lanes"),
    "table": ("unit with tables", "rescale lanes with tables"),
    "operands": ("unit", "unit with packed taps", "word bits", "input lanes squared"),
    "weight_queue": ("unit", "word bits", "address bits"),
    "feature_buffer": ("unit", "word bits"),
    "read_manager": (
        "unit",
        "word bits",
        "entries for unanswered reads",
        "entries for unanswered reads x feature address bits",
        "feature address bits",
    ),
    "write_manager": ("unit", "word bits"),
    "parameters": ("unit", "rescale lanes", "rescale lanes x factor bits"),
    "staging": ("word bits",),
    "fetch": ("unit", "word bits"),
    "load": ("unit", "address bits", "burst length bits"),
    "issue": ("unit", "unit with packed taps", "word bits", "address bits", "unit with a chain"),
    "store": ("unit", "address bits", "burst length bits"),
    "read_width": ("unit with a narrow bus", "bits of words behind the first beat"),
    "write_width": ("unit with a narrow bus", "bits of words behind the first beat"),
}
TOTAL = "total"
LEAST_SHARE = 0.02  # of the whole, of a unit whose own error is stated

Measured = Mapping[str, Mapping[str, float]]  # gates by configuration and unit


def fitted(measured: Measured) -> dict[str, dict[str, float]]:
    """Fit coefficients by unit and feature: least squares of the relative error over CALIBRATED."""
    values = {name: features(configuration(name)) for name in CALIBRATED if name in measured}
    found: dict[str, dict[str, float]] = {}
    for unit in sorted({unit for gates in measured.values() for unit in gates}):
        chosen = FEATURES.get(unit, ("unit",))
        rows = [name for name in values if measured[name].get(unit)]
        gates = np.array([measured[name][unit] for name in rows])
        matrix = np.array([[values[name][feature] for feature in chosen] for name in rows])
        solution = np.linalg.lstsq(matrix / gates[:, None], np.ones(len(rows)), rcond=None)[0]
        found[unit] = dict(zip(chosen, (round(float(one), 4) for one in solution), strict=True))
    return found


@dataclass(frozen=True)
class GateError:
    """The model's error for one unit, or for the total, of one configuration."""

    configuration: str
    unit: str  # or TOTAL
    gates: float
    ratio: float  # predicted / gates - 1


def errors(measured: Measured, names: Iterable[str]) -> Iterator[GateError]:
    """Yield the error of each configuration's total, then the errors of its larger units.

    A unit counts as large from `LEAST_SHARE` of the whole on.
    """
    coefficients = fitted(measured)
    for name in names:
        values = features(configuration(name))
        gates = measured[name]
        model = {unit: predicted(coefficients[unit], values) for unit in gates}
        whole = sum(gates.values())
        yield GateError(name, TOTAL, whole, sum(model.values()) / whole - 1)
        for unit, count in gates.items():
            if count >= LEAST_SHARE * whole:
                yield GateError(name, unit, count, model[unit] / count - 1)
