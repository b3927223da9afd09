"""A program that is moved in memory has equal descriptors but for addresses, and equal values."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsim.arch.config import load_config
from hwsim.compiler import compile_graph
from hwsim.errors import InputError
from hwsim.frontends.builtin import build_network
from hwsim.isa.descriptor import Descriptor, Load, Store, decode, encode
from hwsim.isa.fields import DESCRIPTOR_BYTES
from hwsim.machine import Machine
from hwsim.program.program import Program, Window
from hwsim.program.relocate import relocate
from hwsim.timeline import time_program
from tests.drawn import configs, drawn_inputs, in_memory, shapes_of_graphs, with_drawn_constants
from tests.test_machine import compiled

PAGE, END = 4096, 1 << 32
seeds = st.integers(0, 2**32 - 1)
drawing = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def decoded(program: Program) -> list[Descriptor]:
    """Return the descriptors in the order in which the accelerator fetches them."""
    code = program.code_bytes[: len(program.descriptors) * DESCRIPTOR_BYTES]
    return [
        decode(code[start : start + DESCRIPTOR_BYTES])
        for start in range(0, len(code), DESCRIPTOR_BYTES)
    ]


def highest_base(program: Program) -> int:
    return (END - program.size_bytes) // PAGE * PAGE


@drawing
@given(st.data())
def test_only_addresses_of_loads_and_stores_move(data: st.DataObject) -> None:
    program = compiled(data.draw(shapes_of_graphs()), in_memory(data.draw(configs(8))))
    base = PAGE * data.draw(st.integers(0, highest_base(program) // PAGE))
    expected = [
        item._replace(address=item.address + base) if isinstance(item, Load | Store) else item
        for item in decoded(program)
    ]
    moved = relocate(program, base)
    assert decoded(moved) == expected
    assert moved.code_bytes == b"".join(map(encode, expected)).ljust(program.code.size_bytes, b"\0")


@drawing
@given(st.data(), seeds)
def test_everything_else_moves_along(data: st.DataObject, seed: int) -> None:
    graph = with_drawn_constants(data.draw(shapes_of_graphs()), seed)
    program = compiled(graph, data.draw(configs(8)))
    base = PAGE * data.draw(st.integers(0, highest_base(program) // PAGE))
    moved = relocate(program, base)
    for name in ("features", "constants"):
        before: Window = getattr(program, name)
        assert getattr(moved, name) == Window(before.base + base, before.limit + base)
    image = program.image()
    del image[program.code.address]
    found = moved.image()
    assert found.pop(moved.code.address) == moved.code_bytes
    assert found == {address + base: part for address, part in image.items()}
    for name, region in program.tensors.items():
        assert moved.tensors[name] == replace(region, address=region.address + base)
    assert moved.size_bytes == program.size_bytes + base
    assert (moved.graph, moved.config) == (program.graph, program.config)


@drawing
@given(st.data(), seeds, st.integers(1, 64))
def test_the_machine_stores_the_same_at_another_place(
    data: st.DataObject, seed: int, pages: int
) -> None:
    """The machine stores equal values at another place, in as many cycles."""
    graph = with_drawn_constants(data.draw(shapes_of_graphs()), seed)
    program = compiled(graph, data.draw(configs(8)))
    moved = relocate(program, pages * PAGE)
    inputs = drawn_inputs(graph, seed)
    before, after = Machine(program, inputs).run().data, Machine(moved, inputs).run().data
    first = pages * PAGE
    region = program.code
    assert not after[:first].any()
    np.testing.assert_array_equal(after[first:][: region.address], before[: region.address])
    assert time_program(moved).cycles == time_program(program).cycles


@pytest.mark.parametrize("base", [-PAGE, -1, 1, 64, PAGE - 1, END - 1])
def test_other_places_than_pages_are_refused(base: int) -> None:
    program = compile_graph(
        build_network("tiny-yolov2-mini"), load_config("nano").without_residency
    )
    with pytest.raises(InputError, match="must be 0 or a positive multiple of 4096"):
        relocate(program, base)


def test_a_program_ends_below_the_last_address() -> None:
    program = compile_graph(
        build_network("tiny-yolov2-mini"), load_config("nano").without_residency
    )
    highest = highest_base(program)
    assert relocate(program, highest).constants.limit == END - 1
    for base in (highest + PAGE, END, 1 << 40):
        with pytest.raises(InputError, match=rf"base {base:#x}: .* addresses end at 0x100000000"):
            relocate(program, base)
    with pytest.raises(InputError, match="addresses end"):
        relocate(relocate(program, highest), PAGE)


def test_the_last_byte_may_be_used() -> None:
    program = compile_graph(
        build_network("tiny-yolov2-mini"), load_config("nano").without_residency
    )
    pages = -(-program.code.end // PAGE)
    code = replace(program.code, size_bytes=pages * PAGE - program.code.address)
    full = replace(program, code=code)
    assert relocate(full, END - pages * PAGE).code.end == END


def test_a_move_can_be_taken_on() -> None:
    program = compile_graph(
        build_network("condensation-net-mini"), load_config("edge").without_residency
    )
    assert relocate(relocate(program, PAGE), PAGE) == relocate(program, 2 * PAGE)
    assert relocate(program, 0) == program
