"""Darknet's `.cfg` is read as darknet reads it; what is not supported is told with its line."""

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hwsim
from hwsim.arch.config import load_config
from hwsim.cli import main
from hwsim.compiler import compile_graph
from hwsim.errors import InputError, UnsupportedError
from hwsim.frontends.builtin import build_network
from hwsim.frontends.darknet_cfg import LARGEST_BYTES, read_network
from hwsim.frontends.darknet_keys import ONLY_FOR_TRAINING, SECTIONS
from hwsim.graph import Graph, Padding, Shape, SpatialPool
from hwsim.graph.operators import Activation, Convolution, Region, Slice, Yolo
from hwsim.passes.lower import lower
from tests.darknet_files import (
    CONVOLUTION,
    LAST,
    NET,
    POOL,
    TWO_HEADS,
    network_file,
    tiny_yolov2,
)
from tests.drawn import with_drawn_constants


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
    same_programs(hwsim.load(network_file("yolov2-tiny-voc.cfg")), build_network("tiny-yolov2"))


def test_tiny_yolov2_is_the_built_in_network(file: Path) -> None:
    file.write_text(tiny_yolov2(96))
    same_programs(hwsim.load(file), build_network("tiny-yolov2", 96, 96))


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
    stages = hwsim.load(file).stages
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
    assert hwsim.load(file, size=(96, 32)).inputs[0].shape == Shape(3, 32, 96)
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
    first, second = hwsim.load(file, size=(7, 5)).stages
    assert first.spatial_pool is SpatialPool.STRIDE_1
    assert (first.output.shape, second.output.shape) == (Shape(4, 5, 7), Shape(4, 3, 4))


def test_a_region_keeps_what_the_host_needs(file: Path) -> None:
    file.write_text(tiny_yolov2(64))
    region = read_network(file).operators[-1]
    assert isinstance(region, Region)
    assert (region.boxes, region.classes, region.has_softmax) == (5, 20, True)
    assert region.anchors[-1] == (16.62, 10.52)


CONV = CONVOLUTION.format(8)

OTHERS = [  # sections that darknet has
    "shortcut", "scale_channels", "sam", "crop", "cost", "detection", "Gaussian_yolo", "local",
    "activation", "crnn", "gru", "lstm", "conv_lstm", "history", "rnn", "conn", "connected",
    "local_avg", "local_avgpool", "reorg3d", "reorg", "avg", "avgpool", "dropout", "lrn",
    "normalization", "batchnorm", "soft", "softmax", "contrastive", "empty", "silence", "implicit",
]  # fmt: skip

