"""Files that hold no legal graph are refused, each in one line that says why."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from hwsim.errors import InputError
from hwsim.graph import Graph
from hwsim.graph.file import load_graph, save_graph
from tests.saved_graphs import ON_DISK, saved_graph


@pytest.fixture
def graph() -> Graph:
    return saved_graph()


@pytest.fixture
def path(graph: Graph, tmp_path: Path) -> Path:
    save_graph(graph, tmp_path / "graph.safetensors")
    return tmp_path / "graph.safetensors"


def test_truncated_and_foreign_files_are_refused(path: Path) -> None:
    whole = path.read_bytes()
    for length in (0, 1, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"^graph '.*': no safetensors file: .*") as caught:
            load_graph(path)
        assert "\n" not in str(caught.value)
    path.write_bytes((1 << 60).to_bytes(8, "little") + whole[8:])
    with pytest.raises(
        InputError, match=r"^graph '.*': no safetensors file: it begins with no header"
    ):
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


def test_an_array_of_more_axes_than_numpy_takes_is_refused(path: Path) -> None:
    """A header may name more axes than any array can have, as long as each is 1."""
    whole = path.read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8:start])
    header["conv1.bias"]["shape"] += [1] * 100
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + whole[start:])
    with pytest.raises(InputError, match=r"array 'conv1.bias' has 101 axes: at most 4$"):
        load_graph(path)


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
            "stages.0.spatial_pool = 7: .*must be 0, 1, 2 or an object",
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
        (
            "conv1.bias",
            np.zeros(32, np.float32),
            "array 'conv1.bias' holds F32: must be I8 or I16 or I32",
        ),
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


def test_a_text_is_told_to_be_no_graph(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("# hwsim\n" * 100)
    with pytest.raises(InputError, match=f"^graph '{re.escape(str(path))}': no safetensors file: "):
        load_graph(path)
