"""A saved graph comes back equal, equal graphs give equal bytes, and other files are refused."""

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save

from hwsim.errors import InputError
from hwsim.files import IMPOSSIBLE_PATH
from hwsim.frontends.builtin import build_network
from hwsim.graph import Graph, Padding, Shape, Source, SpatialPool, Stage, Tensor
from hwsim.graph.file import load_graph, save_graph
from tests.drawn import branching_graphs, shapes_of_graphs, with_drawn_constants

ON_DISK = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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
    return graph if seed is None else with_drawn_constants(graph, seed)


def same(one: Graph, other: Graph) -> bool:
    """True if two graphs are equal in every shape, name and integer."""
    pairs = zip(arrays(one), arrays(other), strict=True)
    return without_constants(one) == without_constants(other) and all(
        ours.dtype == theirs.dtype and np.array_equal(ours, theirs) for ours, theirs in pairs
    )


def arrays(graph: Graph) -> list[NDArray[np.generic]]:
    """Return every array of a graph's constants, in a fixed order."""
    found: list[NDArray[np.generic]] = []
    for stage in graph.stages:
        if (ours := stage.constants) is not None:
            found += [*ours.weights, ours.bias, ours.multiplier]
            found += [ours.negative_multiplier, ours.shift]
    return found


def without_constants(graph: Graph) -> Graph:
    return replace(graph, stages=tuple(replace(stage, constants=None) for stage in graph.stages))


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
    return with_drawn_constants(build_network("condensation-net-mini", 32, 32), seed=3)


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


# The file of each format number stays readable: add another file when the number grows.
KEPT_1, KEPT_2 = (Path(__file__).parent / "kept" / f"graph-{n}.safetensors" for n in (1, 2))


def kept_chain() -> Graph:
    """Return the graph of the kept file of format 1: all kinds of layers that there were."""
    image = Tensor("image", Shape(3, 7, 6), is_image=True)
    first = Stage.inferred("conv", [Source.whole(image, (3, 3), padding=1)], "maps", 8, 0.125, 2,
                           SpatialPool.STRIDE_2, weight_bits=4)  # fmt: skip
    each = Source.whole(first.output, (2, 1), groups=4)
    second = Stage.inferred("depthwise", [each], "out", 4, None,
                            spatial_pool=SpatialPool.STRIDE_1)  # fmt: skip
    return with_drawn_constants(Graph.chain("kept", [first, second]), seed=1)


def kept_graph() -> Graph:
    """Return the graph of the kept file: several of all, and no field at its default."""
    image = Tensor("image", Shape(3, 12, 10), is_image=True)
    other = Tensor("other", Shape(6, 2, 3))
    geometry = Source(image, 1, 2, (3, 2), (2, 1), (1, 2), Padding(1, 2, 0, 1), 1, 2)
    first = Stage.inferred("stem", [geometry], "maps", 8, 0.125, 2, SpatialPool.STRIDE_2, 4)
    upsampled = Source(other, 2, 4, (1, 1), upsample=2, groups=2)
    second = Stage.inferred("sum", [Source.whole(first.output, (2, 3), padding=1), upsampled],
                            "added", 4)  # fmt: skip
    graph = Graph("kept", (image, other), (first, second), (second.output, first.output))
    return with_drawn_constants(graph, seed=1)


def test_a_file_of_format_1_is_read() -> None:
    assert same(load_graph(KEPT_1), kept_chain())


def test_the_kept_file_is_read_and_written_alike(tmp_path: Path) -> None:
    assert same(load_graph(KEPT_2), kept_graph())
    save_graph(kept_graph(), tmp_path / "graph.safetensors")
    assert (tmp_path / "graph.safetensors").read_bytes() == KEPT_2.read_bytes()


