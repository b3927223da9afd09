"""Several maximum pools in place of one give the same values, and each can be walked."""

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsim.golden.operators import run_operators
from hwsim.graph import Padding, Shape, Tensor
from hwsim.graph.check import LARGEST_STRIDE
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import MaxPool
from hwsim.passes.split_pools import can_be_walked, split_pools
from tests.drawn_operators import max_pools

ENDS: dict[str, Any] = {"name": "pool", "inputs": ("in",), "outputs": ("out",)}


def split(pool: MaxPool, shape: Shape) -> tuple[OperatorGraph, list[MaxPool]]:
    graph = OperatorGraph("pools", (Tensor("in", shape),), (pool,), ("out",))
    after = split_pools(graph)
    parts = [operator for operator in after.operators if isinstance(operator, MaxPool)]
    assert len(parts) == len(after.operators)
    x = torch.rand(1, shape.channels, shape.height, shape.width).double()
    expected, found = (run_operators(each, {}, {"in": x})["out"] for each in (graph, after))
    assert torch.equal(found, expected)
    return after, parts


@pytest.mark.parametrize("before", [0, 8, 15])
def test_a_window_as_long_as_the_map_may_begin_in_front_of_it(before: int) -> None:
    pool = MaxPool(window=(1, 16), stride=(1, 1), padding=Padding(left=before), **ENDS)
    split(pool, Shape(1, 1, 16))


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.data(), st.integers(1, 60), st.integers(1, 60))
def test_the_parts_do_what_the_pool_does(data: st.DataObject, height: int, width: int) -> None:
    shape = Shape(2, height, width)
    pool = data.draw(max_pools(shape, ENDS, longest=45, has_gaps=True))
    _, parts = split(pool, shape)
    if not all(map(can_be_walked, parts)):
        assert [(part.window, part.stride) for part in parts] == [(pool.window, pool.stride)]
        assert max(pool.stride) > LARGEST_STRIDE


@pytest.mark.parametrize(
    ("window", "stride", "side", "parts"),
    [
        (2, 2, 8, [(2, 2)]),
        (3, 2, 9, [(3, 3)]),
        (3, 1, 9, [(3, 3)]),
        (5, 1, 20, [(5, 1), (1, 5)]),  # 10 reads for a value instead of 25
        (4, 4, 16, [(4, 4)]),  # no value is read twice
        (56, 56, 56, [(8, 1), (7, 1), (1, 8), (1, 7)]),  # the whole map
        (17, 1, 40, [(15, 1), (3, 1), (1, 15), (1, 3)]),
        (28, 28, 56, [(14, 1), (2, 1), (1, 14), (1, 2)]),
    ],
)
def test_windows_become_parts(
    window: int, stride: int, side: int, parts: list[tuple[int, int]]
) -> None:
    pool = MaxPool(window=(window, window), stride=(stride, stride), **ENDS)
    after, found = split(pool, Shape(1, side, side))
    assert [part.window for part in found] == parts
    assert {part.computes for part in found} == {("pool",)}
    assert after.outputs == ("out",)


@pytest.mark.parametrize(
    ("window", "stride", "side"),
    [
        (13_999, 1, 30_000),  # a thousand parts
        (227, 1, 300),
        (2, 9, 40),  # nothing steps over so many pixels
        (17, 17, 40),  # a prime
    ],
)
def test_a_pool_that_no_parts_do_stays(window: int, stride: int, side: int) -> None:
    pool = MaxPool(window=(1, window), stride=(1, stride), **ENDS)
    _, (part,) = split(pool, Shape(1, 1, side))
    assert (part.window, part.stride) == (pool.window, pool.stride)
    assert not can_be_walked(part)


def test_a_map_of_any_size_has_one_maximum() -> None:
    pool = MaxPool(window=(1, 30_000), stride=(1, 1), **ENDS)
    _, parts = split(pool, Shape(1, 1, 30_000))
    assert len(parts) == 4


def test_the_activation_stands_behind_the_last_part() -> None:
    pool = MaxPool(window=(5, 5), stride=(1, 1), padding=Padding(2, 2, 2, 2), **ENDS)
    _, (rows, columns) = split(pool, Shape(1, 9, 9))
    assert (rows.window, columns.window) == ((5, 1), (1, 5))
    assert (rows.padding, columns.padding) == (Padding(top=2, bottom=2), Padding(left=2, right=2))
