"""The roofline: the cycles for which a stage needs each of four resources."""

from collections.abc import Sequence
from dataclasses import dataclass

from hwsim.arch.config import Config
from hwsim.graph import Stage
from hwsim.program.blocking import block_stage
from hwsim.program.drain_reads import has_wide_factors, reads_per_pixel


@dataclass(frozen=True)
class Roofline:
    """The cycles for which each resource is needed; no program takes fewer than `whole` says.

    A stage alone may take fewer: what it reads may come, and where it reads none of their results
    it may begin, while the stages before still run.
    """

    issue_cycles: int  # the MAC array, with channels filled up to whole blocks
    rescale_cycles: int  # the drain, one read of accumulators per cycle
    read_cycles: int
    write_cycles: int
    shares_memory: bool = False  # reads and writes take turns

    @property
    def memory_cycles(self) -> int:
        if self.shares_memory:
            return self.read_cycles + self.write_cycles
        return max(self.read_cycles, self.write_cycles)

    @property
    def cycles(self) -> int:
        return max(self.issue_cycles, self.rescale_cycles, self.memory_cycles)

    @property
    def bound(self) -> str:
        """The name of the resource that needs the most cycles."""
        names = {
            "MAC array": self.issue_cycles,
            "rescale": self.rescale_cycles,
            "reads": self.read_cycles,
            "writes": self.write_cycles,
            "reads and writes": self.memory_cycles,
        }
        return max(names, key=lambda name: names[name])


def whole(stages: Sequence[Roofline]) -> Roofline:
    """Return the cycles for which all stages need each resource, which serves them in turn."""
    return Roofline(
        sum(stage.issue_cycles for stage in stages),
        sum(stage.rescale_cycles for stage in stages),
        sum(stage.read_cycles for stage in stages),
        sum(stage.write_cycles for stage in stages),
        any(stage.shares_memory for stage in stages),
    )


def roofline(stage: Stage, config: Config, read_bytes: int, write_bytes: int) -> Roofline:
    """Return the roofline of a stage that moves these bytes."""
    blocking, pool = block_stage(stage, config), stage.spatial_pool
    computed, stored = stage.convolution_shape, stage.output.shape
    read = pool.read(computed.height, 0), pool.read(computed.width, 1)
    reads = reads_per_pixel(config, pool.taps, has_wide_factors(stage, config))
    return Roofline(
        issue_cycles=blocking.least_issue_cycles(*read) * blocking.output_blocks,
        rescale_cycles=stored.height * stored.width * reads * blocking.output_blocks,
        read_cycles=int(read_bytes // config.bus_bytes * config.cycles_per_beat),
        write_cycles=int(write_bytes // config.bus_bytes * config.cycles_per_beat),
        shares_memory=config.memory.shared,
    )
