"""An `.onnx` that is damaged or means harm gives one line, in bounded time and memory."""

import random
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwsim.errors import InputError

pytest.importorskip("onnx", reason="the extra onnx is not installed")

import onnx
from onnx import TensorProto, helper

from hwsim.frontends.onnx import MOST_NODES, network_of, read_network
from hwsim.frontends.onnx_file import StoredNetwork, read_stored
from tests.onnx_small import Small
from tests.onnx_spoilt import spoilt
from tests.test_onnx_operators import FUNCTIONS, MAPS, begun, split_and_maximum

MOST_MEMORY_KIB = 2_000_000  # 2 GB
LINES = 22  # a heading, 20 faults, and how many more there are
BASES = ("silu in steps", "average pool", "batch normalization", "joined", "pad", "shuffle", "sum")


def small_file(left: Callable[[Small, str], str]) -> Small:
    small = Small()
    left_by = small.quantized(left(small, begun(small)), 0.07, -5)
    small.leave(small.quantized(small.convolution(left_by, 8, 8), 0.2))
    return small


def refusal(path: Path) -> str:
    """Return the message of a file that must be refused."""
    with pytest.raises(InputError) as caught:
        read_network(path)
    text = checked(str(caught.value))
    assert text.startswith(f"network '{path}': ")
    return text.removeprefix(f"network '{path}': ")


def checked(text: str) -> str:
    """Return a message whose lines are bounded and can be printed."""
    lines = text.splitlines()
    assert len(lines) <= LINES
    assert all(line.isprintable() and len(line) < 1000 for line in lines)
    return text


def bomb(word: str, *constants: np.ndarray[Any, Any], **attributes: Any) -> onnx.ModelProto:
    """Return a model that adds gigabytes, which a node makes of small constants, to its input."""
    names = [f"c{place}" for place in range(len(constants))]
    nodes = [
        helper.make_node(word, names, ["large"], **attributes),
        helper.make_node("ReduceSum", ["large"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 4, 4]) for name in "xy"]
    tensors = [onnx.numpy_helper.from_array(*each) for each in zip(constants, names, strict=True)]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


BOMBS = [
    ("ConstantOfShape", (np.array([60_000, 60_000]),)),
    ("ConstantOfShape", (np.array([25_000, 25_000]),)),  # 2.5 GB, which the machine may have
    ("Expand", (np.ones((1, 1), np.float32), np.array([60_000, 60_000]))),
    ("Range", (np.array(0), np.array(1 << 40), np.array(1))),
    ("Tile", (np.ones((1, 1), np.float32), np.array([60_000, 60_000]))),
]


@pytest.mark.parametrize(("word", "constants"), BOMBS)
def test_a_small_file_that_asks_for_gigabytes_is_refused_in_bounded_memory(
    word: str, constants: tuple[Any, ...], tmp_path: Path
) -> None:
    path = tmp_path / "bomb.onnx"
    onnx.save(bomb(word, *constants), path)
    assert path.stat().st_size < 1000
    refusal(path)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < MOST_MEMORY_KIB
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < MOST_MEMORY_KIB


def external(location: str) -> onnx.ModelProto:
    model = small_file(MAPS["sum"]).model()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return model


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "link", "absent", "", "."])
def test_constants_outside_the_file_s_folder_are_never_read(location: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"\0" * 64)
    (folder / "link").symlink_to(tmp_path / "secret")
    path = folder / "x.onnx"
    path.write_bytes(external(location).SerializeToString())
    assert "must be a file in the network's own folder" in refusal(path)


