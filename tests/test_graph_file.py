"""A saved graph comes back equal, equal graphs give equal bytes, and only files are written."""

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from hwsim.errors import InputError
from hwsim.files import IMPOSSIBLE_PATH
from hwsim.graph import Graph
from hwsim.graph.file import load_graph, save_graph
from tests.drawn import branching_graphs, shapes_of_graphs, with_drawn_constants, with_drawn_slopes
from tests.saved_graphs import ON_DISK, same, saved_graph

NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Draw any legal graph, with or without constants, under any legal names."""
    shapes = draw(shapes_of_graphs() | branching_graphs())
    names = draw(st.lists(NAMES, min_size=len(shapes.stages), max_size=len(shapes.stages),
                          unique=True))  # fmt: skip
    stages = tuple(replace(stage, name=name) for stage, name in zip(shapes.stages, names,
                                                                    strict=True))  # fmt: skip
    graph = replace(shapes, name=draw(NAMES), stages=stages)
    seed = draw(st.none() | st.integers(0, 2**32 - 1))
    if seed is None:
        return graph
    found = with_drawn_constants(graph, seed)
    return with_drawn_slopes(found, seed) if draw(st.booleans()) else found


@ON_DISK
@given(graphs())
def test_round_trip(tmp_path: Path, graph: Graph) -> None:
    path = tmp_path / "graph.safetensors"
    save_graph(graph, path)
    found = load_graph(path)
    assert same(found, graph)
    first = path.read_bytes()
    save_graph(found, path)
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def graph() -> Graph:
    return saved_graph()


@pytest.fixture
def path(graph: Graph, tmp_path: Path) -> Path:
    save_graph(graph, tmp_path / "graph.safetensors")
    return tmp_path / "graph.safetensors"


def test_the_library_alone_reads_the_constants(graph: Graph, path: Path) -> None:
    first = graph.stages[0].constants
    assert first is not None
    np.testing.assert_array_equal(load_file(path)["conv1.weights.0"], first.weights[0])


def test_a_view_of_other_strides_is_saved_as_it_reads(graph: Graph, tmp_path: Path) -> None:
    first, *others = graph.stages
    assert first.constants is not None
    (weights,) = first.constants.weights
    turned = replace(first.constants, weights=(weights.swapaxes(2, 3),))
    changed = replace(graph, stages=(replace(first, constants=turned), *others))
    save_graph(changed, tmp_path / "graph.safetensors")
    assert same(load_graph(tmp_path / "graph.safetensors"), changed)


def test_a_failed_write_leaves_the_old_file(
    graph: Graph, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(partial: Path, content: bytes) -> None:
        with partial.open("wb") as file:
            file.write(content[:100])
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(InputError, match=r"cannot write graph '.*graph\.safeten.*': No space left"):
        save_graph(graph, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("value", [None, "tiny-yolov2", b"graph"])
def test_only_a_graph_is_saved(value: Any, tmp_path: Path) -> None:
    path = tmp_path / "graph.safetensors"
    message = f"cannot write graph '{path}': {value!r} is no hwsim.graph.Graph"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        save_graph(value, path)
    assert not path.exists()


def test_only_a_regular_file_is_replaced(graph: Graph, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    link = tmp_path / "link"
    link.symlink_to(pipe)
    for place in (pipe, link, tmp_path, Path("/")):
        with pytest.raises(InputError, match=r"cannot write graph '.*': it is no regular file"):
            save_graph(graph, place)
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [link, pipe]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (300 * "a", "^cannot write graph '.*': File name too long$"),
        ("a\0b", f"^cannot write graph '.*': {IMPOSSIBLE_PATH}$"),
        ("\ud800", f"^cannot write graph '.*': {IMPOSSIBLE_PATH}$"),
        ("none/a", "^cannot write graph '.*': No such file or directory$"),
    ],
)
def test_a_name_that_no_file_can_have_is_refused(
    graph: Graph, tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        save_graph(graph, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [5, None, b"graph", 3.5])
def test_a_value_that_is_no_path_is_refused(graph: Graph, value: Any) -> None:
    rule = f"^graph {value!r}: a path must be text or a pathlib.Path$"
    with pytest.raises(InputError, match=rule):
        save_graph(graph, value)
    with pytest.raises(InputError, match=rule):
        load_graph(value)


def test_a_name_of_the_greatest_length_can_be_saved(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / (255 * "a")
    save_graph(graph, path)
    assert same(load_graph(path), graph)
