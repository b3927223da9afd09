"""Everything that can be chosen about an accelerator, in one frozen `Config` loaded from TOML.

Its sections and their keys stand in `hwsim/arch/sections.py`; here are the rules between them.
"""

import difflib
import tomllib
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from importlib import resources
from itertools import chain
from math import ceil
from typing import Self, get_args

from pydantic import ValidationError, model_validator

from hwsim.arch.refusal import first_line, shortened
from hwsim.arch.sections import (
    MOST_WORDS,
    Array,
    Buffers,
    Bus,
    Clock,
    Energy,
    ExternalMemory,
    Host,
    Name,
    Section,
    Widths,
)
from hwsim.errors import InputError
from hwsim.escape import quoted
from hwsim.files import read_file

ACCUMULATOR_BANKS = 2
FEATURE_BANKS = 2  # of the feature buffer, for even and for odd words
PARAMETER_BYTES = 16  # one output channel's bias, multipliers and shift, in the weight stream
TABLE_BYTES = 256  # a value for each int8, in the weight stream behind the parameters
MOST_WORDS_PER_PIXEL = 16  # output lanes / input lanes: a tile stores so many words per pixel
# A block of 8-bit weights then has 2^16 bits, the longest signal that Amaranth takes.
MOST_MACS_PER_CYCLE = 1 << 13
LARGEST_FILE_BYTES = 1 << 16  # of TOML: forty times a preset
LONGEST_LINE = 1000  # characters: tomllib takes minutes for a key of ten thousand dots
LONGEST_KEY = 40  # characters of a misspelt one that are compared


class Config(Section):
    """The configuration of one accelerator; no two of its values contradict each other."""

    name: Name
    """Name of the configuration, for people.
    It fits a line of a table.
    """
    channel_pool: bool = True
    """Build the unit that condenses k output channels into one."""
    tables: bool = True
    """Build the memories of functions of a stored value."""
    residency: bool = True
    """Let maps stay in the feature buffer where that moves fewer bytes.
    The compiler chooses them; every accelerator is built for both.
    """
    array: Array
    widths: Widths
    buffers: Buffers
    bus: Bus
    clock: Clock
    memory: ExternalMemory
    host: Host = Host()
    energy: Energy | None = None

    @property
    def without_residency(self) -> Self:
        """The same accelerator and memory, for programs whose maps all lie in memory."""
        return self.model_copy(update={"residency": False})

    @cached_property
    def word_bits(self) -> int:
        """The bits of a word, which is a pixel of a block and one entry of every buffer."""
        return self.array.input_lanes * self.widths.activation_bits

    @cached_property
    def word_bytes(self) -> int:
        return self.word_bits // 8

    @cached_property
    def bus_bytes(self) -> int:
        """The bytes of a beat of the bus."""
        return self.bus.bus_bits // 8

    @cached_property
    def beats_per_word(self) -> int:
        """The beats of the bus that carry a word, one where the bus is as wide as a word."""
        return self.word_bits // self.bus.bus_bits

    @cached_property
    def burst_words(self) -> int:
        """The words of the longest burst."""
        return self.bus.burst_beats // self.beats_per_word

    @cached_property
    def read_tags(self) -> int:
        """The entries of the memory that says whose each unanswered burst is: a power of two."""
        return 1 << (self.bus.outstanding_reads - 1).bit_length()

    @cached_property
    def macs_per_cycle(self) -> int:
        return self.array.input_lanes * self.array.output_lanes

    @cached_property
    def weight_block_words(self) -> int:
        """The words of one weight block: input lanes x output lanes weights for one tap."""
        return self.macs_per_cycle * self.widths.weight_bits // self.word_bits

    @cached_property
    def parameter_words(self) -> int:
        """The words of parameters that follow the weights of an output block."""
        return self.array.output_lanes * PARAMETER_BYTES // self.word_bytes

    @cached_property
    def table_words(self) -> int:
        """The words of a table that may follow the parameters."""
        return TABLE_BYTES // self.word_bytes

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
    def rescale_slices(self) -> int:
        """The slices of a pixel: cycles that the rescale takes for all its output lanes."""
        return self.array.output_lanes // self.array.rescale_lanes

    @cached_property
    def cycles_per_beat(self) -> Fraction:
        """The time that the external memory takes for a beat of the bus, at least one cycle.

        The bandwidth is taken as it is written: 6.4 bytes per cycle are 32/5.
        """
        bandwidth = Fraction(str(self.memory.bandwidth_bytes_per_cycle))
        return max(Fraction(1), self.bus.bus_bits / (8 * bandwidth))

    @cached_property
    def burst_cycles(self) -> int:
        """The cycles that the external memory takes for the beats of a full burst."""
        return ceil(self.bus.burst_beats * self.cycles_per_beat)

    @cached_property
    def beats_per_cycle(self) -> float:
        """The rate at which the external memory fills the bus, at most one beat per cycle."""
        return float(1 / self.cycles_per_beat)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for holds, broken in chain(self._lane_rules(), self._buffer_rules()):
            if not holds:
                raise ValueError(broken)
        return self

    def _lane_rules(self) -> Iterator[tuple[bool, str]]:
        """Yield (holds, message) for each rule about lanes."""
        array = self.array
        lanes_in, lanes_out, rescaled = array.input_lanes, array.output_lanes, array.rescale_lanes
        # The parameters of an output block fill 8 words then. With fewer, the next table would come
        # while the last one is still looked up.
        yield (
            2 * lanes_out >= lanes_in,
            f"array.output_lanes = {lanes_out} must be at least half of "
            f"array.input_lanes = {lanes_in}",
        )
        yield (
            lanes_out <= MOST_WORDS_PER_PIXEL * lanes_in,
            f"array.output_lanes = {lanes_out} must be at most "
            f"{MOST_WORDS_PER_PIXEL} x array.input_lanes = {MOST_WORDS_PER_PIXEL * lanes_in}",
        )
        yield (
            self.macs_per_cycle <= MOST_MACS_PER_CYCLE,
            f"array.output_lanes = {lanes_out} x array.input_lanes = {lanes_in} "
            f"must be at most {MOST_MACS_PER_CYCLE} multipliers",
        )
        yield (
            lanes_out % rescaled == 0,
            f"array.rescale_lanes = {rescaled} must divide array.output_lanes = {lanes_out}",
        )
        yield (
            rescaled <= lanes_in,
            f"array.rescale_lanes = {rescaled} must be at most array.input_lanes = {lanes_in}: "
            "staging takes one word at a time",
        )
        bus_bits, word_bits, beats = self.bus.bus_bits, self.word_bits, self.beats_per_word
        yield (
            bus_bits <= word_bits,
            f"bus.bus_bits = {bus_bits} must be at most a word, array.input_lanes x "
            f"widths.activation_bits = {word_bits}",
        )
        yield (
            self.bus.burst_beats >= 2 * beats,
            f"bus.burst_beats = {self.bus.burst_beats} must be at least two words, {2 * beats} "
            "beats",
        )

    def _buffer_rules(self) -> Iterator[tuple[bool, str]]:
        """Yield (holds, message) for each rule about the size of a buffer."""
        word_bytes = self.word_bytes
        for field, most_words in MOST_WORDS.items():
            value = getattr(self.buffers, field)
            yield (
                value % word_bytes == 0,
                f"buffers.{field} = {value} must be a multiple of a word, {word_bytes}",
            )
            yield (
                value >= 2 * word_bytes,
                f"buffers.{field} = {value} must hold at least two words, {2 * word_bytes}",
            )
            yield (
                value <= most_words * word_bytes,
                f"buffers.{field} = {value}: descriptors address at most "
                f"{most_words * word_bytes} with words of {word_bytes}",
            )
        # A weight block is read when all of it has arrived, and its end may need one more burst.
        behind_words = self.parameter_words + (self.table_words if self.tables else 0)
        longest_words = max(self.weight_block_words, behind_words)
        least_words = longest_words + self.burst_words
        behind = "parameters and table" if self.tables else "parameters"
        yield (
            self.weight_words >= least_words,
            f"buffers.weight_bytes = {self.buffers.weight_bytes} must hold a burst and a weight "
            f"block or an output block's {behind}: at least {least_words * word_bytes}",
        )


