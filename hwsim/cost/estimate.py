"""The figures of one network on one accelerator, and of the baselines beside it."""

from dataclasses import dataclass

from hwsim.arch.config import Config
from hwsim.cost.energy import Energy
from hwsim.cost.gates import ModuleGates
from hwsim.cost.memory import OnChipMemory
from hwsim.graph import Graph
from hwsim.program.traffic import ByteCounts, LayerTraffic
from hwsim.timeline import Timeline

PAPER_SAVING = 0.265  # arXiv 2104.14124, abstract: memory bandwidth saved by virtual feature maps


@dataclass(frozen=True)
class Variant:
    """One way of running the same detector, for comparison. Layers keep the graph's own names."""

    key: str
    description: str
    macs: int
    peak_feature_bytes: int
    layer_names: tuple[str, ...]
    layer_bytes: tuple[ByteCounts, ...]
    bytes: ByteCounts


@dataclass(frozen=True)
class Comparison:
    """Totals A, B and C of a condensed network, and B with its maps written before pooling."""

    a: Variant
    b: Variant
    b_unpooled: Variant
    c: Variant

    def feature_saving(self, baseline: Variant) -> float:
        """(B - C) / B of feature bytes."""
        return 1 - self.c.bytes.features / baseline.bytes.features

    def total_saving(self, baseline: Variant) -> float:
        """(B - C) / B of all bytes."""
        return 1 - self.c.bytes.total / baseline.bytes.total


@dataclass(frozen=True)
class Estimate:
    """`comparison` is None for a network in which nothing is condensed."""

    graph: Graph
    config: Config
    timeline: Timeline
    traffic: LayerTraffic
    energy: Energy
    gates: tuple[ModuleGates, ...]
    memories: tuple[OnChipMemory, ...]
    comparison: Comparison | None

    @property
    def frames_per_second(self) -> float:
        return self.config.clock.clock_hz / self.timeline.cycles

    @property
    def mac_utilisation(self) -> float:
        """Useful MACs over what the array could have done in the same cycles."""
        return self.graph.macs / (self.timeline.cycles * self.config.macs_per_cycle)

    @property
    def busy_share(self) -> float:
        """Share of cycles in which a pixel entered the array."""
        return sum(layer.busy_cycles for layer in self.timeline.layers) / self.timeline.cycles

    @property
    def average_bytes_per_second(self) -> float:
        return self.traffic.bytes.total * self.frames_per_second

    @property
    def peak_feature_bytes(self) -> int:
        return self.timeline.program.peak_feature_bytes

    @property
    def peak_feature_layer(self) -> str:
        """The layer whose input and output together cause the peak."""
        regions = self.timeline.program.tensors
        return max(
            self.graph.layers,
            key=lambda layer: (
                regions[layer.input.name].size_bytes + regions[layer.output.name].size_bytes
            ),
        ).name