REFUSED = {  # what is below [net], and what is said of it; CONV has lines 5 to 10
    "[shortcut]\nfrom=-3\n": ["line 5: section 'shortcut' is not supported"],
    CONV + "dilation=17\n": [
        "line 11: [convolutional] dilation = '17' must be an integer from 1 to 16"
    ],
    CONV.replace("pad=1\n", "dilation=2\n"): [
        "line 9: [convolutional] dilation = 2 needs an odd kernel, padded by half of it: size = 3 "
        "is padded by 0"
    ],
    CONV.replace("size=3", "size=4\ndilation=2"): [
        "line 9: [convolutional] dilation = 2 needs an odd kernel, padded by half of it: size = 4 "
        "is padded by 2"
    ],
    CONV.replace("size=3", "size=256"): [
        "line 8: [convolutional] size = '256' must be an integer from 1 to 255"
    ],
    CONV.replace("leaky", "mish"): [
        "line 10: [convolutional] activation = 'mish' must be linear, leaky or relu"
    ],
    CONV.replace("activation=leaky\n", ""): [
        "line 5: [convolutional] has no activation: darknet's own default, logistic, is not "
        "supported"
    ],
    CONV + CONV.replace("8", "8k"): [
        "line 13: [convolutional] filters = '8k' must be an integer from 1 to 65535"
    ],
    CONV + "size=3\n": ["line 11: 'size' stands twice in its section"],
    CONV + "groups=2\n": [
        "line 5: layer conv0: groups = 2 must be a divisor of channels = 3"
    ],
    CONV + "[maxpool]\nsize=3\nstride=2\n": ["line 12: [maxpool] size = '3' must be 2"],
    CONV + "[maxpool]\nsize=2\nstride=3\n": [
        "line 13: [maxpool] stride = '3' must be an integer from 1 to 2"
    ],
    CONV + "[upsample]\nstride=4\n": ["line 12: [upsample] stride = '4' must be 2"],
    CONV + "[route]\nlayers=-2\n": ["line 11: [route] layer -2 is none of the 1 before it"],
    CONV + "[route]\nlayers=1\n": ["line 11: [route] layer 1 is none of the 1 before it"],
    "[route]\nlayers=-1\n": ["line 5: [route] layer -1 is none of the 0 before it"],
    CONV + "[route]\nlayers=-1\ngroups=3\n": [
        "line 11: [route] groups = 3 do not divide the 8 channels of conv0"
    ],
    CONV + POOL.format(2) + "[route]\nlayers=0,1\n": [
        "line 14: layer route2: joins maps of different sizes: the first has 48x64 pixels, number "
        "2 has 24x32"
    ],
    CONV + CONV + "[route]\nlayers=0\n": ["line 11: no later section reads conv1"],
    CONV + "[yolo]\nmask=0\nanchors=1,2\nclasses=4\n": [
        "line 11: layer yolo1: its input has 8 channels: 1 boxes of 4 classes need 9"
    ],
    CONV + "[yolo]\nmask=1\nanchors=1,2\nclasses=3\n": ["line 11: [yolo] mask 1: must be 0 to 0"],
    CONV + "[yolo]\nmask=0\nanchors=1\nclasses=3\n": ["line 11: [yolo] 1 anchors: num = 1 needs 2"],
    CONV + "[yolo]\nmask=0\nanchors=1,2\nclasses=3\n" + CONV: [
        "line 15: [convolutional] reads yolo1, which the host computes"
    ],
    CONV + "[yolo\n": ["line 11: '[yolo' has no ] at its end", "line 11: [yolo] has no anchors",
                       "line 11: [yolo] has no mask"],
    CONV + "nonsense\n": ["line 11: 'nonsense' is neither [a section] nor key=value"],
    "": ["line 1: no section follows [net]: a network has layers"],
    CONV + NET: ["line 11: section 'net' is not supported"],
    "letter_box=1\n" + CONV: ["line 5: [net] 'letter_box' is not supported"],
}  # fmt: skip


def test_suffixes_may_be_in_capitals(tmp_path: Path) -> None:
    """A file that does not exist is called a network's or a graph's by its suffix alone."""
    for name in ("Net.CFG", "net.Cfg"):
        (tmp_path / name).write_text(NET + CONV)
        graph = hwsim.load(tmp_path / name, size=32)
        assert [stage.name for stage in graph.stages] == ["conv0"]
        hwsim.save_graph(graph, tmp_path / "net.SAFETENSORS")
        assert hwsim.load(tmp_path / "net.SAFETENSORS") == graph
    for name, kind in (("NONE.CFG", "network"), ("NONE.SafeTensors", "graph")):
        with pytest.raises(InputError, match=f"^cannot read {kind} '{name}': No such file"):
            hwsim.load(name)
    with pytest.raises(InputError, match=r"^cannot read config 'NONE\.TOML': No such file"):
        hwsim.configuration("NONE.TOML")


@pytest.mark.parametrize("below", REFUSED)
def test_what_is_not_supported_is_told_with_its_line(below: str, file: Path) -> None:
    file.write_text(NET + below)
    with pytest.raises(UnsupportedError) as caught:
        read_network(file)
    first, *others = caught.value.lines
    lines = [first.removeprefix(f"network '{file}': "), *others]
    assert lines[-len(REFUSED[below]) :] == REFUSED[below]
    assert len(others) == (len(REFUSED[below]) if len(REFUSED[below]) > 1 else 0)


