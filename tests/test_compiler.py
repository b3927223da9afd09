"""The programs that the compiler writes: sound descriptors, memory placed without overlap."""

import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsim.arch.config import load_config
from hwsim.compiler import compile_graph, plan_graph, write_program
from hwsim.compiler.tiling import schedule_stage
from hwsim.frontends.builtin import build_network
from hwsim.graph import Shape, Source, Stage, Tensor
from hwsim.isa.descriptor import Compute, Load, Store, decode, encode
from hwsim.isa.fields import Destination, StoreDestination
from hwsim.isa.rules import broken_rule
from hwsim.isa.tokens import unwrap
from hwsim.program.program import Program
from hwsim.program.schedule import WeightScope
from tests.drawn import configs, preset_with, shapes_of_graphs
from tests.test_machine import compiled

drawing = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def test_a_program_takes_a_few_hundred_bytes_per_descriptor() -> None:
    """A program takes a few hundred bytes per descriptor, and hardly more while it is written."""
    plan = plan_graph(build_network("condensation-net", k=8), load_config("nano"))
    tracemalloc.start()
    program = write_program(plan)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 500 * len(program.descriptors)
    assert peak < 540 * len(program.descriptors)


@pytest.mark.parametrize(
    ("queue_words", "sweeps", "features", "weights"), [(264, 1, 256, 264), (263, 2, 512, 264)]
)
def test_weights_that_just_fit_the_queue_stay_in_it(
    queue_words: int, sweeps: int, features: int, weights: int
) -> None:
    """The number of sweeps is right for three output blocks of 88 words, 264 words in all.

    Two of the blocks fill a word together. The feature buffer holds 6 of the 16 rows of 16 words,
    so that another sweep reads them again.
    """
    source = Source.whole(Tensor("input", Shape(8, 16, 16)), (3, 3), padding=1)
    stage = Stage.inferred("conv1", [source], "output", 24, channel_pool=2)
    buffers = {"weight_bytes": 8 * queue_words, "feature_bytes": 8 * 16 * 6}
    schedule = schedule_stage(stage, preset_with("nano", buffers=buffers))
    assert schedule.scope is WeightScope.STAGE
    assert len(schedule.sweeps) == sweeps
    assert (schedule.read_words, schedule.weight_read_words) == (features, weights)


@drawing
@given(st.data())
def test_descriptors_survive_their_encoding(data: st.DataObject) -> None:
    program = compiled(data.draw(shapes_of_graphs()), data.draw(configs(8)))
    for descriptor in program.descriptors:
        assert decode(encode(descriptor)) == descriptor


def assert_waits_are_near(program: Program) -> None:
    """Check that every wait names an earlier event, near enough to compare modulo 2**16."""
    chunks = computes = drains = staged = stores = 0
    for descriptor in program.descriptors:
        if isinstance(descriptor, Load):
            assert unwrap(descriptor.wait_computes, computes) <= computes
            assert unwrap(descriptor.wait_stores, stores) <= stores
            if descriptor.destination == Destination.FEATURES:
                chunks += descriptor.blocks
        elif isinstance(descriptor, Compute):
            if descriptor.awaits_stores:
                assert unwrap(descriptor.wait_chunks, staged) <= staged
            else:
                blocks = 1 if descriptor.packed else descriptor.blocks
                assert unwrap(descriptor.wait_chunks, chunks) + blocks <= chunks
            assert unwrap(descriptor.wait_staged, staged) <= staged
            computes += 1
            drains += descriptor.last
        elif isinstance(descriptor, Store):
            assert unwrap(descriptor.wait_drains, drains) == drains
            staged += 1
            stores += descriptor.destination == StoreDestination.MEMORY


@drawing
@given(st.data())
def test_waits_of_drawn_graphs_are_near(data: st.DataObject) -> None:
    assert_waits_are_near(compiled(data.draw(shapes_of_graphs()), data.draw(configs(8))))


def test_waits_are_near_even_where_a_whole_large_layer_stays_on_chip() -> None:
    config = preset_with("edge", buffers={"feature_bytes": 16_777_200, "accumulator_depth": 16})
    assert_waits_are_near(compile_graph(build_network("tiny-yolov2", 768, 768, 8), config))


@drawing
@given(st.data())
def test_every_address_lies_in_its_region(data: st.DataObject) -> None:
    program = compiled(data.draw(shapes_of_graphs()), data.draw(configs(8)))
    regions = [program.code, *(part.weights for part in program.stages)]
    regions += program.tensors.values()
    for address, size in _accesses(program):
        assert any(region.address <= address and address + size <= region.end for region in regions)


@drawing
@given(st.data())
def test_the_accelerator_accepts_every_descriptor(data: st.DataObject) -> None:
    program = compiled(data.draw(shapes_of_graphs()), data.draw(configs(8)))
    for descriptor in program.descriptors:
        assert broken_rule(descriptor, program.config) is None, descriptor


@drawing
@given(st.data())
def test_the_windows_lie_apart_and_stores_in_that_of_the_features(data: st.DataObject) -> None:
    program = compiled(data.draw(shapes_of_graphs()), data.draw(configs(8)))
    features, constants = program.features, program.constants
    assert features.limit < constants.base or constants.limit < features.base
    for part in (program.code, *(stage.weights for stage in program.stages)):
        assert constants.base <= part.address
        assert part.end <= constants.limit + 1
    for tensor in program.tensors.values():
        assert features.base <= tensor.address
        assert tensor.end <= features.limit + 1


def _accesses(program: Program) -> list[tuple[int, int]]:
    """Return address and size of every contiguous range of memory that the program takes."""
    return [
        (
            descriptor.address
            + block * descriptor.block_stride_bytes
            + row * descriptor.row_stride_bytes,
            descriptor.row_words * program.config.word_bytes,
        )
        for descriptor in program.descriptors
        if isinstance(descriptor, Load)
        or (isinstance(descriptor, Store) and descriptor.destination == StoreDestination.MEMORY)
        for block in range(descriptor.blocks)
        for row in range(descriptor.rows)
    ]


@drawing
@given(st.data())
def test_tiles_fit_the_buffers(data: st.DataObject) -> None:
    program = compiled(data.draw(shapes_of_graphs()), data.draw(configs(8)))
    config = program.config
    for tile in program.descriptors:
        if isinstance(tile, Compute):
            assert tile.rows * tile.columns <= config.buffers.accumulator_depth
            blocks = 1 if tile.packed else tile.blocks
            start = tile.first_line - tile.ring_row * tile.row_words
            assert start >= 0
            assert start + blocks * tile.buffer_block_words <= config.feature_words
            assert tile.row_words * tile.ring_rows <= tile.buffer_block_words
