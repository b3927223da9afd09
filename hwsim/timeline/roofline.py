"""The least cycles a layer could take, given its four bottlenecks."""

from dataclasses import dataclass

from hwsim.arch.config import Config
from hwsim.graph import Layer
from hwsim.program.blocking import block_layer


@dataclass(frozen=True)
class Roofline:
    """Cycles that each resource alone would need; the layer cannot be faster than the largest."""

    issue_cycles: int  # the MAC array, lanes filled up to whole blocks
    rescale_cycles: int  # the drain, a pool's windows counted tap by tap
    read_cycles: int
    write_cycles: int

    @property
    def cycles(self) -> int:
        return max(self.issue_cycles, self.rescale_cycles, self.read_cycles, self.write_cycles)

    @property
    def bound(self) -> str:
        """Name of the largest."""
        names = {
            "MAC array": self.issue_cycles,
            "rescale": self.rescale_cycles,
            "reads": self.read_cycles,
            "writes": self.write_cycles,
        }
        return max(names, key=lambda name: names[name])


def roofline(layer: Layer, config: Config, read_bytes: int, write_bytes: int) -> Roofline:
    blocking = block_layer(layer, config)
    shape = layer.convolution_shape
    stored = layer.output.shape
    windows = stored.height * stored.width * layer.spatial_pool.window**2
    cycles_per_byte = 1 / (config.beats_per_cycle * config.word_bytes)
    return Roofline(
        issue_cycles=shape.height * shape.width * blocking.weight_blocks * blocking.output_blocks,
        rescale_cycles=windows * config.rescale_groups * blocking.output_blocks,
        read_cycles=round(read_bytes * cycles_per_byte),
        write_cycles=round(write_bytes * cycles_per_byte),
    )
