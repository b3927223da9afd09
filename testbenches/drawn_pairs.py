"""Pairs of a configuration and a memory, drawn from a seed, on which the timeline is judged.

The accelerators are small, so that a simulator of each is built in a minute; every other number of
a configuration may be the least or the greatest that its networks can live with. Four memories,
with a network each, share an accelerator.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from pydantic import ValidationError

from hwsim.arch.config import Config, load_config
from hwsim.compiler import compile_graph
from hwsim.errors import InputError
from hwsim.frontends.builtin import build_network
from hwsim.graph import Graph, Padding, Shape, Source, SpatialPool, Stage, Tensor
from hwsim.passes.weight_width import with_weight_bits
from hwsim.program.program import Program
from hwsim.testbenches.cases import with_constants
from hwsim.testbenches.replay import seed_of
from hwsim.timeline import Timeline, time_program

PAIRS = 100
MEMORIES = 4  # of an accelerator
ACCELERATORS = PAIRS // MEMORIES
MOST_CYCLES = 400_000  # of a run, some seconds of simulation
MOST_REDRAWN = 200

LANES = [(8, 8)] * 6 + [(8, 16)] * 3 + [(16, 8)] * 2 + [(16, 16)] * 2 + [(8, 32), (32, 16)]
# In words, if the least that is legal is not more.
FEATURE_WORDS = [64, 200, 365, 1024, 4096, 12288, (1 << 20) - 1]
WEIGHT_WORDS = [0, 0, 100, 300, 1024, 8192, (1 << 20) - 1]  # above the least
STAGING_WORDS = [8, 32, 64, 256, 1024, 1 << 16]
DEPTHS = [2, 8, 16, 32, 64, 128, 256, 512]  # pixels of a bank of accumulators
BURST_WORDS = [2, 4, 8, 16, 16, 32, 64, 128, 256]
READS = [2, 3, 4, 5, 8, 8, 16, 33, 129, 256]
LATENCIES = [1, 2, 5, 13, 30, 60, 60, 100, 150, 300, 1000]
SHARES = [1, 1, 0.75, 0.5, 0.4, 0.3, 0.25, 0.125, 0.1]  # of a word per cycle
BANDWIDTHS = [1, 1.7, 2.5, 3.2, 5.333, 6.4, 7.999]  # bytes per cycle


def _mobile() -> Graph:
    """Return depthwise layers between those of one tap, a sum over all pixels, and a last layer."""
    image = Tensor("image", Shape(3, 32, 32), is_image=True)
    stem = replace(Source.whole(image, (3, 3), stride=(2, 2)), padding=Padding(bottom=1, right=1))
    stages = [Stage.inferred("stem", [stem], "stem maps", 16)]
    for number, (stride, filters) in enumerate([(1, 24), (2, 40), (1, 40), (2, 64)], 1):
        before = stages[-1].output
        channels = before.shape.channels
        window = Source.whole(before, (3, 3), 1, stride=(stride, stride), groups=channels)
        stages.append(Stage.inferred(f"depthwise{number}", [window], f"deep{number}", channels))
        point = Source.whole(stages[-1].output, (1, 1))
        stages.append(Stage.inferred(f"pointwise{number}", [point], f"wide{number}", filters))
    last = stages[-1].output
    every = Source.whole(last, (last.shape.height, last.shape.width), groups=last.shape.channels)
    stages.append(Stage.inferred("average", [every], "averages", last.shape.channels))
    stages.append(Stage.inferred("classes", [Source.whole(stages[-1].output, (1, 1))], "out", 12))
    return Graph.chain("mobile", stages)


def _residual() -> Graph:
    """Return pairs of layers with their input added to the result."""
    image = Tensor("image", Shape(3, 24, 24), is_image=True)
    stages = [Stage.inferred("stem", [Source.whole(image, (3, 3), 1)], "stem maps", 16, 0.1)]
    for number, (stride, filters) in enumerate([(1, 16), (2, 32), (2, 48)], 1):
        before, steps = stages[-1].output, (stride, stride)
        window = Source.whole(before, (3, 3), 1, stride=steps)
        first = Stage.inferred(f"first{number}", [window], f"first maps{number}", filters, 0.1)
        sources = [
            Source.whole(first.output, (3, 3), 1),
            Source.whole(before, (1, 1), stride=steps),
        ]
        stages += [first, Stage.inferred(f"sum{number}", sources, f"sums{number}", filters, 0.1)]
    return Graph("residual", (image,), tuple(stages), (stages[-1].output,))


def _dense() -> Graph:
    """Return layers of one pixel, which only the weights' way on the bus can keep busy."""
    tensor = Tensor("input", Shape(160, 1, 1))
    stages: list[Stage] = []
    for number, filters in enumerate([96, 64, 8, 64, 96, 160], 1):
        source = [Source.whole(tensor, (1, 1))]
        stages.append(Stage.inferred(f"dense{number}", source, f"values{number}", filters))
        tensor = stages[-1].output
    return Graph.chain("dense", stages)


def _pooled() -> Graph:
    """Return condensed layers and windows of several kinds."""
    tensor = Tensor("input", Shape(20, 26, 22))
    stages: list[Stage] = []
    overlapping = SpatialPool((3, 3), (2, 2), Padding(1, 1, 1, 1))
    for number, (filters, k, pool) in enumerate(
        [(24, 2, SpatialPool.STRIDE_2), (48, 4, overlapping), (30, 1, SpatialPool.STRIDE_1)], 1
    ):
        source = [Source.whole(tensor, (3, 3), 1)]
        stage = Stage.inferred(f"conv{number}", source, f"maps{number}", filters, 0.1, k, pool)
        stages.append(stage)
        tensor = stage.output
    return Graph.chain("pooled", stages)


