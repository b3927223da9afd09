"""The roofline: the least cycles that a stage can take, by its four bottlenecks."""

from dataclasses import dataclass

from hwsim.arch.config import Config
from hwsim.graph import Stage
from hwsim.program.blocking import block_stage
from hwsim.program.drain_reads import has_wide_factors, reads_per_pixel


@dataclass(frozen=True)
class Roofline:
    """The cycles that each resource alone needs; a stage takes at least the largest of them."""

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


def roofline(stage: Stage, config: Config, read_bytes: int, write_bytes: int) -> Roofline:
    """Return the roofline of a stage that moves these bytes."""
    blocking = block_stage(stage, config)
    shape = stage.convolution_shape
    stored = stage.output.shape
    reads = reads_per_pixel(config, stage.spatial_pool.taps, has_wide_factors(stage, config))
    cycles_per_byte = 1 / (config.beats_per_cycle * config.bus.bus_bits / 8)
    return Roofline(
        issue_cycles=shape.height
        * shape.width
        * blocking.cycles_per_pixel
        * blocking.output_blocks,
        rescale_cycles=stored.height * stored.width * reads * blocking.output_blocks,
        read_cycles=round(read_bytes * cycles_per_byte),
        write_cycles=round(write_bytes * cycles_per_byte),
        shares_memory=config.memory.shared,
    )
