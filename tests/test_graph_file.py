"""Graph files: what is saved comes back, in the same bytes, and nothing else is accepted."""

import io
import os
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.frontends.builtin import build_network
from hwsim.graph import Constants, Graph
from hwsim.graph.file import load_graph, save_graph
from tests.drawn import shapes_of_graphs, with_drawn_constants

ON_DISK = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Every legal kind of graph, with or without constants, under any legal names."""
    shapes = draw(shapes_of_graphs())
    names = draw(st.lists(NAMES, min_size=len(shapes.layers), max_size=len(shapes.layers),
                          unique=True))  # fmt: skip
    layers = tuple(replace(layer, name=name) for layer, name in zip(shapes.layers, names,
                                                                    strict=True))  # fmt: skip
    graph = Graph(draw(NAMES), layers)
    seed = draw(st.none() | st.integers(0, 2**32 - 1))
    return graph if seed is None else with_drawn_constants(graph, seed)


def same(one: Graph, other: Graph) -> bool:
    """Equal in every shape, name and integer."""
    return without_constants(one) == without_constants(other) and all(
        (ours is None) == (theirs is None)
        and all(
            equal(getattr(ours, field.name), getattr(theirs, field.name))
            for field in fields(Constants)
            if ours is not None
        )
        for ours, theirs in zip(
            (layer.constants for layer in one.layers),
            (layer.constants for layer in other.layers),
            strict=True,
        )
    )


def without_constants(graph: Graph) -> Graph:
    return replace(graph, layers=tuple(replace(layer, constants=None) for layer in graph.layers))


def equal(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    return one.dtype == other.dtype and np.array_equal(one, other)


@ON_DISK
@given(graphs())
def test_round_trip(tmp_path: Path, graph: Graph) -> None:
    path = tmp_path / "graph.npz"
    save_graph(graph, path)
    found = load_graph(path)
    assert same(found, graph)
    first = path.read_bytes()
    save_graph(found, path)
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def graph() -> Graph:
    return with_drawn_constants(build_network("condensation-net-mini", 32, 32), seed=3)


@pytest.fixture
def path(graph: Graph, tmp_path: Path) -> Path:
    save_graph(graph, tmp_path / "graph.npz")
    return tmp_path / "graph.npz"


def test_numpy_reads_the_constants(graph: Graph, path: Path) -> None:
    with np.load(path, allow_pickle=False) as archive:
        first = graph.layers[0].constants
        assert first is not None
        np.testing.assert_array_equal(archive["0.weights"], first.weights)


def test_truncated_files_are_refused(path: Path) -> None:
    whole = path.read_bytes()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"graph '.*graph\.npz'") as caught:
            load_graph(path)
        assert "\n" not in str(caught.value)


@ON_DISK
@given(st.data())
def test_a_changed_byte_is_refused_or_changes_nothing(
    graph: Graph, path: Path, data: st.DataObject
) -> None:
    save_graph(graph, path)
    whole = bytearray(path.read_bytes())
    # Half of the examples aim at what describes the archive: its start and its end.
    position = data.draw(
        st.integers(0, len(whole) - 1)
        | st.integers(0, 200)
        | st.integers(len(whole) - 3000, len(whole) - 1)
    )
    whole[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    try:
        found = load_graph(path)
    except InputError as error:
        message = str(error)
    else:
        message = ""
        assert same(found, graph)
    assert "\n" not in message


def rewritten(path: Path, change: Callable[[str, bytes], tuple[str, bytes]]) -> Path:
    """The archive with every member passed through `change`, checksums and all."""
    with zipfile.ZipFile(path) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            archive.writestr(*change(name, content))
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"version": 1', '"version": 2', "version Input should be 1"),
        ('"filters": 32', '"filters": 33', "filters = 33 must be a multiple of channel_pool = 2"),
        ('"filters": 32', '"filters": 64', r"output 16x16x16 must be 32x16x16"),
        ('"filters": 32', '"filters": 0', "layers.0.filters Input should be greater than 0"),
        ('"channel_pool": 2', '"channel_pool": 3', "channel_pool = 3 must be one of 1, 2, 4, 8"),
        ('"spatial_pool": 1', '"spatial_pool": 7', "layers.0.spatial_pool Input should be less"),
        ('"groups": 1', '"groups": 2', r"groups = 2 must be 1 \(dense\) or 3"),
        ('"padding": 1', '"padding": -1', "layers.0.padding Input should be greater"),
        ('"leaky_slope": 0.1', '"leaky_slope": 7', "layers.0.leaky_slope Input should be less"),
        ('"weight_bits": 8', '"weight_bits": 4', "weights holds -?[0-9]+: must be -8 to 7"),
        ('"bits": 8', '"bits": 16', "tensors.0.bits Input should be less"),
        ('"scale": 1.0', '"scale": null', "has one of scale and zero_point: both or none"),
        ('"scale": 1.0', '"scale": 1e999', "tensors.0.scale Input should be"),
        ('"has_constants": true', '"has_constants": false', "holds 46 members, expected 41"),
        ('"name":', '"nam":', "Field required"),
        ("{", "[" * 100_000, "graph.json"),
        ("{", "\udcff", "graph.json"),
    ],
)
def test_shapes_that_contradict_themselves_are_refused(
    path: Path, old: str, new: str, message: str
) -> None:
    def change(name: str, content: bytes) -> tuple[str, bytes]:
        if name != "graph.json":
            return name, content
        text = content.decode().replace(old, new, 1)
        assert text != content.decode()
        return name, text.encode(errors="surrogateescape")

    with pytest.raises(InputError, match=message):
        load_graph(rewritten(path, change))


def array_bytes(values: NDArray[np.generic]) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


@pytest.mark.parametrize(
    ("member", "content", "message"),
    [
        ("0.shift.npy", array_bytes(np.full(32, 63, np.int32)), "shift holds 63: must be 2 to 62"),
        (
            "0.multiplier.npy",
            array_bytes(np.full(32, -1, np.int32)),
            "multiplier holds -1: must be 0 to",
        ),
        ("0.bias.npy", array_bytes(np.zeros(31, np.int32)), r"must hold int32 of shape \(32,\)"),
        ("0.bias.npy", array_bytes(np.zeros(32, np.int64)), r"0\.bias\.npy is longer than 256"),
        ("0.bias.npy", array_bytes(np.array([{}], object)), r"0\.bias\.npy is longer than 256"),
        ("0.bias.npy", array_bytes(np.zeros(32, np.float32)), r"must hold int32 of shape \(32,\)"),
        ("0.bias.npy", b"", r"must hold int32 of shape \(32,\)"),
        ("0.bias.npy", bytes(1 << 20), r"0\.bias\.npy is longer than 256 bytes"),
        ("graph.json", bytes(2 << 20), r"graph\.json is longer than 1048576 bytes"),
    ],
)
def test_arrays_that_break_a_rule_are_refused(
    path: Path, member: str, content: bytes, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load_graph(rewritten(path, lambda name, old: (name, content if name == member else old)))


def test_foreign_archives_are_refused(path: Path) -> None:
    with pytest.raises(InputError, match=r"has no graph\.json"):
        load_graph(rewritten(path, lambda name, old: (f"x{name}", old)))
    with pytest.raises(InputError, match=r"cannot read graph '.*none': No such file"):
        load_graph(path.with_name("none"))
    os.mkfifo(path.with_name("pipe"))
    for name, kind in (("", "folder"), ("pipe", "pipe"), ("/dev/zero", "device")):
        with pytest.raises(InputError, match=rf"cannot read graph '.*': is a {kind}, no file"):
            load_graph(path.parent / name)


def test_a_failed_write_leaves_the_old_file(
    graph: Graph, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(zipfile.ZipFile, "writestr", full_disk)
    with pytest.raises(InputError, match=r"cannot write graph '.*graph\.npz': No space left"):
        save_graph(graph, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
