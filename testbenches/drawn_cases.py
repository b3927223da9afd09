"""Networks and memories drawn by hypothesis, so small that hundreds of them run in Verilog."""

from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st
from pydantic import TypeAdapter

from hwsim.arch.config import Config
from hwsim.compiler import compile_graph
from hwsim.graph import Shape
from hwsim.graph.records import GraphRecord
from hwsim.passes.weight_width import with_weight_bits
from hwsim.program.program import WINDOW_BYTES, Program
from hwsim.program.relocate import relocate
from hwsim.testbenches.cases import CaseStage, drawn_layers, with_constants
from hwsim.testbenches.drawn_pools import spatial_pools
from tests.drawn import branching_graphs

LATENCIES = st.sampled_from([1, 2, 7, 60, 60, 150])  # cycles
MOST_CHANNELS = 48
LONGEST_SIDE = 24  # pixels
MOST_STAGES = 3
MOST_NETWORKS = 3
WIDE_STAGES = st.sampled_from([(), (0,), (1,), (0, 2), (0, 1, 2)])


@dataclass(frozen=True)
class Network:
    """A chain of layers, with the place of its program in memory."""

    shape: Shape
    stages: tuple[CaseStage, ...]
    seed: int  # seed of the constants
    base: int
    wide_stages: tuple[int, ...] = ()  # numbers of stages whose factors have 31 bits

    def program(self, config: Config) -> Program:
        name = f"drawn {self.seed}"
        wide = self.wide_stages
        graph = drawn_layers(name, self.shape, self.stages, config, self.seed, wide)
        return relocate(compile_graph(graph, config), self.base)

    @property
    def layers(self) -> int:
        return len(self.stages)

    @property
    def condenses(self) -> bool:
        return any(stage.k > 1 for stage in self.stages)


@dataclass(frozen=True)
class BranchingNetwork:
    """A graph of any geometry, with the place of its program in memory."""

    graph: GraphRecord
    seed: int
    base: int
    wide_stages: tuple[int, ...] = ()

    def program(self, config: Config) -> Program:
        graph = with_weight_bits(self.graph.graph(), config.widths.weight_bits)
        graph = with_constants(graph, config, self.seed, self.wide_stages)
        return relocate(compile_graph(graph, config), self.base)

    @property
    def layers(self) -> int:
        return len(self.graph.stages)

    @property
    def condenses(self) -> bool:
        return any(stage.channel_pool > 1 for stage in self.graph.stages)


@dataclass(frozen=True)
class DrawnCase:
    """Networks that run one after the other, without a reset between them."""

    networks: tuple[Network | BranchingNetwork, ...]
    latency_cycles: int
    bandwidth_bytes_per_cycle: float
    hesitates: bool  # every channel of the memory pauses at random
    note: str = ""  # the reason for keeping it
    maps_stay: bool = False  # on the chip, where that saves bytes

    @property
    def layers(self) -> int:
        return sum(network.layers for network in self.networks)

    @property
    def condenses(self) -> bool:
        return any(network.condenses for network in self.networks)

    def programs(self, built: Config) -> list[Program]:
        """Compile every network for the accelerator `built`, behind the memory of this case.

        Raises `InputError` if the accelerator cannot run one of the networks.
        """
        config = self._config(built)
        return [network.program(config) for network in self.networks]

    def _config(self, built: Config) -> Config:
        memory = {
            "latency_cycles": self.latency_cycles,
            "bandwidth_bytes_per_cycle": min(self.bandwidth_bytes_per_cycle, built.word_bytes),
        }
        data = built.model_dump()
        changed = {"memory": data["memory"] | memory, "residency": self.maps_stay}
        return Config.model_validate(data | changed)


CASE = TypeAdapter(DrawnCase)
KEPT = Path(__file__).with_name("kept_cases.jsonl")


def kept_cases(built: Config) -> list[DrawnCase]:
    """Return the kept cases that a build can run: they failed once, or see rare bins."""
    cases = [CASE.validate_json(line) for line in KEPT.read_text("utf-8").splitlines()]
    return [case for case in cases if built.channel_pool or not case.condenses]


@st.composite
def networks(draw: st.DrawFn, config: Config) -> Network:
    is_image = draw(st.booleans())
    sides = st.integers(1, LONGEST_SIDE)
    stages = []
    for index in range(draw(st.integers(1, MOST_STAGES))):
        k = draw(st.sampled_from([1, 2, 4, 8])) if config.channel_pool else 1
        kernel = 3 if is_image and index == 0 else draw(st.sampled_from([1, 3]))
        stored = draw(st.integers(1, MOST_CHANNELS // k))
        stages.append(CaseStage(stored, kernel, k, draw(spatial_pools())))
    return Network(
        Shape(3 if is_image else draw(st.integers(4, MOST_CHANNELS)), draw(sides), draw(sides)),
        tuple(stages),
        draw(st.integers(0, 999)),
        draw(st.integers(0, 3)) * WINDOW_BYTES,
        draw(WIDE_STAGES),
    )


def branching_networks(config: Config) -> st.SearchStrategy[BranchingNetwork]:
    graphs = branching_graphs(
        weight_bits=config.widths.weight_bits,
        most_condensed=min(8, config.array.output_lanes) if config.channel_pool else 1,
        most_channels=MOST_CHANNELS,
        has_tables=config.tables,
    )
    return st.builds(
        BranchingNetwork,
        graphs.map(GraphRecord.of),
        st.integers(0, 999),
        st.integers(0, 3).map(lambda pages: pages * WINDOW_BYTES),
        WIDE_STAGES,
    )


def _bandwidths(most: float) -> list[float]:
    """Return a bandwidth, half of it and a quarter, as far as a memory may have them."""
    return [most / divisor for divisor in (1, 2, 4) if most / divisor >= 1]


def drawn_cases(config: Config) -> st.SearchStrategy[DrawnCase]:
    any_network = networks(config) | branching_networks(config)
    return st.builds(
        DrawnCase,
        st.lists(any_network, min_size=1, max_size=MOST_NETWORKS).map(tuple),
        LATENCIES,
        st.sampled_from(_bandwidths(config.memory.bandwidth_bytes_per_cycle)),
        st.booleans(),
        maps_stay=st.sampled_from([False, True, True]),
    )
