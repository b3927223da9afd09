"""Everything that can be chosen about an accelerator, in one frozen `Config` loaded from TOML."""

import difflib
import tomllib
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hwsim.errors import InputError

ACCUMULATOR_BANKS = 2
PARAMETER_BYTES = 16  # one output channel's bias, multipliers and shift, in the weight stream

# What the address fields of descriptors reach; see hwsim/isa/fields.py.
MOST_WORDS = {
    "feature_bytes": (1 << 20) - 1,
    "weight_bytes": (1 << 20) - 1,
    "staging_bytes": 1 << 16,
}
MOST_WORDS_PER_PIXEL = 16  # output lanes / input lanes: a tile stores so many words per pixel

Positive = Annotated[int, Field(gt=0)]
NonNegativeReal = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PositiveReal = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def is_power_of_two(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Array(Section):
    """The MAC array: every cycle, each input lane meets each output lane in one multiplier."""

    input_lanes: Annotated[int, Field(gt=0, le=64)]  # a word is at most one descriptor
    output_lanes: Annotated[int, Field(gt=0, le=1024)]
    rescale_lanes: Positive


class Widths(Section):
    """Operand widths. `multiplier_bits` is the width of the rescaler's fixed-point factor."""

    activation_bits: Literal[8] = 8
    weight_bits: Literal[4, 8] = 8
    accumulator_bits: Literal[32] = 32
    multiplier_bits: Literal[16, 32] = 16


class Buffers(Section):
    """On-chip memories. The accumulators have two banks of `accumulator_depth` pixels each."""

    feature_bytes: Positive
    weight_bytes: Positive
    accumulator_depth: Annotated[int, Field(ge=2, le=512)]  # a tile's sides are 10-bit fields
    staging_bytes: Positive


class Bus(Section):
    """The AXI4 manager. `bus_bits` is also the width of a word in every on-chip buffer."""

    bus_bits: Positive
    burst_beats: Annotated[int, Field(ge=2, le=256)] = 16
    outstanding_reads: Annotated[int, Field(ge=2, le=256)] = 8


class Clock(Section):
    clock_hz: Annotated[int, Field(gt=0, le=100_000_000_000)]


class ExternalMemory(Section):
    """The reference memory behind the bus, the same in the timeline and in the testbench."""

    latency_cycles: Annotated[int, Field(gt=0, le=1_000_000)]
    bandwidth_bytes_per_cycle: Positive


class Energy(Section):
    """Energy per operation, each with the source of its figure. Assumed, not calibrated."""

    mac_pj: NonNegativeReal
    mac_source: str
    on_chip_pj_per_byte: NonNegativeReal
    on_chip_source: str
    dram_pj_per_byte: NonNegativeReal
    dram_source: str


class Config(Section):
    """One accelerator. Raises `InputError` in one line where two choices contradict each other."""

    name: str
    channel_pool: bool = True
    array: Array
    widths: Widths
    buffers: Buffers
    bus: Bus
    clock: Clock
    memory: ExternalMemory
    energy: Energy

    @cached_property
    def word_bytes(self) -> int:
        """Bytes of one word: of the bus, of a feature block's pixel, of every buffer."""
        return self.bus.bus_bits // 8

    @cached_property
    def macs_per_cycle(self) -> int:
        return self.array.input_lanes * self.array.output_lanes

    @cached_property
    def weight_block_words(self) -> int:
        """Words of one block of weights: input lanes x output lanes for one tap."""
        return self.macs_per_cycle * self.widths.weight_bits // self.bus.bus_bits

    @cached_property
    def parameter_words(self) -> int:
        """Words of bias and rescale parameters that follow an output block's weights."""
        return self.array.output_lanes * PARAMETER_BYTES // self.word_bytes

    @cached_property
    def feature_words(self) -> int:
        return self.buffers.feature_bytes // self.word_bytes

    @cached_property
    def weight_words(self) -> int:
        return self.buffers.weight_bytes // self.word_bytes

    @cached_property
    def staging_words(self) -> int:
        return self.buffers.staging_bytes // self.word_bytes

    @cached_property
    def accumulator_bytes(self) -> int:
        pixel_bits = self.array.output_lanes * self.widths.accumulator_bits
        return ACCUMULATOR_BANKS * self.buffers.accumulator_depth * pixel_bits // 8

    @cached_property
    def rescale_groups(self) -> int:
        """Cycles that the rescaler needs for one pixel of all output lanes."""
        return self.array.output_lanes // self.array.rescale_lanes

    @cached_property
    def beats_per_cycle(self) -> float:
        """Rate at which the external memory fills the bus, at most one beat per cycle."""
        return min(1.0, self.memory.bandwidth_bytes_per_cycle / self.word_bytes)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        array, buffers, word_bits = self.array, self.buffers, self.bus.bus_bits
        rules = [
            (
                self.name.isprintable() and bool(self.name.strip()),
                f"name = {self.name!r} must have characters, and only such as can be printed",
            ),
            (
                is_power_of_two(array.input_lanes) and array.input_lanes >= 8,
                f"array.input_lanes = {array.input_lanes} must be a power of two, at least 8",
            ),
            (
                is_power_of_two(array.output_lanes),
                f"array.output_lanes = {array.output_lanes} must be a power of two",
            ),
            (
                array.output_lanes % array.input_lanes == 0,
                f"array.output_lanes = {array.output_lanes} must be a multiple of "
                f"array.input_lanes = {array.input_lanes}",
            ),
            (
                array.output_lanes <= MOST_WORDS_PER_PIXEL * array.input_lanes,
                f"array.output_lanes = {array.output_lanes} must be at most "
                f"{MOST_WORDS_PER_PIXEL} x array.input_lanes = "
                f"{MOST_WORDS_PER_PIXEL * array.input_lanes}",
            ),
            (
                array.output_lanes % array.rescale_lanes == 0,
                f"array.rescale_lanes = {array.rescale_lanes} must divide "
                f"array.output_lanes = {array.output_lanes}",
            ),
            (
                array.rescale_lanes <= array.input_lanes,
                f"array.rescale_lanes = {array.rescale_lanes} must be at most "
                f"array.input_lanes = {array.input_lanes}: staging takes one word at a time",
            ),
            (
                word_bits == array.input_lanes * self.widths.activation_bits,
                f"bus.bus_bits = {word_bits} must be array.input_lanes x widths.activation_bits = "
                f"{array.input_lanes * self.widths.activation_bits}: a word is a pixel of a block",
            ),
            (
                is_power_of_two(self.bus.burst_beats),
                f"bus.burst_beats = {self.bus.burst_beats} must be a power of two",
            ),
            (
                is_power_of_two(buffers.accumulator_depth),
                f"buffers.accumulator_depth = {buffers.accumulator_depth} must be a power of two",
            ),
            (
                is_power_of_two(self.memory.bandwidth_bytes_per_cycle),
                f"memory.bandwidth_bytes_per_cycle = {self.memory.bandwidth_bytes_per_cycle} "
                "must be a power of two",
            ),
        ]
        for field, most_words in MOST_WORDS.items():
            value = getattr(buffers, field)
            word_bytes = word_bits // 8
            rules += [
                (
                    value * 8 % word_bits == 0,
                    f"buffers.{field} = {value} must be a multiple of a word, {word_bytes}",
                ),
                (
                    value >= 2 * word_bytes,
                    f"buffers.{field} = {value} must hold at least two words, {2 * word_bytes}",
                ),
                (
                    value <= most_words * word_bytes,
                    f"buffers.{field} = {value}: descriptors address at most "
                    f"{most_words * word_bytes} with words of {word_bytes}",
                ),
            ]
        for holds, broken in rules:
            if not holds:
                raise ValueError(broken)
        # A block is read once it is there as a whole, and its end may lie in a further burst.
        longest_words = max(self.weight_block_words, self.parameter_words)
        least_words = longest_words + self.bus.burst_beats
        if self.weight_words < least_words:
            raise ValueError(
                f"buffers.weight_bytes = {buffers.weight_bytes} must hold a burst and a weight "
                f"block or an output block's parameters: at least {least_words * self.word_bytes}"
            )
        return self


PRESETS = ("nano", "edge", "mid")


def preset_text(name: str) -> str:
    """The TOML of a built-in configuration, comments included."""
    if name not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise InputError(f"no preset '{name}': {hint}presets are {', '.join(PRESETS)}")
    return resources.files("hwsim.arch").joinpath(f"presets/{name}.toml").read_text("utf-8")


def parse_config(text: str, origin: str) -> Config:
    """Build a `Config` from TOML text; `origin` names the text in error messages."""
    try:
        return Config.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{origin}: not valid TOML: {error}") from None
    except ValidationError as error:
        raise InputError(f"{origin}: {first_line(error)}") from None


def load_config(name_or_path: str) -> Config:
    """Load a preset by name, or a TOML file by path (anything with a slash or ending in .toml)."""
    if "/" not in name_or_path and not name_or_path.endswith(".toml"):
        return parse_config(preset_text(name_or_path), f"preset {name_or_path}")
    try:
        text = Path(name_or_path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise InputError(f"cannot read config '{name_or_path}': {reason}") from None
    return parse_config(text, name_or_path)


def first_line(error: ValidationError) -> str:
    """The first violated rule, with its place in the file and the value found there."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown key '{place}'"
    if first["type"] == "missing":
        return f"missing key '{place}'"
    message = first["msg"].removeprefix("Value error, ")
    return f"{place} = {first['input']!r}: {message}" if place else message
