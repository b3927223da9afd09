"""Tiles of a few pixels: a STORE for several output blocks, and a program that is never late.

Fully connected layers are such tiles. They are as fast as their weights can be read.
"""

import numpy as np
import pytest

from hwsim.arch.config import load_config
from hwsim.compiler import compile_graph
from hwsim.flows.estimate import estimate
from hwsim.graph import Graph, Shape, Source, Stage, Tensor
from hwsim.isa.descriptor import Compute, Load, Store
from hwsim.isa.fields import DESCRIPTOR_BYTES, Destination
from hwsim.program.program import Program
from hwsim.timeline import time_program
from tests.drawn import preset_with, with_drawn_constants
from tests.test_machine import assert_equals_golden, execute
from tests.tflite_judges import network_file

MOST_OVER_BYTES = 1.08  # cycles of a fully connected network, by those of its bytes read


def connected(*features: int, height: int = 1, width: int = 1) -> Graph:
    """Return fully connected layers between so many features, of each pixel."""
    tensor = Tensor("input", Shape(features[0], height, width))
    stages: list[Stage] = []
    for number, filters in enumerate(features[1:]):
        stages.append(
            Stage.inferred(f"fc{number}", [Source.whole(tensor, (1, 1))], f"x{number}", filters)
        )
        tensor = stages[-1].output
    return with_drawn_constants(Graph.chain("connected", stages), 1)


def of_stage(program: Program, number: int) -> list[Compute | Load | Store]:
    pairs = zip(program.owners, program.descriptors, strict=True)
    return [
        each
        for owner, each in pairs
        if owner == number and isinstance(each, Compute | Load | Store)
    ]


def words_over_bus(program: Program) -> int:
    """Return the words that the program reads."""
    first_page = 16 * DESCRIPTOR_BYTES // program.config.word_bytes
    loads = [each for each in program.descriptors if isinstance(each, Load)]
    return first_page + sum(each.row_words * each.rows * each.blocks for each in loads)


@pytest.mark.parametrize(
    ("pixels", "blocks", "stores"), [(1, 10, 3), (2, 10, 5), (3, 10, 10), (4, 10, 10)]
)
def test_a_store_writes_no_fewer_words_than_a_descriptor_has(
    pixels: int, blocks: int, stores: int
) -> None:
    """A descriptor has 4 words of `edge`, on which a block of 16 filters fills a word per pixel."""
    program = compile_graph(connected(16, 16 * blocks, width=pixels), load_config("edge"))
    found = [each for each in of_stage(program, 0) if isinstance(each, Store)]
    assert len(found) == stores
    assert sum(each.row_words * each.rows * each.blocks for each in found) == pixels * blocks


def test_blocks_of_a_whole_map_are_one_burst_run() -> None:
    program = compile_graph(connected(16, 16 * 4), load_config("edge"))
    (store,) = (each for each in of_stage(program, 0) if isinstance(each, Store))
    assert (store.row_words, store.rows, store.blocks) == (4, 1, 1)


@pytest.mark.parametrize("preset", ["nano", "edge", "mid"])
@pytest.mark.parametrize("pixels", [1, 2])
def test_bundle_sets_equal_golden(preset: str, pixels: int) -> None:
    graph = connected(40, 300, 130, 90, width=pixels)
    program = compile_graph(graph, preset_with(preset, residency=pixels == 1))
    x = np.random.default_rng(2).integers(-128, 128, (40, 1, pixels)).astype(np.int8)
    assert_equals_golden(graph, {"input": x}, execute(program, {"input": x}))


@pytest.mark.parametrize(("inputs", "blocks"), [(128, 8), (16, 32), (384, 8), (1024, 3)])
def test_weights_of_small_tiles_leave_room_in_the_queue(inputs: int, blocks: int) -> None:
    """A load that waited long for room would keep back the page of the COMPUTEs behind it.

    It is a quarter of the queue of 4,096 words, or the weights of half a page of COMPUTEs if more.
    """
    program = compile_graph(connected(128, inputs, 1024), load_config("edge"))
    loads = [each for each in of_stage(program, 1) if isinstance(each, Load)]
    of_weights = [each.row_words for each in loads if each.destination == Destination.WEIGHTS]
    assert sum(of_weights) == 64 * (inputs + 16)
    assert max(of_weights) == blocks * (inputs + 16)


AUTOENCODER = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640)


@pytest.mark.parametrize("features", [AUTOENCODER, (512, 256, 256, 64), (128, 1024, 128, 2048)])
def test_connected_layers_are_as_fast_as_their_bytes(features: tuple[int, ...]) -> None:
    program = compile_graph(connected(*features), load_config("edge"))
    assert time_program(program).cycles <= MOST_OVER_BYTES * words_over_bus(program)


def test_the_autoencoder_is_as_fast_as_its_bytes() -> None:
    totals = estimate(network_file("ad01_int8")).totals
    read_bytes = totals.program_bytes + totals.weight_bytes + totals.features_read_bytes
    assert totals.cycles <= MOST_OVER_BYTES * read_bytes / load_config("edge").word_bytes
