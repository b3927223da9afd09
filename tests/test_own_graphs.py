"""A network that is not built in runs by its content: its graph, made in Python."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import hwsim
from hwsim.cli import main
from hwsim.errors import ComparisonError, InputError
from hwsim.flows.quantized import float_weights as seeded_or_read
from hwsim.golden.networks import FloatStage
from hwsim.golden.reference import run_stage
from hwsim.graph import FloatWeights, Graph, Quantization, Shape, Source, SpatialPool, Stage, Tensor
from hwsim.graph.file import load_graph, save_graph
from tests.branched import branched, two_cameras
from tests.drawn import with_drawn_constants
from tests.loading import loaded_graph

MINI = "tiny-yolov2-mini"

pytestmark = pytest.mark.usefixtures("workplace")


def own_graph(channels: int = 3) -> Graph:
    """Return a network that ends in a kernel as large as its map."""
    image = Tensor("camera", Shape(channels, 24, 32), is_image=channels == 3)
    first = Stage.inferred("stem", [Source.whole(image, (3, 3), padding=1)], "maps", 32, 0.1, 2,
                           SpatialPool.STRIDE_2)  # fmt: skip
    each = Source.whole(first.output, (3, 3), padding=1, groups=16)
    second = Stage.inferred("depthwise", [each], "seen", 16, 0.1)
    head = Stage.inferred("head", [Source.whole(second.output, (12, 15))], "classes", 5)
    return Graph.chain("own network", [first, second, head])


def test_its_shapes_are_priced_and_run_with_seeded_weights() -> None:
    graph = own_graph()
    macs = 24 * 32 * 32 * 27 + 12 * 16 * 16 * 9 + 2 * 5 * 16 * 12 * 15
    assert hwsim.estimate(graph).totals.macs == macs
    executed = hwsim.run(graph, image="photo.jpg", check=True)
    assert [tensor.name for tensor in executed.tensors] == ["stem", "depthwise", "head"]
    noise = [tensor.signal_to_noise_db for tensor in executed.tensors]
    assert all(ratio is not None and ratio > 5 for ratio in noise)
    renamed = hwsim.run(replace(graph, name="another"), image="photo.jpg")
    assert renamed.tensors == executed.tensors


def test_a_graph_with_constants_runs_as_it_is(tmp_path: Path) -> None:
    graph = with_drawn_constants(own_graph(), seed=2)
    executed = hwsim.run(graph, image="photo.jpg", check=True)
    assert executed.to_dict()["run"]["weights"] == "graph"
    assert [tensor.signal_to_noise_db for tensor in executed.tensors] == [None] * 3
    save_graph(graph, tmp_path / "own.safetensors")
    again = hwsim.run(load_graph(tmp_path / "own.safetensors"), image="photo.jpg")
    assert again.tensors == executed.tensors
    with pytest.raises(InputError, match=r"^weights 'a.weights': graph own network has constants"):
        hwsim.run(graph, image="photo.jpg", weights="a.weights")


def float_weights(graph: Graph) -> list[FloatWeights]:
    random = np.random.default_rng(3)
    return [
        FloatWeights(
            tuple(random.normal(0, 0.3, each).astype(np.float32) for each in stage.weights_shapes),
            np.zeros(stage.filters, np.float32),
        )
        for stage in graph.stages
    ]


def test_float_weights_are_quantized_for_an_accelerator() -> None:
    graph = own_graph()
    narrow = hwsim.configuration("nano", weight_bits=4)
    made = hwsim.quantize(graph, float_weights(graph), narrow)
    assert {stage.weight_bits for stage in made.stages} == {4}
    executed = hwsim.run(made, narrow, image="photo.jpg", check=True)
    assert executed.run.weights == "graph"
    with pytest.raises(InputError, match=r"^graph own network has constants already$"):
        hwsim.quantize(made, float_weights(graph), narrow)
    with pytest.raises(InputError, match=r"^graph own network of 3 layers: weights of 2$"):
        hwsim.quantize(graph, float_weights(graph)[:2])
    eight = own_graph(channels=8)
    with pytest.raises(
        InputError, match=r"^input 'camera' of 8 channels: photographs have 3; give "
    ):
        hwsim.quantize(eight, float_weights(eight))


NO_ARRAY: Any = [1]
LISTS = FloatWeights((NO_ARRAY,), NO_ARRAY)
NO_TUPLE = FloatWeights(NO_ARRAY, np.zeros(32, np.float32))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        (None, "weights None: must be a list of hwsim.graph.FloatWeights, one per layer"),
        ([1, 2, 3], "weights [1, 2, 3]: must be a list of hwsim.graph.FloatWeights"),
        ([LISTS] * 3, "weights[0].weights [1]: must be a numpy array"),
        ([NO_TUPLE] * 3, "weights[0].weights [1]: must be a tuple of numpy arrays"),
    ],
)
def test_weights_of_a_wrong_type_are_told_in_one_line(weights: Any, expected: str) -> None:
    with pytest.raises(InputError) as refused:
        hwsim.quantize(own_graph(), weights)
    assert str(refused.value).startswith(expected)


def test_what_is_no_name_is_told_in_a_short_line() -> None:
    values: tuple[Any, ...] = (own_graph(), b"tiny-yolov2", "")
    for value in values:
        with pytest.raises(InputError, match=r"^no network '") as refused:
            hwsim.load(value)
        assert len(str(refused.value)) < 400


def test_a_saved_graph_is_a_network_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photograph = str(Path("photo.jpg").resolve())
    monkeypatch.chdir(tmp_path)
    graph = with_drawn_constants(own_graph(), seed=2)
    for name in ("own.safetensors", "bare", MINI):
        hwsim.save_graph(graph, name)
    assert loaded_graph(MINI).stages[0].name == "conv1"
    for source in ("own.safetensors", "bare", Path("bare"), f"./{MINI}"):
        assert hwsim.load(source).name == "own network"
    expected = hwsim.estimate(graph)
    assert hwsim.estimate("own.safetensors").to_dict() == expected.to_dict()
    assert main(["estimate", "own.safetensors"]) == 0
    assert capsys.readouterr().out == str(expected)
    assert main(["run", "bare", "--image", photograph, "--check", "-q"]) == 0
    assert main(["compile", "bare", "--image", photograph, "-o", "memory", "-q"]) == 0
    assert "own network" in Path("memory/memory.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("estimate none.safetensors", "cannot read graph 'none.safetensors': No such file"),
        ("estimate folder", "cannot read graph 'folder': is a folder, no file"),
        ("estimate text", "network 'text': neither its name nor its content is that of a network"),
        (
            "estimate own.safetensors --size 64",
            "size (64, 64): only built-in networks, .cfg and .onnx take one",
        ),
        ("estimate own.safetensors --k 2", "k 2: only built-in networks take one"),
        ("estimate own.safetensors --json own.safetensors", "the same command reads it"),
        ("run own.safetensors --image text --csv own.safetensors", "command reads it"),
        ("compile own.safetensors -o . --json own.safetensors", "the same command reads it"),
        ("verify own.safetensors --json own.safetensors", "the same command reads it"),
        ("estimate own", "; the path of a darknet file must end in .cfg, that of a saved graph in"),
        (f"estimate {'x' * 5000}", "that of a saved graph in .safetensors or name a file that"),
    ],
)
def test_a_wrong_file_is_told_in_one_line(
    arguments: str,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    hwsim.save_graph(own_graph(), "own.safetensors")
    Path("folder").mkdir()
    Path("text").write_text("This is no graph.")
    before = Path("own.safetensors").read_bytes()
    assert main(arguments.split()) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert expected in output.err
    assert Path("own.safetensors").read_bytes() == before


def test_a_graph_that_takes_no_photograph_needs_arrays() -> None:
    graph = own_graph(channels=8)
    expected = (
        "input 'camera' of 8 channels: photographs have 3; give an array for each of 'camera': "
        "--input NAME=FILE.npy, or in Python inputs={NAME: array}"
    )
    for call in (hwsim.run, hwsim.verify, hwsim.compile):
        for image in (None, "photo.jpg"):
            with pytest.raises(InputError) as refused:
                call(graph, image=image)
            assert str(refused.value) == expected
    with pytest.raises(InputError) as refused:
        hwsim.quantize(graph, float_weights(graph))
    assert str(refused.value) == expected
    with pytest.raises(
        InputError, match=r"^input 'camera': every value is -128: a network is quan"
    ):
        hwsim.run(graph, inputs={"camera": np.full((8, 24, 32), -128, np.int8)})


def test_a_graph_that_takes_no_photograph_is_quantized_on_its_arrays() -> None:
    """The range of a layer that passes the input on is that of the array, in steps of 1 / 255."""
    camera = Tensor("camera", Shape(2, 12, 10))
    stage = Stage.inferred("pass", [Source.whole(camera, (1, 1))], "passed", 2)
    graph = Graph.chain("pass", [stage])
    weights = [
        FloatWeights((np.eye(2, dtype=np.float32)[..., None, None],), np.zeros(2, np.float32))
    ]
    x = np.random.default_rng(1).integers(-128, 127, (2, 12, 10), np.int8, endpoint=True)
    for brightest in (-96, 27, 127):
        inputs = {"camera": x.clip(max=brightest)}
        made = hwsim.quantize(graph, weights, inputs=inputs)
        assert made.only_input.quantization == Quantization(1 / 255, -128)
        quantization = made.only_output.quantization
        assert quantization is not None
        assert quantization.scale == pytest.approx((brightest + 128) / 255 / 255, rel=1e-3)
        assert quantization.zero_point == -128
        executed = hwsim.run(made, inputs=inputs, check=True)
        (tensor,) = executed.run.outputs
        real = tensor.scale * (executed.outputs["passed"].astype(float) - tensor.zero_point)
        assert abs(real - (inputs["camera"].astype(float) + 128) / 255).max() <= tensor.scale


def test_seeded_weights_are_normalised_on_the_arrays() -> None:
    graph = own_graph(channels=8)
    random = np.random.default_rng(1)
    for brightest in (-96, 127):
        x = random.integers(-128, brightest, (8, 24, 32), np.int8, endpoint=True)
        executed = hwsim.run(graph, inputs={"camera": x}, check=True)
        noise = [tensor.signal_to_noise_db for tensor in executed.tensors]
        assert all(ratio is not None and ratio > 15 for ratio in noise), noise
        weights = seeded_or_read(graph, None, [x])
        pixels = torch.from_numpy(x.astype(np.float32) + 128)[None] / 255
        y = FloatStage(graph.stages[0], weights[0]).convolve({"camera": pixels})
        norm = weights[0].batch_norm
        assert norm is not None
        np.testing.assert_allclose(norm.mean, y.mean((0, 2, 3)), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("make", [branched, two_cameras])
def test_a_network_that_branches_runs(make: Callable[[], Graph]) -> None:
    graph = make()
    executed = hwsim.run(graph, check=True)
    names = [stage.name for stage in graph.stages]
    assert [tensor.name for tensor in executed.tensors] == names
    noise = [tensor.signal_to_noise_db for tensor in executed.tensors]
    assert all(ratio is not None and ratio > 15 for ratio in noise), noise


def test_a_wrong_value_of_a_branch_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(stage: Stage, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        y = run_stage(stage, tensors)
        if stage.name == "join":
            y[0, 14, 3, 2] ^= 1
        return y

    monkeypatch.setattr("hwsim.golden.reference.run_stage", wrong)
    with pytest.raises(
        ComparisonError, match=r"^join differs from .* in 1 of 5,760 elements, .*14"
    ):
        hwsim.run(branched(), image="photo.jpg", check=True)


@pytest.mark.verilator
@pytest.mark.parametrize("make", [branched, two_cameras])
def test_a_network_that_branches_is_verified_layer_by_layer(make: Callable[[], Graph]) -> None:
    graph = make()
    found = hwsim.verify(graph, "nano")
    assert found.failures == ()
    assert [layer.layer for layer in found.layers] == [stage.name for stage in graph.stages]
    assert not any(layer.different_elements for layer in found.layers)
