"""The energy of one frame, from counted operations and assumed coefficients."""

from collections.abc import Sequence
from dataclasses import dataclass

from hwsim.arch.config import Config
from hwsim.isa.descriptor import Compute
from hwsim.isa.stream import words_behind_weights
from hwsim.program.program import Program
from hwsim.timeline.timeline import Timeline

PICOJOULES_PER_MILLIJOULE = 1e9


@dataclass(frozen=True)
class Energy:
    """The energy of one frame in millijoules, by origin."""

    mac_mj: float
    on_chip_mj: float
    dram_mj: float

    @property
    def total_mj(self) -> float:
        return self.mac_mj + self.on_chip_mj + self.dram_mj


def frame_energy(programs: Sequence[Program], timeline: Timeline) -> Energy | None:
    """Return the energy of issued MACs, of on-chip memory accesses and of the bytes on the bus.

    It is None for a configuration that says nothing of the energy of an operation.
    """
    config = timeline.config
    costs = config.energy
    if costs is None:
        return None
    busy = sum(stage.busy_cycles for stage in timeline.stages)
    bus_bytes = sum(stage.traffic.bytes.total for stage in timeline.stages)
    on_chip = _on_chip_bytes(programs, config, busy, bus_bytes)
    return Energy(
        mac_mj=busy * config.macs_per_cycle * costs.mac_pj / PICOJOULES_PER_MILLIJOULE,
        on_chip_mj=on_chip * costs.on_chip_pj_per_byte / PICOJOULES_PER_MILLIJOULE,
        dram_mj=bus_bytes * costs.dram_pj_per_byte / PICOJOULES_PER_MILLIJOULE,
    )


def _on_chip_bytes(programs: Sequence[Program], config: Config, busy: int, bus_bytes: int) -> int:
    """Return the bytes that are read from or written to on-chip memories.

    In each busy cycle one word of features is read, and the accumulator of every output lane is
    read and written. Each byte on the bus is also written to or read from a buffer, each byte of a
    map that stays on the chip both. Each tile reads its weights; the drain reads accumulators and
    writes staging.
    """
    accumulator_bytes = config.array.output_lanes * config.widths.accumulator_bits // 8
    drained_words = sum(map(_drained_words, programs))
    return (
        busy * (config.word_bytes + 2 * accumulator_bytes)
        + bus_bytes
        + 2 * sum(map(_kept_words, programs)) * config.word_bytes
        + sum(map(_weight_words_read, programs)) * config.word_bytes
        + drained_words * (accumulator_bytes + config.word_bytes)
    )


def _kept_words(program: Program) -> int:
    return sum(part.output_words for part in program.stages if program.keeps(part.stage.output))


def _drained_words(program: Program) -> int:
    """Return how often the drain reads the accumulators of a pixel that it did not just read."""
    return sum(
        tile.pooled_rows * tile.pooled_columns * tile.window_taps
        for tile in program.descriptors
        if type(tile) is Compute and tile.last
    )


def _weight_words_read(program: Program) -> int:
    words = 0
    for descriptor in program.descriptors:
        if type(descriptor) is Compute:
            words += (
                descriptor.weight_blocks * program.config.weight_block_words
                + words_behind_weights(descriptor, program.config)
            )
    return words
