"""The on-chip memories of a configuration, in bits."""

from dataclasses import dataclass

from hwsim.arch.config import ACCUMULATOR_BANKS, FEATURE_BANKS, TABLE_BYTES, Config
from hwsim.isa.fields import PAGE_BYTES
from hwsim.isa.parameters import PARAMETERS

PROGRAM_PAGES = 2
# Decoded descriptors in front of the units, and bursts that wait for their words or for their write
# responses. With each of the former goes a line of the feature buffer, too.
QUEUE_BITS = 10_576
BURSTS_AHEAD = 4


@dataclass(frozen=True)
class OnChipMemory:
    name: str
    bits: int


def on_chip_memories(config: Config) -> tuple[OnChipMemory, ...]:
    """Return every memory of the accelerator with synchronous read; registers count as gates."""
    lanes = config.array.output_lanes
    feature_lines = -(-config.feature_words // FEATURE_BANKS)  # words of a bank
    parameter_bits = sum(entry.bits(config) for entry in PARAMETERS)
    line_bits = (config.feature_words - 1).bit_length()
    table_bits = ACCUMULATOR_BANKS * config.array.rescale_lanes * TABLE_BYTES * 8
    return (
        OnChipMemory("feature buffer", FEATURE_BANKS * feature_lines * config.word_bits),
        OnChipMemory("weight queue", config.buffers.weight_bytes * 8),
        OnChipMemory("accumulators", config.accumulator_bytes * 8),
        OnChipMemory("staging", config.buffers.staging_bytes * 8),
        OnChipMemory("parameters", ACCUMULATOR_BANKS * lanes * parameter_bits),
        *((OnChipMemory("tables", table_bits),) if config.tables else ()),
        OnChipMemory("program", PROGRAM_PAGES * PAGE_BYTES * 8),
        OnChipMemory("queues", QUEUE_BITS + BURSTS_AHEAD * line_bits),
    )
