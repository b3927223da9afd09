"""The sections of a configuration: every key, its bounds, and the reason of these.

The text below a key says what it is; from the second line on, why its range is what it is. `make
docs` writes them into docs/configuration.md. Within these bounds every figure of an estimate is
finite, and `hwsim rtl` takes about a minute and 2 GB at most.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer

# The largest buffers that the address fields of descriptors reach; see hwsim/isa/fields.py.
MOST_WORDS = {
    "feature_bytes": (1 << 20) - 1,
    "weight_bytes": (1 << 20) - 1,
    "staging_bytes": 1 << 16,
}
LEAST_WORD_BYTES = 4
LEAST_OUTPUT_LANES = 8
LARGEST_WORD_BYTES = 64
LONGEST_NAME = 64  # characters


def is_power_of_two(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


def must_be_power_of_two(value: int) -> int:
    if not is_power_of_two(value):
        raise ValueError("must be a power of two")
    return value


def must_be_printable(value: str) -> str:
    if not value.isprintable() or not value.strip():
        raise ValueError("must have characters, and only such as can be printed")
    return value


PowerOfTwo = AfterValidator(must_be_power_of_two)
Words = Annotated[
    int, Field(ge=2 * LEAST_WORD_BYTES, le=LARGEST_WORD_BYTES * max(MOST_WORDS.values()))
]
Name = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(must_be_printable)]
Source = Annotated[str, Field(max_length=200), AfterValidator(must_be_printable)]
# Adding 0 makes -0.0 a 0.0.
Picojoules = Annotated[
    float, Field(ge=0, le=1e6, allow_inf_nan=False), AfterValidator(lambda value: value + 0.0)
]


def _thousandths(value: float) -> float:
    """Return a bandwidth, as an integer if it is whole: it then looks the same in every output."""
    if round(value, 3) != value:
        raise ValueError("must have at most three places behind the point")
    return int(value) if value.is_integer() else value


Bandwidth = Annotated[
    float,
    Field(ge=1, le=1024, allow_inf_nan=False),
    AfterValidator(_thousandths),
    PlainSerializer(lambda value: value),  # or else JSON has 8.0 for 8
]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Array(Section):
    """The MAC array: one multiplier for each pair of an input lane and an output lane."""

    input_lanes: Annotated[int, PowerOfTwo, Field(ge=LEAST_WORD_BYTES, le=LARGEST_WORD_BYTES)]
    """Channels of one word, which the array takes in a cycle.
    A word is a beat of the narrowest bus at least, and a descriptor at most. Taps of an image are
    packed from 8 lanes on; 4 lanes take its three channels as they take any other map's.
    """
    output_lanes: Annotated[int, PowerOfTwo, Field(ge=LEAST_OUTPUT_LANES, le=256)]
    """Filters that are computed side by side.
    Half of `input_lanes` to 16 times as many: a tile stores 16 words per pixel at most, and with
    fewer than half the parameters of a block would come too fast for the tables. With half of them,
    two output blocks share a word, and depthwise layers read their weights for each tap. A block of
    8-bit weights has 2^16 bits at most, the longest signal that Amaranth takes: 8192 multipliers.
    """
    rescale_lanes: Annotated[int, Field(ge=1, le=LARGEST_WORD_BYTES)]
    """Accumulators that are rescaled in a cycle.
    They divide the output lanes, and are no more than the input lanes, as staging takes one word
    at a time.
    """
    multipliers: Literal["dsp", "tree"] = "dsp"
    """Name what the multipliers are made of, in the array and the rescale.
    `dsp` has a module of its own for `*` and its register, and suits the multipliers that an FPGA
    has ready; `tree` adds up Booth's rows in carry-save form, for silicon. Values and cycles are
    the same.
    """


class Widths(Section):
    """The widths of operands."""

    activation_bits: Literal[8] = 8
    """Bits of a stored value.
    Networks are quantized to int8.
    """
    weight_bits: Literal[4, 8] = 8
    """Bits of a weight.
    The multipliers are built for one of the two; half a byte is the least that is stored.
    """
    accumulator_bits: Literal[32] = 32
    """Bits of an accumulator.
    A layer whose sums could need more is refused.
    """
    multiplier_bits: Literal[16, 32] = 16
    """Bits of the rescale's multipliers.
    With 16, a factor of 31 bits takes two cycles.
    """


class Buffers(Section):
    """The on-chip memories; the accumulators have two banks of `accumulator_depth` pixels each."""

    feature_bytes: Words
    """The feature buffer, in which tiles of input maps lie.
    Whole words, two at least; descriptors address 1,048,575 words.
    """
    weight_bytes: Words
    """The weight queue.
    Whole words: a burst and a weight block or an output block's parameters and table at least, as
    a block is read when all of it has arrived; descriptors address 1,048,575 words.
    """
    staging_bytes: Words
    """The staging memory, in which outputs wait for the bus.
    Whole words, two at least; descriptors address 65,536 words.
    """
    accumulator_depth: Annotated[int, PowerOfTwo, Field(ge=2, le=512)]
    """Pixels of a bank of accumulators, the largest tile.
    One pixel would have an address of no bits; a tile's sides are fields of 10 bits.
    """


class Bus(Section):
    """The AXI4 manager."""

    bus_bits: Annotated[int, PowerOfTwo, Field(ge=32, le=8 * LARGEST_WORD_BYTES)]
    """Width of the data bus.
    At most that of a word, which is a pixel of a block of channels: `input_lanes` x
    `activation_bits`. A narrower bus takes several beats for a word; AXI4 has 32 bits at least.
    """
    burst_beats: Annotated[int, PowerOfTwo, Field(ge=2, le=256)] = 16
    """Beats of the longest burst.
    AXI4 has 256 at most; two words at least.
    """
    outstanding_reads: Annotated[int, Field(ge=2, le=256)] = 8
    """Read bursts that may be under way at the same time.
    Each takes an entry of a memory that answers in the same cycle, and is made of flip-flops.
    """


class Clock(Section):
    """The clock, which turns cycles into seconds."""

    clock_hz: Annotated[int, Field(ge=1, le=10_000_000_000)]
    """Clock rate in hertz.
    A clock may be stepped by hand; no logic of today reaches 10 GHz.
    """


class ExternalMemory(Section):
    """The reference memory behind the bus, the same in the timeline and in the testbench."""

    latency_cycles: Annotated[int, Field(ge=1, le=1_000_000)]
    """Cycles from a burst's address to its first beat.
    A million cycles are a millisecond at 1 GHz, and no memory is that slow.
    """
    bandwidth_bytes_per_cycle: Bandwidth
    """Bytes per cycle, such as 16 or 6.4, in either direction.
    Any rate above a word per cycle, which is 64 bytes at most, looks the same behind the bus; a
    thousandth of a byte is finer than any memory's rate is known.
    """
    shared: bool = False
    """Let both directions share the bandwidth, as they share a DRAM's pins.
    Reads and writes of an SRAM may have ports of their own.
    """


class Host(Section):
    """The host's part, which needs no hardware."""

    space_to_depth: bool = True
    """Write inputs as space to depth where layers with strides then fill the input lanes.
    A camera that writes pixels by itself may be unable to.
    """


class Energy(Section):
    """The energy of each operation, with the source of its figure: assumed, not calibrated.

    Without this section, estimates leave energy out.
    """

    mac_pj: Picojoules
    """Picojoules of a multiply-accumulate.
    A microjoule per operation is thousands of times what any memory takes.
    """
    mac_source: Source
    """Source of that figure.
    It fits a line or two of a terminal.
    """
    on_chip_pj_per_byte: Picojoules
    """Picojoules of a byte read from or written to an on-chip memory.
    As for `mac_pj`.
    """
    on_chip_source: Source
    """Source of that figure.
    It fits a line or two of a terminal.
    """
    dram_pj_per_byte: Picojoules
    """Picojoules of a byte over the bus.
    As for `mac_pj`.
    """
    dram_source: Source
    """Source of that figure.
    It fits a line or two of a terminal.
    """
