"""Draws networks whose maps are too large for the feature buffer: stages are interleaved."""

from dataclasses import replace

import numpy as np

from hwsim.arch.config import Config
from hwsim.compiler import plan_graph
from hwsim.compiler.residency import map_words
from hwsim.errors import InputError
from hwsim.graph import Graph, Shape, Source, SpatialPool, Stage, Tensor
from hwsim.program.program import Plan

MOST_STAGES = 6
MOST_TRIES = 100


def drawn_plan(config: Config, seed: int) -> Plan:
    """Return the first plan with interleaved stages that is drawn, the same for the same seed.

    The plan is for a part of the feature buffer, in which only some of the maps have room whole.
    """
    rng = np.random.default_rng(seed)
    for _ in range(MOST_TRIES):
        graph = _drawn_graph(rng, config.widths.weight_bits)
        words = sum(map_words(stage.output, config) for stage in graph.stages)
        part = min(int(words * rng.uniform(0.1, 0.6)) + 8, config.feature_words)
        try:
            plan = plan_graph(graph, with_few_words(config, part))
        except InputError:
            continue  # some layer has no room at all
        if plan.interleaved:
            return plan
    raise AssertionError(f"seed {seed}: no plan of {MOST_TRIES} interleaves stages")


def with_few_words(config: Config, words: int) -> Config:
    """Return the configuration with a part of its feature buffer, in which maps may stay."""
    data = config.model_dump()
    data["buffers"]["feature_bytes"] = words * config.word_bytes
    return Config.model_validate(data | {"residency": True})


def _drawn_graph(rng: np.random.Generator, weight_bits: int) -> Graph:
    """Return a chain with some sums of two maps, of every kernel, stride and pool."""
    shape = Shape(*(int(rng.integers(*ends)) for ends in ((1, 20), (10, 40), (1, 14))))
    image = Tensor("input", shape)
    maps, stages = [image], list[Stage]()
    for number in range(int(rng.integers(3, MOST_STAGES + 1))):
        stage = _drawn_stage(rng, maps, number)
        stages.append(replace(stage, weight_bits=weight_bits))
        maps.append(stages[-1].output)
    return Graph.chain("interleaved", stages)


def _drawn_stage(rng: np.random.Generator, maps: list[Tensor], number: int) -> Stage:
    newest = maps[-1]
    name, output = f"stage{number}", f"map{number}"
    alike = [each for each in maps[1:-1] if each.shape == newest.shape]
    if alike and rng.random() < 0.5:
        other = alike[int(rng.integers(len(alike)))]
        sources = [Source.whole(each, (1, 1)) for each in (newest, other)]
        return Stage.inferred(name, sources, output, newest.shape.channels)
    channels = newest.shape.channels
    is_depthwise = rng.random() < 0.3
    filters = channels if is_depthwise or rng.random() < 0.4 else int(rng.integers(1, 20))
    size = int(rng.choice([1, 3, 3, 5])) if min(newest.shape.height, newest.shape.width) > 2 else 1
    stride = int(rng.choice([1, 1, 1, 2]))
    source = Source.whole(
        newest,
        (size, size),
        size // 2,
        stride=(stride, stride),
        groups=channels if is_depthwise else 1,
    )
    pools = [SpatialPool.NONE] * 4
    if stride == 1 and min(newest.shape.height, newest.shape.width) > 3:
        pools += [SpatialPool.STRIDE_2, SpatialPool.STRIDE_1]
    pool = pools[int(rng.integers(len(pools)))]
    return Stage.inferred(name, [source], output, filters, spatial_pool=pool)
