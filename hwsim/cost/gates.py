"""The gates of an accelerator, unit by unit, from coefficients that were fitted to synthesis.

`make calibrate` synthesizes the configurations of `synthesis/calibration.py`, fits every unit's
gates to features of the configuration, and writes `gate_coefficients.json` with the error on
configurations that were not fitted. The error is stated between the configurations that were
synthesized, and nowhere else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import log2
from typing import Any

from hwsim.arch.chain import has_chain
from hwsim.arch.config import Config
from hwsim.arch.packed import has_packed_taps

COEFFICIENTS = "gate_coefficients.json"
SECTIONS = ("array", "widths", "buffers", "bus")  # the sections that gates depend on


@dataclass(frozen=True)
class ModuleGates:
    """The NAND2 equivalents of one unit of `rtl/`, without its memories."""

    name: str
    gates: int


@dataclass(frozen=True)
class GateModelError:
    """The largest errors, as ratios, among configurations that the model was not fitted to."""

    total: float  # of the whole
    unit: float  # of a unit with at least `least_share` of the whole
    least_share: float


def features(config: Config) -> dict[str, float]:
    """Return the quantities of a configuration that a unit's gates may be proportional to."""
    array, widths, bus = config.array, config.widths, config.bus
    is_tree = array.multipliers == "tree"
    is_narrow = config.beats_per_word > 1
    return {
        "unit": 1,
        "MACs": config.macs_per_cycle,
        "MACs of trees": config.macs_per_cycle * is_tree,
        "MACs of trees x weight bits": config.macs_per_cycle * widths.weight_bits * is_tree,
        "MACs x weight bits": config.macs_per_cycle * widths.weight_bits,
        "output lanes": array.output_lanes,
        "output lane bits": log2(array.output_lanes),
        "output lanes x weight bits": array.output_lanes * widths.weight_bits,
        "unit with packed taps": has_packed_taps(config),
        "unit with a chain": has_chain(config),
        "output lanes with a chain": array.output_lanes * has_chain(config),
        "rescale lanes": array.rescale_lanes,
        "rescale lanes with a channel pool": array.rescale_lanes * config.channel_pool,
        "unit with tables": config.tables,
        "rescale lanes with tables": array.rescale_lanes * config.tables,
        "rescale lanes x factor bits": array.rescale_lanes * widths.multiplier_bits,
        "rescale lanes of trees": array.rescale_lanes * is_tree,
        "rescale lanes of trees x factor bits": (
            array.rescale_lanes * widths.multiplier_bits * is_tree
        ),
        "pixel address bits": log2(config.buffers.accumulator_depth),
        "output lanes x pixel address bits": array.output_lanes
        * log2(config.buffers.accumulator_depth),
        "rescale lanes with tables x word bits": (
            array.rescale_lanes * config.word_bits * config.tables
        ),
        "word bits": config.word_bits,
        "unit with a narrow bus": is_narrow,
        "bits of words behind the first beat": config.word_bits - bus.bus_bits,
        "entries for unanswered reads": config.read_tags,
        "entries for unanswered reads x feature address bits": (
            config.read_tags * (config.feature_words - 1).bit_length()
        ),
        "feature address bits": (config.feature_words - 1).bit_length(),
        "staging address bits": (config.staging_words - 1).bit_length(),
        "burst length bits": log2(config.burst_words),
        "input lanes squared": array.input_lanes**2,
        "address bits": sum(
            words.bit_length()
            for words in (config.feature_words, config.weight_words, config.staging_words)
        ),
    }


def gate_model(config: Config) -> tuple[ModuleGates, ...]:
    """Return the gates of each unit that the configuration builds, the largest first."""
    values = features(config)
    modules = [
        ModuleGates(name, max(0, round(predicted(coefficients, values))))
        for name, coefficients in calibration()["units"].items()
    ]
    return tuple(sorted(modules, key=lambda module: -module.gates))


def predicted(coefficients: Mapping[str, float], values: Mapping[str, float]) -> float:
    """Return the gates of a unit: the sum of coefficient x value over all features."""
    return sum(coefficient * values[name] for name, coefficient in coefficients.items())


def gate_error(config: Config) -> GateModelError | None:
    """Return the error of the model for a configuration, or None if it is not known.

    It is known if an array of the same lanes and multipliers was synthesized and every other number
    that gates depend on lies between the least and the greatest that was synthesized.
    """
    arrays, ranges = _compared()
    wanted = numbers(config)
    if _array(wanted) not in arrays:
        return None
    if not all(least <= wanted[name] <= most for name, (least, most) in ranges.items()):
        return None
    return GateModelError(**calibration()["error"])


def numbers(config: Config) -> dict[str, Any]:
    """Return what gates depend on, by names such as `bus.burst_beats`."""
    return {
        f"{section}.{key}": value
        for section in SECTIONS
        for key, value in getattr(config, section).model_dump().items()
    }


def _array(found: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(found[f"array.{key}"] for key in ("input_lanes", "output_lanes", "multipliers"))


@cache
def _compared() -> tuple[frozenset[tuple[Any, ...]], dict[str, tuple[int, int]]]:
    """Return the synthesized arrays, and the synthesized range of every number."""
    found = list(calibration()["synthesized"].values())
    ranges = {
        name: (min(one[name] for one in found), max(one[name] for one in found))
        for name, value in found[0].items()
        if isinstance(value, int)
    }
    return frozenset(map(_array, found)), ranges


@cache
def calibration() -> dict[str, Any]:
    """Return the file that `make calibrate` wrote: coefficients, error and synthesized figures."""
    text = resources.files("hwsim.cost").joinpath(COEFFICIENTS).read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