NETWORKS: dict[str, Callable[[], Graph]] = {
    "tiny-yolov2-mini": lambda: build_network("tiny-yolov2-mini"),
    "condensation-net-mini": lambda: build_network("condensation-net-mini"),
    "mobile": _mobile,
    "residual": _residual,
    "dense": _dense,
    "pooled": _pooled,
}


@dataclass(frozen=True)
class Pair:
    """A configuration with its memory, and a network that is run on it."""

    number: int
    config: Config
    network: str

    @cached_property
    def program(self) -> Program:
        graph = with_weight_bits(NETWORKS[self.network](), self.config.widths.weight_bits)
        graph = with_constants(graph, self.config, seed=self.number)
        return compile_graph(graph, self.config)

    @cached_property
    def timeline(self) -> Timeline:
        return time_program(self.program)

    def __str__(self) -> str:
        config, memory = self.config, self.config.memory
        array, buffers, bus = config.array, config.buffers, config.bus
        words = (
            f"pair {self.number}: {self.network}, {config.name}, "
            f"{config.widths.weight_bits}-bit weights, {array.rescale_lanes} rescale lanes of "
            f"{config.widths.multiplier_bits} bits, {array.multipliers}",
            f"buffers {buffers.feature_bytes}, {buffers.weight_bytes}, {buffers.staging_bytes}, "
            f"{buffers.accumulator_depth} pixels",
            f"bus {bus.bus_bits} bits, {bus.burst_beats} beats, {bus.outstanding_reads} reads",
            f"memory latency={memory.latency_cycles},bandwidth={memory.bandwidth_bytes_per_cycle}"
            f"{',shared' if memory.shared else ''}{', residency' if config.residency else ''}",
        )
        return "; ".join(words)


@dataclass(frozen=True)
class MeasuredPair:
    """The cycles that the Verilog took for a pair, and those in which its layers ended.

    A layer whose output stays on the chip has no end that the bus shows.
    """

    number: int
    cycles: int
    layer_ends: list[int | None]


def pairs(accelerator: int) -> tuple[Pair, ...]:
    """Return the pairs of one accelerator, by its number from 0."""
    rng = np.random.default_rng(seed_of("pairs", accelerator))
    for _ in range(MOST_REDRAWN):
        try:
            built = _accelerator(rng)
        except ValidationError:
            continue  # a rule between two keys
        found = tuple(_pairs(built, accelerator, rng))
        if len(found) == MEMORIES:
            return found
    raise AssertionError(f"no accelerator {accelerator} in {MOST_REDRAWN} draws")


def _accelerator(rng: np.random.Generator) -> Config:
    """Draw everything but memory and residency. Raises `ValidationError` for what is illegal."""

    def one_of(choices: list[Any]) -> Any:
        return choices[rng.integers(len(choices))]

    data = load_config("nano").model_dump()
    lanes_in, lanes_out = one_of(LANES)
    most_rescaled = min(lanes_in, lanes_out)
    word_bits, beats = 8 * lanes_in, one_of([1, 1, 1, 2, lanes_in // 4])
    bits = one_of([4, 8])
    tables = bool(rng.integers(4))
    least_words = max(lanes_out * bits // 8, (lanes_out * 16 + tables * 256) // lanes_in)
    burst = one_of(BURST_WORDS)
    weights = min(least_words + burst + one_of(WEIGHT_WORDS), (1 << 20) - 1)
    data |= {
        "name": f"{lanes_in}x{lanes_out}",
        "channel_pool": bool(rng.integers(4)),
        "tables": tables,
        "array": {
            "input_lanes": lanes_in,
            "output_lanes": lanes_out,
            "rescale_lanes": one_of([n for n in (1, 2, 4, 8, 16) if n <= most_rescaled]),
            "multipliers": one_of(["dsp", "tree"]),
        },
        "widths": data["widths"] | {"weight_bits": bits, "multiplier_bits": one_of([16, 32])},
        "buffers": {
            "feature_bytes": lanes_in * one_of(FEATURE_WORDS),
            "weight_bytes": lanes_in * weights,
            "staging_bytes": lanes_in * one_of(STAGING_WORDS),
            "accumulator_depth": one_of(DEPTHS),
        },
        "bus": {
            "bus_bits": word_bits // beats,
            "burst_beats": burst * beats,
            "outstanding_reads": one_of(READS),
        },
    }
    return Config.model_validate(data)


def _pairs(built: Config, accelerator: int, rng: np.random.Generator) -> Iterator[Pair]:
    """Yield pairs until there are enough, or until too many were refused."""
    names, number = list(NETWORKS), MEMORIES * accelerator
    drawn: set[tuple[str, str]] = set()
    for _ in range(4 * MEMORIES):
        pair = Pair(number, _with_memory(built, rng), names[rng.integers(len(names))])
        what = pair.config.model_dump_json(), pair.network
        if what in drawn:
            continue
        drawn.add(what)
        try:
            is_short = pair.timeline.cycles <= MOST_CYCLES
        except InputError:
            continue  # what is not built, or buffers that are too small
        if is_short:
            yield pair
            number += 1
        if number == MEMORIES * (accelerator + 1):
            return


def _with_memory(built: Config, rng: np.random.Generator) -> Config:
    shares = [max(1.0, round(share * built.word_bytes, 3)) for share in SHARES]
    bandwidths = [*shares, *(each for each in BANDWIDTHS if each <= built.word_bytes)]
    memory = {
        "latency_cycles": LATENCIES[rng.integers(len(LATENCIES))],
        "bandwidth_bytes_per_cycle": bandwidths[rng.integers(len(bandwidths))],
        "shared": bool(rng.integers(3) == 0),
    }
    data = built.model_dump() | {"memory": memory, "residency": bool(rng.integers(2))}
    return Config.model_validate(data)
