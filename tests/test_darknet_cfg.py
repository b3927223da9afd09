"""Darknet's `.cfg` is read as darknet reads it."""

from pathlib import Path
from typing import Any

import pytest

import hwsim
from hwsim.arch.config import load_config
from hwsim.cli import main
from hwsim.compiler import compile_graph
from hwsim.errors import InputError, UnsupportedError
from hwsim.frontends.builtin import build_network
from hwsim.frontends.darknet_cfg import read_network
from hwsim.graph import Graph, Padding, Shape, SpatialPool
from hwsim.graph.host_operators import Region, Yolo
from hwsim.graph.operators import Activation, Convolution, Slice
from hwsim.passes.lower import lower
from tests.darknet_files import (
    CONV,
    CONVOLUTION,
    LAST,
    NET,
    POOL,
    TWO_HEADS,
    network_file,
    tiny_yolov2,
)
from tests.drawn import with_drawn_constants
from tests.loading import loaded_graph


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "own.cfg"


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("yolov2-tiny-voc.cfg", 3_485_520_896),
        ("yolov3-tiny.cfg", 2_782_480_896),
        ("yolov4-tiny.cfg", 3_453_938_176),
    ],
)
def test_published_networks_have_their_macs(name: str, macs: int) -> None:
    path = network_file(name)
    assert read_network(path).total_macs == macs
    assert hwsim.estimate(str(path)).totals.macs == macs


def test_a_published_tiny_yolov2_is_the_built_in_one() -> None:
    same_programs(loaded_graph(network_file("yolov2-tiny-voc.cfg")), build_network("tiny-yolov2"))


def test_tiny_yolov2_is_the_built_in_network(file: Path) -> None:
    file.write_text(tiny_yolov2(96))
    same_programs(loaded_graph(file), build_network("tiny-yolov2", 96, 96))


def same_programs(ours: Graph, theirs: Graph) -> None:
    """Assert that two graphs of the same weights become the same program, byte for byte."""
    config = load_config("edge")
    found, expected = (
        compile_graph(with_drawn_constants(graph, seed=3), config) for graph in (ours, theirs)
    )
    assert found.code_bytes == expected.code_bytes
    assert found.weights == expected.weights


def test_every_section_becomes_its_operator(file: Path) -> None:
    file.write_text(TWO_HEADS)
    graph = read_network(file)
    assert graph.name == "own"
    operators = {operator.name: operator for operator in graph.operators}
    assert list(operators) == [
        "conv0", "route1", "conv2", "route3", "conv4", "route5", "max6", "conv7", "conv8", "yolo9",
        "route10", "upsample11", "route12", "conv13", "yolo14",
    ]  # fmt: skip
    conv, half, head = operators["conv0"], operators["route1"], operators["yolo14"]
    assert isinstance(conv, Convolution)
    assert (conv.filters, conv.kernel, conv.padding) == (16, (3, 3), Padding.even(1))
    assert conv.is_normalised
    assert conv.activation is Activation.LEAKY
    assert isinstance(half, Slice)
    assert (half.first_channel, half.channels, half.place) == (8, 8, "line 11")
    assert operators["route12"].inputs == ("upsample11", "conv4")
    assert isinstance(head, Yolo)
    assert (head.anchors, head.scale_x_y) == (((23.0, 27.0),), 1.05)
    assert graph.tensors["route12"].shape == Shape(40, 48, 64)
    assert graph.outputs == ("yolo9", "yolo14")
    stages = lower(graph).graph
    assert [tensor.name for tensor in stages.outputs] == ["conv8", "conv13"]
    assert stages.stages[-1].sources[0].upsample == 2
    assert stages.macs == graph.total_macs