@pytest.mark.parametrize("parts", [OTHERS[:18], OTHERS[18:]])
def test_every_other_section_of_darknets_is_told_with_its_line(
    parts: list[str], file: Path
) -> None:
    file.write_text(NET + "".join(f"[{kind}]\nsize=3\n" for kind in parts) + CONV)
    with pytest.raises(UnsupportedError) as caught:
        read_network(file)
    assert caught.value.lines[1:] == tuple(
        f"line {5 + 2 * index}: section '{kind}' is not supported"
        for index, kind in enumerate(parts)
    )


def test_all_of_it_is_told_at_once(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = NET + "swish=1\n[shortcut]\n" + CONV.replace("leaky", "mish") + "[maxpool]\nsize=5\n"
    file.write_text(text)
    assert main(["estimate", str(file)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"hwsim: error: network '{file}': it cannot be taken for these reasons:",
        "  line 5: [net] 'swish' is not supported",
        "  line 6: section 'shortcut' is not supported",
        "  line 12: [convolutional] activation = 'mish' must be linear, leaky or relu",
        "  line 14: [maxpool] size = '5' must be 2",
    ]
    file.write_text(NET + "[shortcut]\n" * 300)
    assert main(["estimate", str(file)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 22
    assert lines[-1] == "  and 280 more"


def test_layers_read_what_is_joined_and_doubled(file: Path) -> None:
    file.write_text(TWO_HEADS)
    shapes = {layer.name: str(layer.input_shape) for layer in hwsim.estimate(file, "nano").layers}
    assert (shapes["conv2"], shapes["conv4"], shapes["conv13"]) == (
        "8x48x64", "16x48x64", "40x48x64"
    )  # fmt: skip


def test_a_file_has_at_most_a_thousand_sections(file: Path) -> None:
    file.write_text(NET + (CONV + POOL.format(1)) * 499 + CONV)
    assert len(read_network(file).operators) == 999
    file.write_text(NET + (CONV + POOL.format(1)) * 500)
    with pytest.raises(UnsupportedError, match=r": line 4502: more than 1,000 sections$"):
        read_network(file)


@pytest.mark.parametrize("text", ["", "\0", "[conv]\n", "width=3\n", "# nothing\n", "[]\n"])
def test_what_does_not_begin_with_net_is_refused(text: str, file: Path) -> None:
    file.write_text(text)
    with pytest.raises(UnsupportedError, match=r"the first section must be \[net\]"):
        read_network(file)


def test_files_that_cannot_be_read_are_refused(file: Path) -> None:
    with pytest.raises(InputError, match=r"^cannot read network '.*own.cfg': No such file"):
        hwsim.load(file)
    file.mkdir()
    with pytest.raises(InputError, match="is a folder, no file"):
        hwsim.load(file)


def test_a_byte_order_mark_is_passed_over(file: Path) -> None:
    file.write_text(NET + CONV, "utf-8-sig")
    assert len(read_network(file).operators) == 1


def test_what_its_stages_cannot_be_is_told_with_the_file(file: Path) -> None:
    file.write_text(NET + CONV + "[route]\nlayers=-1,-1\n" * 8 + CONV)
    with pytest.raises(InputError, match=r"^network '.*own.cfg': line \d+: layer route7 joins 128"):
        hwsim.load(file)


def test_a_name_that_cannot_be_printed_is_escaped(tmp_path: Path) -> None:
    path = tmp_path / "a\nb\x1b.cfg"
    path.write_text(NET + CONV)
    assert read_network(path).name == r"a\nb\x1b"


@pytest.mark.parametrize(
    "text",
    [
        "[a]\n" * 1_000_000,
        "[a]\n" * (LARGEST_BYTES // 4),
        NET + "[route]\nlayers=-1\n" * (LARGEST_BYTES // 20),
        NET + CONV + "[route]\nlayers=" + "-1," * (LARGEST_BYTES // 4) + "-1\n",
        NET + CONV + "[route]\nlayers=-1,-1\n" * 990,
        NET + CONV.replace("8", "1") + "[route]\nlayers=-1,-1,-1\n" * 990,
        NET + CONV.replace("8", "9" * 100_000),
        NET + CONV + "x" * (LARGEST_BYTES // 2),
        NET + CONV + "".join(f"k{n}=1\n" for n in range(100_000)),
        NET + CONV + "=\n" * 100_000,
        NET + CONV + POOL.format(2) * 990,
        NET + CONV + "[upsample]\nstride=2\n" * 990,
    ],
    ids=range(12),
)
def test_large_files_end_in_time(text: str, file: Path) -> None:
    file.write_text(text)
    start = time.process_time()
    reason = reason_for_refusing(file)
    assert time.process_time() - start < 2
    assert reason or "[maxpool]" in text


def test_the_largest_network_is_lowered_in_time(file: Path) -> None:
    """Every convolution reads all the parts that a concatenation may have."""
    first = CONV.replace("8", "1").replace("size=3", "size=1").replace("pad=1", "pad=0")
    route = "[route]\nlayers=" + ",".join(["0"] * 64) + "\n"
    file.write_text(NET + first + (route + first) * 499)
    start = time.process_time()
    assert "no later section reads conv" in reason_for_refusing(file)
    each = [f"{route}{first}[route]\nlayers=-1,0\n" for _ in range(300)]
    file.write_text(NET + first + "".join(each))
    reason_for_refusing(file)
    assert time.process_time() - start < 10


KEYS = sorted(
    {"filters", "size", "stride", "pad", "groups", "layers", "mask", "anchors", "classes", "num",
     "width", "height", "channels", "activation", "group_id", "padding", "stride_x"}
    | ONLY_FOR_TRAINING["yolo"]
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(["1", "2", "3", "0", "-1", "-2", "-1,-2", "0,1", "1e9", "nan", "leaky",
                     "999999999", "-999999999", "9" * 30, "", ",", "1,,2", "0.5", "linear"]),
    st.text(max_size=8),
    st.integers(-5, 70_000).map(str),
)  # fmt: skip
LINES = st.one_of(
    st.sampled_from([f"[{kind}]" for kind in [*SECTIONS, "shortcut", ""]]),
    st.builds("{}={}".format, st.sampled_from(KEYS), VALUES),
    st.text(max_size=12),
    st.sampled_from([CONVOLUTION.format(8), LAST.format(9), POOL.format(2), "[route]\nlayers=-1"]),
)


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.lists(LINES, max_size=20), st.booleans())
def test_drawn_texts_are_taken_or_refused_in_short_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], has_net: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "drawn.cfg"
    text = (NET if has_net else "") + "\n".join(lines)
    path.write_text(text, "utf-8", errors="replace")
    reason_for_refusing(path)


@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200), st.integers(0, len(TWO_HEADS)), st.integers(0, 40))
def test_damaged_files_are_taken_or_refused_in_short_lines(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int, lost: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.cfg"
    whole = TWO_HEADS.encode()
    path.write_bytes(whole[:place] + noise + whole[place + lost :])
    reason_for_refusing(path)


def reason_for_refusing(path: Path) -> str:
    """Return the reason for refusing a file, or an empty text; it is short and can be printed."""
    reason = ""
    try:
        assert hwsim.load(path).stages
    except InputError as error:
        reason = str(error)
    lines = reason.split("\n  ")
    assert len(lines) <= 22
    for line in lines:
        assert line.isprintable()
        assert len(line) < 400
    return reason
