"""On-chip memories of a configuration, in bits."""

from dataclasses import dataclass

from hwsim.config import ACCUMULATOR_BANKS, PARAMETER_BYTES, Config
from hwsim.program.fields import PAGE_BYTES

PROGRAM_PAGES = 2


@dataclass(frozen=True)
class OnChipMemory:
    name: str
    bits: int


def on_chip_memories(config: Config) -> tuple[OnChipMemory, ...]:
    """Every memory of the accelerator that is built of RAM cells; registers count as gates."""
    lanes = config.array.output_lanes
    return (
        OnChipMemory("feature buffer", config.buffers.feature_bytes * 8),
        OnChipMemory("weight queue", config.buffers.weight_bytes * 8),
        OnChipMemory("accumulators", config.accumulator_bytes * 8),
        OnChipMemory("staging", config.buffers.staging_bytes * 8),
        OnChipMemory("parameters", ACCUMULATOR_BANKS * lanes * PARAMETER_BYTES * 8),
        OnChipMemory("program", PROGRAM_PAGES * PAGE_BYTES * 8),
    )
