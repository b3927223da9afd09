"""Small operators around the host's work are the host's, where that saves a program."""

from collections.abc import Collection
from itertools import chain, combinations
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

from hwsim.frontends.tflite import read_network
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Convolution, FullyConnected
from hwsim.passes.small_work import with_small_work
from tests.tflite_chained import chained_file
from tests.tflite_writer import File

MOST_SMALL = 9  # operators, of which all divisions are tried
HOST_KINDS = {"depth to space", "resize bilinear", "softmax"}


def graph_of(words: str, path: Path) -> OperatorGraph:
    """Return operators in a row: `c` convolves, `h` is the host's, `r` is small.

    Those after a comma read what the first of all operators leaves.
    """
    file, size = File(), (1, 4, 4, 1)
    file.inputs = [file.tensor(size, "int8", [0.5], [3])]
    for part in words.split(","):
        read = file.operators[0].outputs[0] if file.operators else file.inputs[0]
        for word in part:
            left = file.tensor(size, "int8", [0.5], [3])
            if word == "h":
                numbers = file.constant(np.array([4, 4], np.int32))
                file.operator("RESIZE_BILINEAR", [read, numbers], left)
            elif word == "r":
                file.operator("RELU", [read], left)
            else:
                weights = np.ones((1, 1, 1, 1), np.int8)
                filters = file.constant(weights, scales=[1.0], zero_points=[0])
                file.operator("CONV_2D", [read, filters], left, StrideH=1, StrideW=1)
            read = left
        file.outputs = [*file.outputs, read]
    path.write_bytes(file.content())
    return read_network(path, Kernels.TFLM)


def work_of(graph: OperatorGraph) -> set[str]:
    """Return the operators that can only be the host's."""
    return {each.name for each in graph.operators if each.KIND in HOST_KINDS}


@pytest.mark.parametrize(
    ("words", "by_host"),
    [
        ("c", ""),
        ("chc", "1"),
        ("crhrc", "2"),  # each convolution's program takes a small operator
        ("chrhc", "123"),  # a program for it alone is not worth it
        ("rhc", "01"),
        ("chr", "12"),  # nothing follows
        ("hrh", "02"),  # but a program has it where nothing else is there
        ("chrc,hr", "145"),
        ("rc,hc", "02"),  # both read it: the host leaves it to the program, too
        ("chrrhc,r", "1234"),
    ],
)
def test_small_operators_go_where_no_program_is_added(
    words: str, by_host: str, tmp_path: Path
) -> None:
    graph = graph_of(words, tmp_path / "drawn.tflite")
    found = with_small_work(graph, work_of(graph))
    numbers = (str(number) for number, each in enumerate(graph.operators) if each.name in found)
    assert "".join(numbers) == by_host


def programs(graph: OperatorGraph, by_host: Collection[str]) -> int:
    """Return how often the accelerator's turn comes if each does all that it can."""
    there = {tensor.name for tensor in graph.inputs}
    waiting, turns, is_host = list(graph.operators), 0, True
    while waiting:
        before = len(waiting)
        for operator in tuple(waiting):
            if (operator.name in by_host) == is_host and there.issuperset(operator.inputs):
                there.update(operator.outputs)
                waiting.remove(operator)
        turns += not is_host and len(waiting) < before
        is_host = not is_host
    return turns


def test_no_other_division_needs_fewer_programs(tmp_path: Path) -> None:
    path, tried = tmp_path / "chain.tflite", 0
    for seed in range(60):
        content, _ = chained_file("int8", seed, 14)
        path.write_bytes(content)
        graph = read_network(path, Kernels.LITERT)
        large = {
            each.name for each in graph.operators if isinstance(each, Convolution | FullyConnected)
        }
        work = work_of(graph)
        small = [each.name for each in graph.operators if each.name not in large | work]
        if not large or not work or len(small) > MOST_SMALL:
            continue
        tried += 1
        divisions = chain.from_iterable(combinations(small, n) for n in range(len(small) + 1))
        least = min(programs(graph, work.union(more)) for more in divisions)
        assert programs(graph, with_small_work(graph, work)) == least, seed
    assert tried > 10
