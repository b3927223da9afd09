"""Everything that `hwsim estimate` knows about one network on one accelerator."""

from dataclasses import dataclass

from hwsim.baselines import materialized, plain, without_constants
from hwsim.compiler import compile_graph
from hwsim.config import Config
from hwsim.cost.energy import Energy, frame_energy
from hwsim.cost.gates import ModuleGates, gate_model
from hwsim.cost.memory import OnChipMemory, on_chip_memories
from hwsim.graph import Graph
from hwsim.program.program import Program
from hwsim.program.traffic import LayerTraffic, add_traffic, traffic_by_layer
from hwsim.timeline import Timeline, time_program

PAPER_SAVING = 0.265  # arXiv 2104.14124, abstract: memory bandwidth saved by virtual feature maps


@dataclass(frozen=True)
class Variant:
    """One way of running the same detector, for comparison. Layers keep the graph's own names."""

    key: str
    description: str
    macs: int
    peak_feature_bytes: int
    layer_names: tuple[str, ...]
    layer_traffic: tuple[LayerTraffic, ...]
    traffic: LayerTraffic


@dataclass(frozen=True)
class Comparison:
    """Totals A, B and C of a condensed network, and B with its maps written before pooling."""

    a: Variant
    b: Variant
    b_unpooled: Variant
    c: Variant

    def feature_saving(self, baseline: Variant) -> float:
        """(B - C) / B of feature bytes."""
        return 1 - self.c.traffic.feature_bytes / baseline.traffic.feature_bytes

    def total_saving(self, baseline: Variant) -> float:
        """(B - C) / B of all bytes."""
        return 1 - self.c.traffic.total_bytes / baseline.traffic.total_bytes


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
        return self.traffic.total_bytes * self.frames_per_second

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


def estimate(graph: Graph, config: Config) -> Estimate:
    """Compile and price a graph; a condensed one beside its baselines."""
    program = compile_graph(graph, config)
    timeline = time_program(program)
    return Estimate(
        graph=graph,
        config=config,
        timeline=timeline,
        traffic=add_traffic([layer.traffic for layer in timeline.layers]),
        energy=frame_energy(timeline),
        gates=gate_model(config),
        memories=on_chip_memories(config),
        comparison=compare(program),
    )


def compare(program: Program) -> Comparison | None:
    """Totals A, B and C of a compiled network, or None if no layer is condensed."""
    graph, config = program.graph, program.config
    if all(layer.channel_pool == 1 for layer in graph.layers):
        return None
    a, b, unpooled = (
        compile_graph(without_constants(baseline), config)
        for baseline in (plain(graph), materialized(graph), materialized(graph, pooled=False))
    )
    return Comparison(
        a=_variant("A", "plain network, same stored shapes, k = 1", a),
        b=_variant("B", "k x C maps written and read back, after the spatial maximum", b),
        b_unpooled=_variant(
            "B'", "k x C maps written and read back, before the spatial maximum", unpooled
        ),
        c=_variant("C", "virtual maps: condensed before they are written", program),
    )


def _variant(key: str, description: str, program: Program) -> Variant:
    layers = traffic_by_layer(program)
    return Variant(
        key,
        description,
        program.graph.macs,
        program.peak_feature_bytes,
        tuple(part.layer.name for part in program.layers),
        tuple(layers),
        add_traffic(layers),
    )