def section_of(annotation: object) -> type[Section] | None:
    """Return the section that a field of `Config` holds; None where it holds a value."""
    kinds = get_args(annotation) or (annotation,)
    sections = (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Section))
    return next(sections, None)


def keys() -> tuple[str, ...]:
    """Return every key of a configuration; a dot parts a section from its keys."""
    found: list[str] = []
    for name, field in Config.model_fields.items():
        section = section_of(field.annotation)
        found += [f"{name}.{key}" for key in section.model_fields] if section else [name]
    return tuple(found)


def near_key(key: str) -> str:
    """Return the end of a message about an unknown key: the known one that was meant, if any is."""
    known = (*keys(), *Config.model_fields)
    near = difflib.get_close_matches(key[:LONGEST_KEY], known, n=1)
    return f": did you mean '{near[0]}'?" if near else ""


def broken_rule(error: ValidationError) -> str:
    """Return the first rule that a configuration breaks, in one line."""
    return first_line(error, near_key)


PRESETS = ("nano", "edge", "mid")


def preset_text(name: str) -> str:
    """Return the TOML text of a built-in configuration, with its comments."""
    if name not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise InputError(f"no preset {quoted(name)}: {hint}presets are {', '.join(PRESETS)}")
    return resources.files("hwsim.arch").joinpath(f"presets/{name}.toml").read_text("utf-8")


def parse_config(text: str, origin: str) -> Config:
    """Build a `Config` from TOML text; `origin` names the text in error messages."""
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > LONGEST_LINE:
            raise InputError(
                f"{origin}: line {number} has {len(line):,} characters, at most {LONGEST_LINE:,}"
            )
    try:
        return Config.model_validate(tomllib.loads(text))
    except ValidationError as error:
        reason = broken_rule(error)
    except ValueError as error:  # tomllib's own, or int's where Python allows it fewer digits
        reason = f"not valid TOML: {shortened(str(error))}"
    except RecursionError:
        reason = "not valid TOML: its brackets are nested too deeply"
    raise InputError(f"{origin}: {reason}")


def config_path(name_or_path: str) -> str | None:
    """Return the path of a TOML file, which contains a slash or ends in .toml; None for a name."""
    is_path = "/" in name_or_path or name_or_path.lower().endswith(".toml")
    return name_or_path if is_path else None


def load_config(name_or_path: str) -> Config:
    """Load a preset by its name or a TOML file by its path."""
    if config_path(name_or_path) is None:
        return parse_config(preset_text(name_or_path), f"preset {name_or_path}")
    content = read_file("config", name_or_path, LARGEST_FILE_BYTES)
    try:
        text = content.decode("utf-8-sig")  # with or without a byte order mark
    except UnicodeDecodeError:
        raise InputError(f"cannot read config {quoted(name_or_path)}: not UTF-8 text") from None
    return parse_config(text, name_or_path)
