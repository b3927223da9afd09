"""A notebook can use `import hwsim`: documented example, tables, dicts and data frames work."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import hwsim
from hwsim.arch.config import Config, load_config
from hwsim.cli import main
from hwsim.errors import InputError
from hwsim.flows.progress import silent
from hwsim.flows.results import EstimateResult
from hwsim.flows.simulation import PERCENT, following
from hwsim.graph import Graph
from hwsim.report.layers import LayerFigures
from tests.darknet_files import TWO_HEADS
from tests.loading import loaded_graph
from tests.test_hostile_names import HOSTILE, Structure, config_named
from tests.tflite_small import DIMS, classifier

MINI = "condensation-net-mini"
FIVE: Any = 5  # no name, no path and no text
DOCUMENT = Path(__file__).parents[1] / "docs" / "library.md"


@pytest.fixture(scope="module")
def found() -> EstimateResult:
    return hwsim.estimate(MINI, "edge")


EXAMPLES = re.findall(
    r"```python\n(.*?)```\n\nprints\n\n```\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL
)


def test_every_documented_example_is_run() -> None:
    assert len(EXAMPLES) == DOCUMENT.read_text("utf-8").count("```python") == 3


@pytest.mark.parametrize(
    ("code", "expected"), EXAMPLES, ids=["estimates", "own network", "inputs and outputs"]
)
def test_a_documented_example_prints_what_it_says(code: str, expected: str, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.stderr == ""
    assert result.stdout == expected


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("source", ["heads.cfg", "int8.tflite", "float32.tflite"])
def test_the_documented_way_to_real_values_is_that_of_every_network(source: str) -> None:
    """The example of inputs and outputs, with another network in the place of its own."""
    Path("heads.cfg").write_text(TWO_HEADS)
    inputs: dict[str, Any] | None = None
    if source.endswith(".tflite"):
        kind = Path(source).stem
        Path(source).write_bytes(classifier(kind).content())
        rng = np.random.default_rng(1)
        inputs = {
            "image" if kind == "int8" else "real_image": rng.integers(-9, 9, DIMS).astype(kind)
        }
    code = EXAMPLES[2][0]
    call = 'hwsim.run("tiny-yolov2-mini", "nano")'
    assert call in code
    names: dict[str, Any] = {"inputs": inputs}
    exec(code.replace(call, f"hwsim.run({source!r}, 'nano', inputs=inputs)"), names)
    found = names["found"]
    assert names["output"].name == list(found.outputs)[-1]
    assert len(found.run.file_outputs or found.run.outputs) == len(found.outputs)
    for output in found.run.file_outputs:
        stored = found.outputs[output.name].astype(float)
        real = output.scale * (stored - output.zero_point)
        assert [real[value.place] for value in output.largest] == [
            value.real for value in output.largest
        ]
        assert (output.scale, output.zero_point) == (
            (1 / 256, -128) if "int8" in source else (1, 0)
        )


def test_the_document_names_everything_that_is_offered() -> None:
    text = DOCUMENT.read_text("utf-8")
    for name in hwsim.__all__:
        assert f"`{name}(" in text, name


def test_importing_it_costs_nothing() -> None:
    heavy = ["numpy", "pydantic", "click", "rich", "jinja2", "hwsim.graph", "pandas"]
    code = f"import sys, hwsim; print([name for name in {heavy!r} if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


def test_what_it_offers_is_all_there() -> None:
    assert set(hwsim.__all__) <= set(dir(hwsim))
    assert all(callable(getattr(hwsim, name)) for name in hwsim.__all__)
    with pytest.raises(AttributeError, match="module 'hwsim' has no attribute 'estimat'"):
        hwsim.estimat  # noqa: B018
    assert (Path(hwsim.__file__).parent / "py.typed").exists()
    assert hwsim.__version__ == version("hwsim")
    assert "__version__" in dir(hwsim)


def test_an_estimate_is_what_the_command_writes(
    found: EstimateResult, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["estimate", MINI, "--json", "-"]) == 0
    assert json.loads(json.dumps(found.to_dict())) == json.loads(capsys.readouterr().out)
    assert main(["estimate", MINI]) == 0
    assert capsys.readouterr().out == str(found)
    assert repr(found) == f"<EstimateResult: {found.heading}>"
    assert found.heading in str(found)


def test_layers_are_a_table(found: EstimateResult) -> None:
    layers = found.layers
    assert len(layers) == 9
    assert [layer.name for layer in layers] == [f"conv{n}" for n in range(1, 10)]
    assert layers[-1].macs == found.document.layers[-1].macs
    assert [layer.name for layer in layers[1:3]] == ["conv2", "conv3"]
    assert isinstance(layers[0], LayerFigures)
    columns = layers.to_dict()
    assert tuple(columns) == layers.columns
    assert columns["cycles"] == [layer.cycles for layer in layers]
    assert columns["operators"][0].startswith("convolution + bias + rescale + leaky ReLU")
    assert [variant.key for variant in found.variants] == ["A", "B", "B'", "C"]
    assert not hwsim.estimate("tiny-yolov2-mini").variants


def test_a_data_frame_has_the_same_columns(found: EstimateResult) -> None:
    pandas = pytest.importorskip("pandas")
    frame = found.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert tuple(frame.columns) == found.layers.columns
    assert frame["total_bytes"].sum() == found.totals.total_bytes
    assert len(hwsim.networks().to_frame()) == len(hwsim.networks())


def test_without_pandas_one_line_says_what_to_install(
    found: EstimateResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match=r"^a data frame needs pandas.*'hwsim\[notebook\]'$"):
        found.to_frame()


def test_a_notebook_shows_every_table(found: EstimateResult) -> None:
    page = Structure(found._repr_html_())
    for text in (found.heading, "in use", "conv9", "One frame", "virtual maps"):
        assert text in page.text
    layers = Structure(found.layers._repr_html_())
    assert all(column in layers.text for column in found.layers.columns)
    assert f"{found.layers[0].cycles:,}" in layers.text


@pytest.mark.parametrize("name", HOSTILE)
def test_a_notebook_obeys_no_name(name: str) -> None:
    def shown(config: Config) -> Structure:
        return Structure(hwsim.estimate(MINI, config)._repr_html_())

    assert shown(config_named(name)).elements == shown(config_named("plain")).elements


def test_networks_and_configs_are_what_the_commands_list(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for command, table in (("networks", hwsim.networks()), ("configs", hwsim.configs())):
        assert main([command]) == 0
        words = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
        assert [row.name for row in table] == words


def test_a_table_prints_a_line_per_row() -> None:
    table = hwsim.networks()
    heading, rule, *lines = str(table).splitlines()
    assert sorted(heading.split()) == sorted(table.columns)
    assert set(rule) == {"─"}
    assert [line.split()[0] for line in lines] == [row.name for row in table]
    assert all(f"{row.macs:,}" in line for row, line in zip(table, lines, strict=True))
    assert {len(line) for line in (heading, *lines)} == {len(rule)}
    assert str(table[1:2]).splitlines()[2].startswith(table[1].name)


def test_load_takes_a_size_and_k() -> None:
    graph = loaded_graph(MINI, size=(96, 64), k=4)
    assert isinstance(graph, Graph)
    size = graph.inputs[0].shape
    assert (size.width, size.height) == (96, 64)
    assert graph.stages[0].channel_pool == 4
    square = loaded_graph(MINI, size=96).inputs[0].shape
    assert (square.width, square.height) == (96, 96)
    assert hwsim.load(MINI) == hwsim.load(MINI, size=64, k=2)
    assert hwsim.load(MINI, size="96x64", k=4) == graph
    assert hwsim.load(MINI, size="96") == hwsim.load(MINI, size=96)


def test_a_config_is_a_name_a_file_or_a_config(tmp_path: Path) -> None:
    path = tmp_path / "chip.toml"
    assert main(["configs", "show", "nano"]) == 0
    path.write_text((Path(hwsim.__file__).parent / "arch/presets/nano.toml").read_text())
    nano = load_config("nano")
    assert hwsim.configuration("nano") == hwsim.configuration(path) == hwsim.configuration(nano)
    narrow = hwsim.configuration(nano, weight_bits=4, memory="ideal")
    assert narrow.widths.weight_bits == 4
    assert narrow.memory.latency_cycles == 1
    estimated = hwsim.estimate(hwsim.load(MINI), narrow)
    assert {layer.weight_bits for layer in estimated.layers} == {4}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hwsim.load("tiny-yolo2"), "did you mean 'tiny-yolov2'"),
        (lambda: hwsim.load(Path("net.pt")), "no network 'net.pt'"),
        (lambda: hwsim.load(MINI, size=8), "size 8x8: each side must have 32 to"),
        *(
            (lambda size=size: hwsim.load(MINI, size=size), "is no size in pixels such as 416")
            for size in ("64x", 3.5, True, (320,) * 3, -64, [64, 64])
        ),
        (lambda: hwsim.load(FIVE), "no network '5': networks are"),
        *(
            (lambda k=k: hwsim.load(MINI, k=k), r"^k = .*: must be one of 1, 2, 4, 8$")
            for k in (3, 2.0, True, "2", [2], np.array([1, 2]))
        ),
        *(
            (
                lambda function=function, name=name: function(MINI, **{name: 5}),
                f"^{name} 5: a path must be text or a pathlib.Path$",
            )
            for function in (hwsim.run, hwsim.compile, hwsim.verify)
            for name in ("image", "weights")
        ),
        (lambda: hwsim.estimate(MINI, "egde"), "did you mean 'edge'"),
        (lambda: hwsim.estimate(MINI, FIVE), "no preset '5': presets are"),
        (lambda: hwsim.read(FIVE), "^document 5: a path must be"),
        (lambda: hwsim.configuration("edge", weight_bits=5), "weight bits 5: widths.weight_bits"),
        (lambda: hwsim.configuration("edge", memory="fast"), "'fast' is none of ideal"),
        *(
            (lambda memory=memory: hwsim.configuration("edge", memory=memory), "is none of ideal")
            for memory in (5, ["ideal"], ("latency", 5), b"ideal")
        ),
        (lambda: hwsim.verify("tiny-yolov2-mini", unfused=True), "unfused: nothing in tiny-yolov2"),
        *(
            (lambda base=base: hwsim.compile(MINI, base=base), "^base .*: must be an integer$")
            for base in ("0x1000", 4096.0, None)
        ),
        (lambda: hwsim.compile(MINI, base=1), "base 0x1: must be 0 or a positive multiple"),
    ],
)
def test_bad_input_is_the_command_s_line(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("README.md", b"# A text of several lines\n\nof which none is a network.\n"),
        ("net.pt", b"\x08\x08\x12\x07pytorch" + b"\0" * 40),
        ("empty", b""),
        ("short", b"\1\0\0\0\0\0\0\0"),
    ],
)
def test_a_file_that_is_no_network_is_told_what_can_be_loaded(
    name: str, content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        hwsim.load(path)
    assert str(refused.value) == (
        f"network '{path}': neither its name nor its content is that of a network: files are a "
        "quantized .tflite or .onnx, darknet's .cfg, or a .safetensors that hwsim saved"
    )


def test_a_graph_is_shown_in_a_line() -> None:
    graph = loaded_graph("tiny-yolov2-mini")
    assert repr(graph) == (
        "<Graph 'tiny-yolov2-mini': input 'image' 3x64x64; output 'detections' 30x2x2; 9 stages>"
    )


@pytest.mark.usefixtures("workplace")
def test_every_step_of_every_task_is_reported() -> None:
    steps: dict[str, int] = {}
    done: dict[str, int] = {}

    @contextmanager
    def record(description: str, count: int) -> Iterator[Callable[[], None]]:
        steps[description], done[description] = count, 0

        def advance() -> None:
            done[description] += 1

        yield advance

    hwsim.run(MINI, image="photo.jpg", progress=record)
    assert f"quantizing {MINI}" in steps
    assert done == steps
    hwsim.compile(MINI, image="photo.jpg", progress=record)
    assert done == steps


def test_a_simulation_fills_its_bar_whatever_was_predicted(tmp_path: Path) -> None:
    advanced: list[None] = []
    with following(tmp_path, 1000, lambda: advanced.append(None)):
        assert not advanced
    assert len(advanced) == PERCENT
    with pytest.raises(ZeroDivisionError), following(tmp_path, 1000, lambda: advanced.append(None)):
        raise ZeroDivisionError
    assert len(advanced) == PERCENT


@pytest.mark.usefixtures("workplace")
def test_a_run_has_tensors_and_a_compiled_network_files() -> None:
    executed = hwsim.run(MINI, image=Path("photo.jpg"), check=True, progress=silent)
    assert [tensor.name for tensor in executed.tensors] == [layer.name for layer in executed.layers]
    assert executed.to_dict()["run"]["is_checked"]
    assert executed.totals == hwsim.estimate(MINI).totals
    compiled = hwsim.compile(MINI, image=Path("photo.jpg"), base=4096)
    assert set(compiled.files) == {"memory.bin", "memory.json", "memory.h", "expected.bin"}
    assert json.loads(compiled.files["memory.json"]) == json.loads(json.dumps(compiled.to_dict()))
    assert compiled.registers[0].name == "CONSTANTS_BASE"
    assert compiled.layers.to_dict()["shape"][0] == (3, 64, 64)
    assert compiled.layers[0].name == "image"
    for result in (executed, compiled):
        assert result.heading in Structure(result._repr_html_()).text


LONG = "x" * 100_000
ENDLESS = 10**5000  # Python writes no integer of so many digits


@pytest.mark.parametrize(
    ("call", "beginning"),
    [
        (lambda: hwsim.estimate(LONG), "no network 'xxx"),
        (lambda: hwsim.estimate(LONG + ".safetensors"), "cannot read graph 'xxx"),
        (lambda: hwsim.estimate(cast(Any, ENDLESS)), "no network '<int of thousands of digits>':"),
        (lambda: hwsim.configuration(LONG), "no preset 'xxx"),
        (lambda: hwsim.configuration(LONG + ".toml"), "cannot read config 'xxx"),
        (lambda: hwsim.configuration(cast(Any, ENDLESS)), "no preset '<int of thousands of digi"),
        (lambda: hwsim.configuration("a\nb.toml"), r"cannot read config 'a\nb.toml': No such"),
        (lambda: hwsim.configuration("edge", memory=LONG), "memory xxx"),
        (
            lambda: hwsim.configuration("edge", memory="a\nb"),
            r"memory a\nb: 'a\nb' is none of ideal",
        ),
        (
            lambda: hwsim.configuration("edge", memory="latency=1," * 9999 + "latency=2"),
            "memory latency=1",
        ),
        (
            lambda: hwsim.configuration("edge", memory=cast(Any, ENDLESS)),
            "memory <int of thousands of dig",
        ),
        (
            lambda: hwsim.configuration("edge", weight_bits=ENDLESS),
            "weight bits <int of thousands of digi",
        ),
        (lambda: hwsim.load(MINI, size=LONG), "size 'xxx"),
        (lambda: hwsim.load(MINI, size=ENDLESS), "size <int of thousands of digits> is no size"),
        (lambda: hwsim.load(MINI, size=(ENDLESS, 32)), "size <tuple of thousands of digits> is no"),
        (lambda: hwsim.load(MINI, k=ENDLESS), "k = <int of thousands of digits>: must be one of"),
        (lambda: hwsim.run(MINI, image=LONG), "cannot read image 'xxx"),
        (lambda: hwsim.compile(MINI, weights=LONG), "cannot read weights 'xxx"),
        (lambda: hwsim.compile(MINI, base=4096 * ENDLESS), "base 0x"),
        (lambda: hwsim.compile(MINI, base=ENDLESS + 1), "base 0x"),
        (lambda: hwsim.read(LONG), "cannot read document 'xxx"),
    ],
)
def test_a_long_value_is_told_in_one_short_line(call: Callable[[], object], beginning: str) -> None:
    with pytest.raises(InputError) as refused:
        call()
    message = str(refused.value)
    assert message.startswith(beginning)
    assert len(message) < 700
    assert message.isprintable()


@pytest.mark.parametrize("call", [hwsim.estimate, hwsim.run, hwsim.compile, hwsim.verify])
def test_a_progress_that_cannot_be_called_is_named(call: Callable[..., object]) -> None:
    with pytest.raises(InputError, match=r"^progress = 5: must be a function of a description and"):
        call(MINI, progress=FIVE)
