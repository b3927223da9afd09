"""The weights of a network from a `.cfg`: every convolution gets its own, whatever became of it."""

import json
import math
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import hwsim
from hwsim.cli import main
from hwsim.frontends.darknet import read_weights, stored_convolutions, write_weights
from hwsim.golden.operators import run_operators
from hwsim.golden.statistics import seeded_weights
from hwsim.graph import Graph
from hwsim.graph.float_weights import BatchNorm, FloatWeights
from hwsim.graph.operators import Convolution
from tests.darknet_files import CONVOLUTION, LAST, NET, POOL, TWO_HEADS, network_file, tiny_yolov2
from tests.drawn_operators import run_stages
from tests.loading import loaded_graph

PLAIN = "[convolutional]\nfilters=6\nsize=1\nactivation=leaky\n"  # leaky and not normalised
NORMALISED = "[convolutional]\nfilters=6\nsize=1\nactivation=linear\nbatch_normalize=1\n"
HALF = "[route]\nlayers=-1,-2\n[route]\nlayers=-1\ngroups=2\ngroup_id=1\n"

TEXTS = {
    "two heads": TWO_HEADS,
    "normalised or not": NET + PLAIN + NORMALISED + LAST.format(3),
    "one is unread": NET + CONVOLUTION.format(6) + CONVOLUTION.format(6) + HALF + LAST.format(3),
    "groups": NET + CONVOLUTION.format(8) + CONVOLUTION.format(8) + "groups=4\n" + LAST.format(3),
}


def written(graph: Graph, path: Path) -> dict[str, FloatWeights]:
    """Write a file as darknet's C source does, from the operators; return what it holds."""
    rng = np.random.default_rng(5)
    found: dict[str, FloatWeights] = {}
    assert graph.origin is not None
    with path.open("wb") as file:
        file.write(struct.pack("<iiiq", 0, 2, 0, 0))

        def draw(*shape: int) -> NDArray[np.float32]:
            values = rng.uniform(0.1, 1, shape).astype("<f4")
            file.write(values.tobytes())
            return values

        for operator in graph.origin.operators:
            if isinstance(operator, Convolution):
                channels = graph.origin.shapes(operator)[0].channels // operator.groups
                bias, norm = draw(operator.filters), None
                if operator.is_normalised:
                    norm = BatchNorm(*(draw(operator.filters) for _ in range(3)))
                weights = draw(operator.filters, channels, *operator.kernel)
                found[operator.name] = FloatWeights((weights,), bias, norm)
    return found


@pytest.mark.parametrize("name", TEXTS)
def test_stages_with_the_weights_of_a_file_compute_what_its_operators_do(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "own.cfg").write_text(TEXTS[name])
    graph = loaded_graph(tmp_path / "own.cfg", size=16)
    assert graph.origin is not None
    weights = written(graph, tmp_path / "own.weights")
    by_stage = read_weights(graph, tmp_path / "own.weights")
    image = {"image": torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))}
    expected = run_operators(graph.origin, weights, image)
    found = run_stages(graph, by_stage, image)
    for output in graph.outputs:
        assert torch.allclose(found[output.name], expected[output.name], rtol=1e-4)


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_written_is_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "own.cfg").write_text(TEXTS[name])
    graph = loaded_graph(tmp_path / "own.cfg")
    written(graph, tmp_path / "own.weights")
    weights = read_weights(graph, tmp_path / "own.weights")
    write_weights(graph, weights, tmp_path / "again.weights")
    first, second = ((tmp_path / f"{n}.weights").read_bytes()[20:] for n in ("own", "again"))
    if name == "one is unread":
        assert len(first) == len(second)
    else:
        assert first == second


@pytest.mark.parametrize(
    ("name", "size_bytes"), [("yolov3-tiny", 35_434_956), ("yolov4-tiny", 24_251_276)]
)
def test_published_files_have_this_size(name: str, size_bytes: int) -> None:
    stored = stored_convolutions(loaded_graph(network_file(f"{name}.cfg")))
    floats = sum(math.prod(shape) for convolution in stored for shape in convolution.shapes)
    assert 20 + 4 * floats == size_bytes