def test_a_route_in_groups_takes_the_same_part_of_every_layer(file: Path) -> None:
    route = "[route]\nlayers=-2,-1\ngroups=4\ngroup_id=1\n"
    file.write_text(NET + CONVOLUTION.format(8) + CONVOLUTION.format(4) + route + LAST.format(5))
    stages = loaded_graph(file).stages
    parts = [(source.tensor.name, source.first_channel, source.channels)
             for source in stages[-1].sources]  # fmt: skip
    assert parts == [("conv0", 2, 2), ("conv1", 1, 1)]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("stride=2\nsize=5\npad=1", {"stride": (2, 2), "padding": Padding.even(2)}),
        ("stride_x=2\nstride_y=3\nsize=3", {"stride": (3, 2), "padding": Padding()}),
        ("size=5\npadding=1", {"padding": Padding.even(1)}),
        ("filters=9\ngroups=3", {"groups": 3, "filters": 9}),
        ("size=5\npad=1\ndilation=3", {"dilation": (3, 3), "padding": Padding.even(6)}),
        (
            "size=7\npadding=3\ndilation=2\nstride_x=2",
            {"dilation": (2, 2), "padding": Padding.even(6), "stride": (1, 2)},
        ),
        ("dilation=4", {"kernel": (1, 1), "dilation": (1, 1)}),
        ("size=21\npad=1", {"kernel": (21, 21), "padding": Padding.even(10)}),
        ("stopbackward=1", {"kernel": (1, 1), "filters": 1}),
    ],
)
def test_convolutions_have_darknets_geometry(
    settings: str, expected: dict[str, Any], file: Path
) -> None:
    file.write_text(f"{NET}# first\n; second\n[ conv ]\n activ ation = relu\n{settings}\n")
    (operator,) = read_network(file).operators
    found = {name: getattr(operator, name) for name in expected}
    assert found == expected
    assert getattr(operator, "activation", None) is Activation.RELU


def test_the_size_can_be_another(file: Path) -> None:
    file.write_text(TWO_HEADS)
    assert loaded_graph(file, size=(96, 32)).inputs[0].shape == Shape(3, 32, 96)
    for size, reason in ((0, "width = 0: "), ((64, 4097), "height = 4097: ")):
        with pytest.raises(InputError, match=rf"^{reason}'.*' takes 1 to 4096 pixels$"):
            hwsim.load(file, size=size)
    with pytest.raises(InputError, match=r"^k 2: only built-in networks take one"):
        hwsim.load(file, k=2)
    assert main(["estimate", str(file), "--size", "96x32", "--config", "nano", "-q"]) == 0


def test_an_image_has_at_most_4096_pixels_a_side(file: Path) -> None:
    file.write_text(NET.replace("64", "4097") + CONV)
    reason = r": line 2: \[net\] width = '4097' must be an integer from 1 to 4096$"
    with pytest.raises(UnsupportedError, match=reason):
        hwsim.load(file)


def test_pools_keep_or_halve_a_map(file: Path) -> None:
    file.write_text(NET + CONVOLUTION.format(4) + POOL.format(1) + CONVOLUTION.format(4) +
                    POOL.format(2))  # fmt: skip
    first, second = loaded_graph(file, size=(7, 5)).stages
    assert first.spatial_pool == SpatialPool.STRIDE_1
    assert (first.output.shape, second.output.shape) == (Shape(4, 5, 7), Shape(4, 3, 4))


def test_a_region_keeps_what_the_host_needs(file: Path) -> None:
    file.write_text(tiny_yolov2(64))
    region = read_network(file).operators[-1]
    assert isinstance(region, Region)
    assert (region.boxes, region.classes, region.has_softmax) == (5, 20, True)
    assert region.anchors[-1] == (16.62, 10.52)


def test_suffixes_may_be_in_capitals(tmp_path: Path) -> None:
    """A file that does not exist is called a network's or a graph's by its suffix alone."""
    for name in ("Net.CFG", "net.Cfg"):
        (tmp_path / name).write_text(NET + CONV)
        graph = loaded_graph(tmp_path / name, size=32)
        assert [stage.name for stage in graph.stages] == ["conv0"]
        hwsim.save_graph(graph, tmp_path / "net.SAFETENSORS")
        assert hwsim.load(tmp_path / "net.SAFETENSORS") == graph
    for name, kind in (("NONE.CFG", "network"), ("NONE.SafeTensors", "graph")):
        with pytest.raises(InputError, match=f"^cannot read {kind} '{name}': No such file"):
            hwsim.load(name)
    with pytest.raises(InputError, match=r"^cannot read config 'NONE\.TOML': No such file"):
        hwsim.configuration("NONE.TOML")


def test_layers_read_what_is_joined_and_doubled(file: Path) -> None:
    file.write_text(TWO_HEADS)
    shapes = {layer.name: str(layer.input_shape) for layer in hwsim.estimate(file, "nano").layers}
    assert (shapes["conv2"], shapes["conv4"], shapes["conv13"]) == (
        "8x48x64", "16x48x64", "40x48x64"
    )  # fmt: skip


def test_a_byte_order_mark_is_passed_over(file: Path) -> None:
    file.write_text(NET + CONV, "utf-8-sig")
    assert len(read_network(file).operators) == 1


def test_a_name_that_cannot_be_printed_is_escaped(tmp_path: Path) -> None:
    path = tmp_path / "a\nb\x1b.cfg"
    path.write_text(NET + CONV)
    assert read_network(path).name == r"a\nb\x1b"
