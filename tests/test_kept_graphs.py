"""Quantized graphs are kept in the user's cache by their content, and only whole files are used."""

import os
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from hwsim.flows.kept_arrays import keep_arrays, kept_arrays
from hwsim.flows.quantized import (
    float_weights,
    graph_place,
    quantized,
    quantized_graph,
    statistics_place,
)
from hwsim.frontends.builtin import build_network
from hwsim.golden.seeded_weights import draw_weights
from hwsim.graph import Graph, Tensor
from hwsim.graph.file import graph_bytes
from tests.branched import branched

ROOT = Path(__file__).resolve().parents[1]
MINI = "condensation-net-mini"
MULTIPLIER_BITS = 16
DECIDING_SOURCES = sorted(
    [*ROOT.glob("golden/*.py"), *ROOT.glob("hwsim/graph/*.py"), ROOT / "hwsim" / "fixed_point.py"]
)

pytestmark = pytest.mark.usefixtures("workplace")


@pytest.fixture(scope="module")
def graph(workplace: Path) -> Graph:
    """Return the quantized graph, which the cache keeps from then on."""
    assert workplace.is_dir()
    return quantized(build_network(MINI), None, MULTIPLIER_BITS).graph


def both_places(shapes: Graph) -> tuple[Path, Path]:
    """Return where the statistics of seeded weights and a quantized graph are kept."""
    weights = float_weights(shapes, None)
    return statistics_place(shapes), graph_place(shapes, weights, MULTIPLIER_BITS)


def renamed(graph: Graph) -> Graph:
    """Return a graph with other names of the graph, of its layers and of its tensors."""

    def other(tensor: Tensor) -> Tensor:
        return replace(tensor, name=f"map of {tensor.name}")

    stages = tuple(
        replace(
            stage,
            name=f"my {stage.name}",
            sources=tuple(replace(source, tensor=other(source.tensor)) for source in stage.sources),
            output=other(stage.output),
        )
        for stage in graph.stages
    )
    return Graph("mine", tuple(map(other, graph.inputs)), stages, tuple(map(other, graph.outputs)))


def forbid_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail from now on where statistics are measured or a graph is quantized."""

    def fails(*_: object) -> None:
        raise AssertionError("found anew")

    monkeypatch.setattr("hwsim.golden.statistics.calibration_statistics", fails)
    monkeypatch.setattr("hwsim.golden.quantize.quantize", fails)


@pytest.fixture
def no_work(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail where statistics are measured or a graph is quantized."""
    forbid_work(monkeypatch)
    yield
    assert graph.is_quantized


@pytest.mark.usefixtures("no_work")
def test_what_is_kept_is_what_was_made(graph: Graph) -> None:
    again = quantized(build_network(MINI), None, MULTIPLIER_BITS).graph
    assert graph_bytes(again) == graph_bytes(graph)


@pytest.mark.usefixtures("no_work")
def test_a_renamed_network_is_found_and_has_its_own_names(graph: Graph) -> None:
    shapes = renamed(build_network(MINI))
    assert both_places(shapes) == both_places(build_network(MINI))
    made = quantized(shapes, None, MULTIPLIER_BITS)
    assert graph_bytes(made.graph) == graph_bytes(renamed(graph))