def test_truncated_and_foreign_files_are_refused(path: Path) -> None:
    whole = path.read_bytes()
    for length in (0, 1, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"^graph '.*': no safetensors file: .*") as caught:
            load_graph(path)
        assert "\n" not in str(caught.value)
    path.write_bytes((1 << 60).to_bytes(8, "little") + whole[8:])
    with pytest.raises(InputError, match=r"^graph '.*': no safetensors file: header of more than"):
        load_graph(path)
    path.write_bytes(save({"conv1.bias": np.zeros(3, np.int32)}))
    with pytest.raises(InputError, match=r"^graph '.*': its metadata has no entry 'hwsim-graph'$"):
        load_graph(path)
    with pytest.raises(InputError, match=r"^cannot read graph '.*none': No such file"):
        load_graph(path.with_name("none"))
    os.mkfifo(path.with_name("pipe"))
    for name, kind in (("", "folder"), ("pipe", "pipe"), ("/dev/zero", "device")):
        with pytest.raises(InputError, match=rf"^cannot read graph '.*': is a {kind}, no file"):
            load_graph(path.parent / name)


@ON_DISK
@given(st.data())
def test_a_changed_byte_is_refused_in_a_line_or_gives_a_legal_graph(
    graph: Graph, path: Path, data: st.DataObject
) -> None:
    save_graph(graph, path)
    whole = bytearray(path.read_bytes())
    # Most examples aim at the header, which describes the file.
    header = 8 + int.from_bytes(whole[:8], "little")
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, header - 1) | st.integers(0, len(whole) - 1))
        whole[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    message = ""
    try:
        assert load_graph(path).is_quantized
    except InputError as error:
        message = str(error)
    assert "\n" not in message


@ON_DISK
@given(st.binary(max_size=300), st.text(max_size=100))
def test_any_bytes_and_any_entry_are_refused_in_a_line(
    tmp_path: Path, content: bytes, entry: str
) -> None:
    path = tmp_path / "graph.safetensors"
    for whole in (content, save({}, {"hwsim-graph": entry})):
        path.write_bytes(whole)
        with pytest.raises(InputError) as caught:
            load_graph(path)
        assert "\n" not in str(caught.value)


Change = Callable[[dict[str, Any], str], tuple[dict[str, Any], str]]


def rewritten(path: Path, change: Change) -> Path:
    """Rewrite a file with its arrays and its entry passed through `change`."""
    with safe_open(path, "numpy") as archive:
        arrays, entry = change(archive.get_tensors(), archive.metadata()["hwsim-graph"])
    path.write_bytes(save(arrays, {"hwsim-graph": entry}))
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"format_number":2', '"format_number":3', "format number 3 was written by a newer versi"),
        ('"format_number":2', '"format_number":0', "format number 0 is unknown: this one reads 1"),
        ('"format_number":2', '"format_number":3,"odd":[]', "format number 3 was written by a new"),
        (
            '"format_number":2',
            '"format_number":"2"',
            "hwsim-graph: format_number = '2': Input should be a valid int",
        ),
        ('"format_number":2,', "", "hwsim-graph: missing key 'format_number'$"),
        ('"filters":32', '"filters":33', "filters = 33 must be a multiple of channel_pool = 2"),
        ('"filters":32', '"filters":64', "output 16x16x16 must be 32x16x16"),
        ('"filters":32', '"filters":0', "filters = 0 must be an integer from 1 to"),
        (
            '"filters":32',
            '"filters":32.5',
            "stages.0.filters = 32.5: Input should be a valid integer",
        ),
        ('"channel_pool":2', '"channel_pool":3', "channel_pool = 3 must be one of 1, 2, 4, 8"),
        (
            '"spatial_pool":1',
            '"spatial_pool":7',
            "stages.0.spatial_pool = 7: Input should be 0, 1 or",
        ),
        ('"groups":1', '"groups":2', "groups = 2 must be a divisor of channels = 3"),
        ('"top":1', '"top":-1', "padding.top = -1 must be an integer from 0 to 4080"),
        ('"leaky_slope":0.1', '"leaky_slope":7', "leaky_slope = 7.0 must be None or a number"),
        ('"weight_bits":8', '"weight_bits":4', "weights holds -?[0-9]+: must be -8 to 7"),
        ('"bits":8', '"bits":16', "input of 16 bits: stored values have 8"),
        (
            '"scale":1.0',
            '"scale":null',
            "inputs.0.quantization.scale = None: Input should be a val",
        ),
        ('"scale":1.0', '"scale":NaN', "input scale = nan must be a finite number above 0"),
        ('"scale":1.0', '"scale":1e999', "input scale = inf must be a finite number above 0"),
        ('"zero_point":', '"zero_point":1', "zero_point = .* must be an integer from -128"),
        ('"name":', '"nam":', "unknown key 'nam'"),
        ('"name":"conv2"', '"name":"conv1"', "array 'conv2.bias' is of no layer|two layers are"),
        ('"name":"conv2"', '"name":"\\n\\u001b[2J"', "a layer's name .* must be text that can"),
        ('"stages":[', '"odd\\nkey":0,"stages":[', r"unknown key 'odd\\nkey'$"),
        ('"stages":[', '"stages":[],"odd":[', "hwsim-graph: unknown key 'odd'$"),
        ("{", "[" * 100_000, "hwsim-graph: Invalid JSON"),
        ('"tensor":"features1"', '"tensor":"nothing"', "a layer reads tensor 'nothing': no input"),
        ('"tensor":"features7"', '"tensor":"features8"', "which layer conv8 has not stored yet"),
        ('"outputs":["detections"]', '"outputs":["a\\nb"]', r"the outputs have tensor 'a\\nb': no"),
        ('"outputs":["detections"]', '"outputs":[]', "has no outputs: it must have at least one"),
        (
            '"stride":[1,1]',
            '"stride":[1,1,1]',
            "stages.0.sources.0.stride = an array: Tuple should have at",
        ),
        ('"stride":[1,1]', '"stride":[1,9]', r"stride = \(1, 9\) must be two integers from 1 to 8"),
        ('"upsample":1', '"upsample":4', "upsample = 4 must be one of 1, 2"),
        (
            '"channels":3,"kernel"',
            '"channels":4,"kernel"',
            "channels = 4 must be an integer from",
        ),
    ],
)
def test_shapes_that_contradict_themselves_are_refused(
    path: Path, old: str, new: str, message: str
) -> None:
    def change(arrays: dict[str, Any], entry: str) -> tuple[dict[str, Any], str]:
        assert old in entry
        return arrays, entry.replace(old, new, 1)

    with pytest.raises(InputError, match=rf"^graph '.*': .*(?:{message})") as caught:
        load_graph(rewritten(path, change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("conv1.shift", np.full(32, 63, np.int32), "shift holds 63: must be 2 to 62"),
        ("conv1.multiplier", np.full(32, -1, np.int32), "multiplier holds -1: must be 0 to"),
        ("conv1.bias", np.zeros(31, np.int32), r"bias must be int32 \(32,\), not int32 \(31,\)"),
        ("conv1.bias", np.zeros(32, np.int8), r"bias must be int32 \(32,\), not int8 \(32,\)"),
        ("conv1.bias", np.zeros(32, np.float32), "array 'conv1.bias' holds F32: must be I8 or I32"),
        ("conv1.bias", np.zeros(0, np.int32), r"bias must be int32 \(32,\), not int32 \(0,\)"),
        ("conv1.bias", None, "array 'conv1.bias' is missing"),
        ("conv77.bias", np.zeros(32, np.int32), "array 'conv77.bias' is of no layer"),
    ],
)
def test_arrays_that_break_a_rule_are_refused(
    path: Path, name: str, values: NDArray[Any] | None, message: str
) -> None:
    def change(arrays: dict[str, Any], entry: str) -> tuple[dict[str, Any], str]:
        others = {key: array for key, array in arrays.items() if key != name}
        return others if values is None else others | {name: values}, entry

    with pytest.raises(InputError, match=rf"^graph '.*': .*{message}"):
        load_graph(rewritten(path, change))


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


def test_a_text_is_told_to_be_no_graph(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("# hwsim\n" * 100)
    with pytest.raises(InputError, match=f"^graph '{re.escape(str(path))}': no safetensors file: "):
        load_graph(path)


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


if __name__ == "__main__":
    save_graph(kept_graph(), KEPT_2)
