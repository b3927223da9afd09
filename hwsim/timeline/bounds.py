"""The bounds of the timeline's error, and the range of configurations and memories that has them.

Cycles were compared with the Verilog's on configurations and memories drawn from these ranges:
`testbenches/drawn_pairs.py` draws them, and docs/model.md has what was found.
"""

from dataclasses import dataclass

from hwsim.arch.config import Config


@dataclass(frozen=True)
class CycleBounds:
    """The largest errors of the timeline's cycles, as ratios.

    A layer may be so many `cycles` off, however short it is.
    """

    run: float
    layer: float
    cycles: int

    def holds_layer(self, timeline: int, verilog: int) -> bool:
        """Return True if a layer's cycles on the timeline are as close as they must be."""
        return abs(timeline - verilog) <= max(self.layer * verilog, self.cycles)


MEASURED = CycleBounds(run=0.005, layer=0.01, cycles=4)
LANES = (8, 32)
MOST_MACS = 1024
MOST_RESCALED = 16
LEAST_FEATURE_WORDS = 64
LEAST_STAGING_WORDS = 8
MOST_LATENCY_CYCLES = 1000
LEAST_SHARE = 1 / 16  # of a word per cycle


def cycle_bounds(config: Config) -> CycleBounds | None:
    """Return the bounds of the timeline's error, or None where no Verilog was compared."""
    array, memory = config.array, config.memory
    least_lanes, most_lanes = LANES
    is_measured = (
        least_lanes <= array.input_lanes <= most_lanes
        and least_lanes <= array.output_lanes <= most_lanes
        and config.macs_per_cycle <= MOST_MACS
        and array.rescale_lanes <= MOST_RESCALED
        and config.feature_words >= LEAST_FEATURE_WORDS
        and config.staging_words >= LEAST_STAGING_WORDS
        and memory.latency_cycles <= MOST_LATENCY_CYCLES
        and memory.bandwidth_bytes_per_cycle >= LEAST_SHARE * config.word_bytes
    )
    return MEASURED if is_measured else None