def test_tiny_yolov2_from_its_file_has_the_weights_of_the_built_in_one(tmp_path: Path) -> None:
    path = tmp_path / "tiny.cfg"
    path.write_text(tiny_yolov2(64))
    graph = loaded_graph(path)
    written(graph, tmp_path / "tiny.weights")
    builtin = loaded_graph("tiny-yolov2", size=64)
    ours, theirs = (read_weights(each, tmp_path / "tiny.weights") for each in (graph, builtin))
    for one, other in zip(ours, theirs, strict=True):
        assert one.arrays().keys() == other.arrays().keys()
        assert all(
            np.array_equal(one.arrays()[name], other.arrays()[name]) for name in one.arrays()
        )


def test_a_chain_runs_with_its_weights(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workplace / "chain.cfg").write_text(
        NET + CONVOLUTION.format(8) + POOL.format(2) + PLAIN + NORMALISED + LAST.format(3)
    )
    written(loaded_graph("chain.cfg"), workplace / "chain.weights")
    run = ["run", "chain.cfg", "--image", "photo.jpg", "--check", "-q"]
    assert main([*run, "--weights", "chain.weights"]) == 0
    (workplace / "short.weights").write_bytes((workplace / "chain.weights").read_bytes()[:-4])
    assert main([*run, "--weights", "short.weights"]) == 2
    assert "bytes, expected 20 of header and" in capsys.readouterr().err


def test_a_network_that_branches_runs_with_its_weights(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workplace / "heads.cfg").write_text(TWO_HEADS)
    graph = loaded_graph("heads.cfg")
    weights = seeded_weights(graph, seed=3)
    write_weights(graph, weights, workplace / "heads.weights")
    run = ["run", "heads.cfg", "--image", "photo.jpg", "--check", "--json", "-"]
    assert main([*run, "--weights", "heads.weights"]) == 0
    document = json.loads(capsys.readouterr().out)["run"]
    assert document["weights"] == "heads.weights"
    assert [tensor["name"] for tensor in document["tensors"]] == [
        stage.name for stage in graph.stages
    ]
    assert min(tensor["signal_to_noise_db"] for tensor in document["tensors"]) > 15
    assert main(run) == 0  # with weights of another seed
    assert json.loads(capsys.readouterr().out)["run"]["tensors"] != document["tensors"]


Compiled = tuple[str | bytes, str | bytes, dict[str, str | None]]


def compiled(file: str, weights: str | None = None) -> Compiled:
    """Return memory, expected results and the reported hashes of all tensors."""
    config = hwsim.configuration("nano", settings={"residency": False})  # all maps have a hash
    found = hwsim.compile(file, config, image="photo.jpg", weights=weights)
    sha256 = {tensor.name: tensor.sha256 for tensor in found.layers}
    run = hwsim.run(file, config, image="photo.jpg", weights=weights)
    return (
        found.files["memory.bin"],
        found.files["expected.bin"],
        sha256 | {f"run {tensor.name}": tensor.sha256 for tensor in run.tensors},
    )


def test_names_of_files_decide_nothing_and_one_weight_of_a_filter_does(workplace: Path) -> None:
    text = NET + CONVOLUTION.format(8) + POOL.format(2) + LAST.format(3)
    for name in ("one.cfg", "another name.cfg", "THIRD.CFG"):
        (workplace / name).write_text(text)
    graph = loaded_graph("one.cfg")
    weights = list(seeded_weights(graph, seed=3))
    for name in ("one.weights", "another.weights"):
        write_weights(graph, weights, workplace / name)
    for files in (("one.weights", "another.weights"), (None, None)):
        first = compiled("one.cfg", files[0])
        assert compiled("another name.cfg", files[1]) == first
        assert compiled("THIRD.CFG", files[1]) == first

    expected = compiled("one.cfg", "one.weights")
    for index, layer in enumerate(weights):
        changed = layer.weights[0].copy()
        changed[1, 2, 0, 0] += abs(changed[1]).max() / 2
        other = [replace(layer, weights=(changed,)) if each is layer else each for each in weights]
        write_weights(graph, other, workplace / "changed.weights")
        memory, results, sha256 = compiled("one.cfg", "changed.weights")
        assert memory != expected[0]
        assert results != expected[1]
        for number, stage in enumerate(graph.stages):
            for name in (stage.output.name, f"run {stage.name}"):
                assert (sha256[name] == expected[2][name]) == (number < index)
