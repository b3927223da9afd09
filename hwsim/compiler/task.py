"""The input of code generation for one stage."""

from dataclasses import dataclass

from hwsim.arch.config import Config
from hwsim.graph import Stage
from hwsim.program.program import Region
from hwsim.program.schedule import Ring, Schedule


@dataclass(frozen=True)
class Task:
    """A stage, its tiling, and its regions of memory."""

    stage: Stage
    schedule: Schedule
    config: Config
    weights: Region
    inputs: tuple[Region | None, ...]  # of each source's tensor; none of one that is resident
    output: Region | Ring  # in memory, or in the feature buffer

    def blocks_of(self, bundles: range) -> tuple[int, int]:
        """Return (first, count) of the output blocks in these bundles."""
        blocking = self.schedule.blocking
        first = bundles.start * blocking.bundle_blocks
        return first, min(bundles.stop * blocking.bundle_blocks, blocking.output_blocks) - first