def test_constants_in_the_file_s_folder_are_read(tmp_path: Path) -> None:
    model = small_file(MAPS["sum"]).model()
    path = tmp_path / "x.onnx"
    onnx.save(model, path, save_as_external_data=True, location="data", size_threshold=0)
    assert (tmp_path / "data").exists()
    assert read_network(path).total_macs > 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no .onnx: it has no network"),
        (b"\0" * 4096, "it cannot be read: Error parsing message"),
        (b"\x08\x08\x12\x07pytorch", "no .onnx: it has no network"),
    ],
)
def test_what_is_no_onnx_is_one_line(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    assert refusal(path).startswith(reason)


def test_a_float_convolution_is_told_by_name_and_place(tmp_path: Path) -> None:
    small = Small()
    left = small.node("Conv", small.input(1, 3, 8, 8), small.bias(3 * 3 * 9), small.bias(3))
    small.leave(small.quantized(left))
    small.constants[0].dims[:] = [3, 3, 3, 3]
    reason = refusal(small.save(tmp_path))
    assert "node 0 Conv" in reason
    assert "real numbers" in reason


def test_everything_that_is_not_supported_is_told_at_once(tmp_path: Path) -> None:
    small = Small()
    x = small.quantized(small.input(1, 3, 8, 8))
    for word in ("Erf", "Sin"):
        small.leave(small.quantized(small.node(word, x)))
    lines = refusal(small.save(tmp_path)).splitlines()
    assert [line.split()[2:] for line in lines[1:]] == [
        ["Erf:", "not", "supported"],
        ["Sin:", "not", "supported"],
    ]


def test_thousands_of_nodes_are_refused(tmp_path: Path) -> None:
    small = Small()
    x = small.input(1, 3, 8, 8)
    for _ in range(MOST_NODES - 1):
        x = small.node("Sin", x)
    small.leave(small.quantized(x))
    assert refusal(small.save(tmp_path)) == f"4,097 nodes: at most {MOST_NODES:,}"


@pytest.mark.parametrize("operator_set", [10, 11, 13, 17, 21])
def test_operator_sets_from_11_on_are_taken(operator_set: int, tmp_path: Path) -> None:
    small = Small()
    x = small.quantized(small.input(1, 8, 8, 8))
    weights = small.weights(8, 8, 3, 3, per_channel=operator_set > 12)
    small.nodes[-1].ClearField("attribute") if operator_set < 13 else None
    small.leave(small.quantized(small.node("Conv", x, weights, small.bias(8)), 0.3))
    path = small.save(tmp_path, operator_set)
    if operator_set < 11:
        assert refusal(path) == "operator set 10: must be 11 or newer"
    else:
        assert read_network(path).total_macs == 8 * 8 * 9 * 6 * 6


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> list[StoredNetwork]:
    found = []
    for name in BASES:
        made = small_file({**FUNCTIONS, **MAPS}[name])
        found.append(read_stored(made.save(tmp_path_factory.mktemp("base"))))
    small = Small()
    left = small.quantized(split_and_maximum(small, begun(small)), 0.07, -5)
    small.leave(small.quantized(small.convolution(left, 8, 4), 0.2))
    found.append(read_stored(small.save(tmp_path_factory.mktemp("base"))))
    return found


@pytest.mark.parametrize("seed", range(8))
def test_spoilt_networks_never_end_in_a_traceback(seed: int, bases: list[StoredNetwork]) -> None:
    drawn = random.Random(seed)
    outcomes = {True: 0, False: 0}
    for _ in range(60):
        network = spoilt(drawn.choice(bases), drawn)
        start = time.monotonic()
        try:
            assert network_of(network, "x.onnx").total_macs >= 0
            outcomes[True] += 1
        except InputError as error:
            checked(str(error))
            outcomes[False] += 1
        assert time.monotonic() - start < 5
    assert min(outcomes.values()) > 3


def test_a_node_that_joins_nothing_is_refused(bases: list[StoredNetwork]) -> None:
    base = bases[BASES.index("joined")]
    nodes = [replace(each, inputs=()) if each.word == "Concat" else each for each in base.nodes]
    with pytest.raises(InputError, match=r"Concat.*: it joins nothing"):
        network_of(replace(base, nodes=tuple(nodes)), "x.onnx")


@pytest.mark.parametrize("seed", range(3))
def test_flipped_bytes_never_end_in_a_traceback(seed: int, tmp_path: Path) -> None:
    drawn = random.Random(seed)
    content = bytearray(small_file(MAPS["sum"]).model().SerializeToString())
    path = tmp_path / "x.onnx"
    for _ in range(4):
        damaged = bytearray(content)
        for _ in range(drawn.randint(1, 6)):
            damaged[drawn.randrange(len(damaged))] = drawn.randrange(256)
        path.write_bytes(damaged[: drawn.randint(len(damaged) // 2, len(damaged))])
        try:
            read_network(path)
        except InputError as error:
            checked(str(error))