def test_a_network_that_branches_is_kept_too(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = branched()
    made = quantized(shapes, None, MULTIPLIER_BITS).graph
    forbid_work(monkeypatch)
    again = quantized(shapes, None, MULTIPLIER_BITS).graph
    assert graph_bytes(again) == graph_bytes(made)
    other = quantized(renamed(shapes), None, MULTIPLIER_BITS).graph
    assert graph_bytes(other) == graph_bytes(renamed(made))


@pytest.mark.parametrize("which", [0, 1])
def test_a_damaged_file_is_replaced(which: int, graph: Graph) -> None:
    shapes = build_network(MINI)
    path = both_places(shapes)[which]
    whole = path.read_bytes()
    for damaged in (
        whole[: len(whole) // 2],
        whole[:-1],
        b"",
        bytes(32),
        save({"0.mean": np.zeros(3, np.float32)}),
        *(_with_flipped_bit(whole, place) for place in (0, 20, len(whole) // 2, len(whole) - 1)),
        _with_doubled_array(whole),
    ):
        path.write_bytes(damaged)
        assert graph_bytes(quantized(shapes, None, MULTIPLIER_BITS).graph) == graph_bytes(graph)
        assert path.read_bytes() == whole


def _with_flipped_bit(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def _with_doubled_array(content: bytes) -> bytes:
    """Return a legal file in which the values of one array are others, as legal as its own."""
    arrays = load(content)
    name = "layer.0.weights.0" if "layer.0.weights.0" in arrays else "0.variance"
    return save(arrays | {name: arrays[name] // 2})


def make_sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 50 << 30)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    "make",
    [
        os.mkfifo,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to(path),
        lambda path: (path / "folder").mkdir(parents=True),
        make_sparse,
    ],
    ids=["pipe", "device", "circle", "folder", "sparse"],
)
def test_what_is_no_kept_file_is_replaced_at_once(
    make: Callable[[Path], None], which: int, graph: Graph
) -> None:
    shapes = build_network(MINI)
    path = both_places(shapes)[which]
    whole = path.read_bytes()
    path.unlink()
    make(path)
    start, peak_kib = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert kept_arrays(path) is None
    assert time.monotonic() - start < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_kib < 50_000
    assert graph_bytes(quantized(shapes, None, MULTIPLIER_BITS).graph) == graph_bytes(graph)
    assert path.read_bytes() == whole
    assert not path.is_symlink()


def test_what_does_not_fit_is_replaced(graph: Graph) -> None:
    shapes = build_network(MINI)
    for path, name in zip(both_places(shapes), ("0.mean", "layer.0.bias"), strict=True):
        whole = path.read_bytes()
        arrays = kept_arrays(path)
        assert arrays is not None
        values = arrays[name]
        wrong = [arrays | {name: values[:3]}, {"1.mean": values}]
        if values.dtype == np.float32:
            wrong.append(arrays | {name: np.full_like(values, np.nan)})
        for unfit in wrong:
            keep_arrays(path, unfit)
            assert path.read_bytes() != whole
            assert graph_bytes(quantized(shapes, None, MULTIPLIER_BITS).graph) == graph_bytes(graph)
            assert path.read_bytes() == whole


def test_a_kept_file_is_of_the_safetensors_format(tmp_path: Path) -> None:
    arrays = {f"{index}.mean": np.full(index, 0.5, np.float32) for index in range(12)}
    arrays["9.weights"], arrays["9.scale"] = np.ones(5, np.int8), np.ones(1, np.float64)
    keep_arrays(tmp_path / "kept", arrays)
    found = load((tmp_path / "kept").read_bytes())
    assert found.keys() == arrays.keys() | {"sha256"}
    assert all((found[name] == arrays[name]).all() for name in arrays)
    again = kept_arrays(tmp_path / "kept")
    assert again is not None
    assert again.keys() == arrays.keys()


def test_a_graph_is_kept_by_all_that_decides_it() -> None:
    shapes = build_network(MINI)
    weights = list(float_weights(shapes, None))
    changed = weights[0].weights[0].copy()
    changed[1, 2, 0, 1] = np.nextafter(changed[1, 2, 0, 1], np.float32(9))
    other = [replace(weights[0], bias=weights[0].bias + np.float32(1)), *weights[1:]]
    moved = replace(shapes, stages=(replace(shapes.stages[0], leaky_slope=0.2), *shapes.stages[1:]))
    places = [
        graph_place(shapes, weights, 16),
        graph_place(shapes, weights, 32),
        graph_place(shapes, other, 16),
        graph_place(shapes, [replace(weights[0], weights=(changed,)), *weights[1:]], 16),
        graph_place(moved, weights, 16),
        graph_place(build_network(MINI, 64, 96), weights, 16),
        graph_place(build_network(MINI, weight_bits=4), weights, 16),
    ]
    assert len(set(places)) == len(places)
    assert graph_place(build_network(MINI), [*weights], 16) == places[0]


def test_both_widths_of_the_multiplier_are_kept(graph: Graph) -> None:
    shapes = build_network(MINI)
    weights = float_weights(shapes, None)
    wide = graph_bytes(quantized_graph(shapes, weights, 32))
    assert wide != graph_bytes(graph)
    assert graph_bytes(quantized_graph(shapes, weights, 32)) == wide
    assert graph_bytes(quantized_graph(shapes, weights, 16)) == graph_bytes(graph)


def drawn_places() -> set[Path]:
    """Return both places; the weights are drawn only, so that the cache is left alone."""
    shapes = build_network(MINI)
    weights = [stage.as_type(np.float32) for stage in draw_weights(shapes, seed=0)]
    return {graph_place(shapes, weights, MULTIPLIER_BITS), statistics_place(shapes)}


@pytest.mark.parametrize("package", ["torch", "brevitas", "numpy", "pillow", "scikit-image"])
def test_another_version_of_a_package_uses_other_files_of_the_cache(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = drawn_places()
    monkeypatch.setattr(
        "hwsim.flows.quantized.version", lambda name: "0.0" if name == package else version(name)
    )
    assert not before & drawn_places()


@pytest.mark.parametrize("source", DECIDING_SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_changed_source_uses_other_files_of_the_cache(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_bytes(path: Path) -> bytes:
        with path.open("rb") as file:
            return file.read() + (b"#" if path.resolve() == source else b"")

    before = drawn_places()
    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert not before & drawn_places()


def test_another_seed_uses_another_file_of_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = build_network(MINI)
    before = statistics_place(shapes)
    monkeypatch.setattr("hwsim.flows.quantized.SEED", 1)
    assert statistics_place(shapes) != before
