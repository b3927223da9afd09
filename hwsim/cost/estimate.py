"""The estimate of one network on one accelerator."""

from dataclasses import dataclass
from functools import cached_property

from hwsim.arch.config import Config
from hwsim.cost.comparison import Comparison, compare
from hwsim.cost.energy import Energy, frame_energy
from hwsim.cost.gates import ModuleGates, gate_model
from hwsim.cost.memory import OnChipMemory, on_chip_memories
from hwsim.graph import Graph
from hwsim.program.network_plan import NetworkProgram
from hwsim.program.traffic import StageTraffic, add_traffic
from hwsim.timeline import Timeline


@dataclass(frozen=True)
class Estimate:
    """All figures that follow from a network's programs and from the timeline of all of them.

    Each is computed at its first use.
    """

    program: NetworkProgram
    timeline: Timeline

    @property
    def graph(self) -> Graph:
        return self.program.graph

    @property
    def config(self) -> Config:
        return self.program.config

    @cached_property
    def traffic(self) -> StageTraffic:
        """The bytes of all stages together."""
        return add_traffic([stage.traffic for stage in self.timeline.stages])

    @cached_property
    def energy(self) -> Energy | None:
        """The energy of a frame; None where the configuration has no coefficients."""
        return frame_energy(self.program.programs, self.timeline)

    @cached_property
    def gates(self) -> tuple[ModuleGates, ...]:
        return gate_model(self.config)

    @cached_property
    def memories(self) -> tuple[OnChipMemory, ...]:
        return on_chip_memories(self.config)

    @cached_property
    def comparison(self) -> Comparison | None:
        """The network beside its baselines; None if it has no condensed stage."""
        return compare(self.program.programs[0])  # condensed networks have one

    @property
    def frames_per_second(self) -> float:
        return self.config.clock.clock_hz / self.timeline.cycles

    @property
    def mac_utilisation(self) -> float:
        """The useful MACs as a share of those that the array can do in the same cycles."""
        return self.graph.macs / (self.timeline.cycles * self.config.macs_per_cycle)

    @property
    def busy_share(self) -> float:
        """The share of cycles in which a pixel enters the array."""
        return sum(stage.busy_cycles for stage in self.timeline.stages) / self.timeline.cycles

    @property
    def average_bytes_per_second(self) -> float:
        return self.traffic.bytes.total * self.frames_per_second

    @property
    def peak_feature_bytes(self) -> int:
        return self.program.peak_feature_bytes

    @property
    def least_feature_bytes(self) -> int:
        """The lower bound of the peak: what is alive during one stage, at its largest."""
        return self.program.least_feature_bytes

    @property
    def peak_feature_stage(self) -> str:
        """The name of the stage whose inputs and output together take the most memory."""
        sizes = {name: region.size_bytes for name, region in self.program.tensors.items()}
        return max(
            self.graph.stages,
            key=lambda stage: sum(
                sizes.get(tensor.name, 0) for tensor in (*stage.inputs, stage.output)
            ),
        ).name
