"""`hwsim show` tells what a network is made of, and what becomes of each operator."""

import json
from pathlib import Path

import pytest

import hwsim
from hwsim.cli import main
from hwsim.errors import InputError
from tests.branched import two_cameras
from tests.darknet_files import CONVOLUTION, LAST, NET, TWO_HEADS
from tests.test_report_document import keeps_to_the_schema


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "two_heads.cfg"
    path.write_text(TWO_HEADS)
    return path


def test_every_operator_is_told_with_its_fate(file: Path) -> None:
    found = hwsim.show(file)
    fates = {row.name: (row.fate, row.own_stages, row.fused_into) for row in found.operators}
    assert fates == {
        "conv0": ("stage", ("conv0",), ()),
        "route1": ("address", (), ()),
        "conv2": ("stage", ("conv2",), ()),
        "route3": ("address", (), ()),
        "conv4": ("stage", ("conv4",), ()),
        "route5": ("address", (), ()),
        "max6": ("stage", ("max6 of conv0", "max6 of conv4"), ()),
        "conv7": ("stage", ("conv7",), ()),
        "conv8": ("stage", ("conv8",), ()),
        "yolo9": ("host", (), ()),
        "route10": ("address", (), ()),
        "upsample11": ("address", (), ()),
        "route12": ("address", (), ()),
        "conv13": ("stage", ("conv13",), ()),
        "yolo14": ("host", (), ()),
    }
    assert found.document.outputs == ("conv8", "conv13")
    assert sum(row.macs for row in found.operators) == found.document.macs
    assert sum(row.macs for row in found.layers) == hwsim.estimate(file).totals.macs
    (doubled, whole) = found.layers[-1].sources
    assert (doubled.tensor, doubled.upsample) == ("conv7", 2)
    assert (whole.tensor, whole.upsample) == ("conv4", 1)


def test_the_tables_say_it_in_words(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(file)]) == 0
    out = capsys.readouterr().out
    assert out == str(hwsim.show(file))
    lines = {" ".join(line.split()) for line in out.splitlines()}
    assert {
        "two_heads 64x48, 16,920,576 MACs",
        "route1 line 11 slice conv0 8x48x64 an address only -",
        "max6 line 31 max pool route5 32x24x32 stage max6 of conv0, max6 of conv4 -",
        "yolo9 line 44 yolo conv8 18x24x32 the host computes it -",
        "conv2 conv0[8:16] 3x3 / 1 leaky 0.1 conv2 8x48x64 1,769,472",
        "max6 of conv0 conv0 1x1 / 1 pool 2/2 max6 of conv0 16x24x32 -",
        "inputs image (3x48x64)",
        "outputs conv8, conv13",
        "host yolo9 (yolo), yolo14 (yolo)",
    } <= lines


def test_a_copy_is_told_by_its_name(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dilated = CONVOLUTION.format(8) + "dilation=2\nstride_x=2\nstride_y=1\n"
    file.write_text(NET + dilated + LAST.format(4) + "[route]\nlayers=-2,-1\n[upsample]\n")
    assert main(["show", str(file)]) == 0
    assert main(["estimate", str(file), "--config", "nano"]) == 0
    lines = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    assert {
        "conv0 image 3x3 / 1x2 dilated 2 leaky 0.1 conv0 8x48x32 331,776",
        "upsample3 line 20 upsample route2 12x96x64 stage upsample3 copy -",
        "upsample3 copy 2x conv0 + 2x conv1 1x1 / 1 - upsample3 12x96x64 -",
        "upsample3 copy 12x96x64 12x96x64 12 1x1 upsampled x2 + 1x1 upsampled x2 -",
    } <= lines


def test_its_json_keeps_to_the_schema(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(file), "--size", "32x64", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert keeps_to_the_schema(document, "show")
    (image,) = document["inputs"]
    assert (image["input_width_pixels"], image["input_height_pixels"]) == (32, 64)
    written = file.with_name("show.json")
    assert main(["show", str(file), "--size", "32x64", "--json", str(written), "-q"]) == 0
    assert capsys.readouterr().out == ""
    assert hwsim.read(written) == document


def test_a_built_in_network_has_stages_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "condensation-net-mini", "--k", "4"]) == 0
    lines = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    first = "conv1 image 3x3 / 1 leaky 0.1, channel pool 4, pool 2/2 features1 16x32x32 7,077,888"
    assert {first, "outputs detections", "host nothing"} <= lines
    assert not any(line.startswith("Operators") for line in lines)


def test_every_input_of_a_saved_graph_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cameras.safetensors"
    hwsim.save_graph(two_cameras(), path)
    assert main(["show", str(path)]) == 0
    lines = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    assert {
        "inputs camera (3x64x80), other (3x32x40)",
        "outputs large head, small head",
    } <= lines
    before = path.read_bytes()
    assert main(["show", str(path), "--json", str(path)]) == 2
    assert "the same command reads it" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_what_no_output_depends_on_is_told(file: Path) -> None:
    half = "[route]\nlayers=-1,-2\n[route]\nlayers=-1\ngroups=2\ngroup_id=0\n"
    file.write_text(NET + CONVOLUTION.format(4) * 2 + half + LAST.format(3))
    assert [row.fate for row in hwsim.show(file).operators] == [
        "stage", "stage", "address", "address", "stage"
    ]  # fmt: skip
    file.write_text(NET + CONVOLUTION.format(4) * 2 + half.replace("id=0", "id=1") + LAST.format(3))
    unread = hwsim.show(file).operators[1]
    assert (unread.name, unread.fate) == ("conv1", "unread")


def test_a_file_that_is_no_network_is_told(tmp_path: Path) -> None:
    assert main(["show", str(tmp_path / "none.cfg")]) == 2
    assert main(["show", "none"]) == 2


def test_a_tflite_is_told_with_its_quantization(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tflite", reason="the schema of .tflite is not installed")
    from tests.tflite_writer import plain

    file = tmp_path / "three.tflite"
    file.write_bytes(plain().content())
    assert main(["show", str(file), "--kernels", "tflm"]) == 0
    out = capsys.readouterr().out
    found = hwsim.show(file, kernels="tflm")
    assert out == str(found)
    lines = {" ".join(line.split()) for line in out.splitlines()}
    assert {
        "three 4x4, 64 MACs",
        "What the operators leave, in the file's own integers; kernels: tflm",
        "conv_2d_0 int8 2 0.5 3",
        "relu_2 int8 - 0.5 3",
        "inputs x (2x4x4)",
        "outputs relu_2 ('t5' in the file)",
    } <= lines
    row = found.operators[0]
    assert (row.output_in_file, row.output_type) == ("t3", "int8")
    assert (row.output_scale, row.output_zero_point, row.weight_scales) == (0.5, 3, 2)
    assert main(["show", str(file), "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert keeps_to_the_schema(document, "show")
    assert document["kernels"] == "litert"


def test_only_a_tflite_takes_kernels(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(file), "--kernels", "tflm"]) == 2
    assert "kernels 'tflm': only a .tflite takes them" in capsys.readouterr().err
    with pytest.raises(InputError, match="kernels 'mine': must be litert or tflm"):
        hwsim.show(file.with_suffix(".tflite"), kernels="mine")


def test_a_tflite_has_its_own_size(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="size 32: only built-in networks"):
        hwsim.show(tmp_path / "one.tflite", size=32)


def test_stages_of_a_tflite_are_told_with_the_proofs_of_its_sums(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tflite", reason="the schema of .tflite is not installed")
    from tests.tflite_small import residual

    file = tmp_path / "residual.tflite"
    file.write_bytes(residual().content())
    assert main(["show", str(file)]) == 0
    lines = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    assert {
        "conv_2d_0 operator 0 CONV_2D convolution x 2x4x4 stage conv_2d_0 64",
        "add_1 operator 1 ADD add x + conv_2d_0 2x4x4 stage add_1 -",
        "softmax_2 operator 2 SOFTMAX softmax add_1 2x4x4 the host computes it -",
    } <= lines
    (proved,) = hwsim.show(file).document.proved_sums
    assert (proved.stage, proved.pairs) == ("add_1", 65_536)
    shown = f"add_1 {proved.first_weight:,} {proved.second_weight:,} {proved.multiplier:,} "
    assert any(line.startswith(shown) for line in lines)


def test_a_network_of_several_programs_is_shown_with_its_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tflite", reason="the schema of .tflite is not installed")
    from tests.tflite_small import rearranged

    file = tmp_path / "rearranged.tflite"
    file.write_bytes(rearranged().content())
    assert main(["show", str(file)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[5:11] == [
        "program 1 accelerator program 16 16",
        "depth_to_space_1 host depth to space operator 1 DEPTH_TO_SPACE 16 16",
        "program 2 accelerator program 16 64",
        "depth_to_space_3 host depth to space operator 3 DEPTH_TO_SPACE 64 64",
        "program 3 accelerator program 64 64",
        "The host reads 80 bytes and writes 80; host time is not in any figure.",
    ]
    assert "conv_2d_2 program 2 depth_to_space_1 1x1 / 1 - conv_2d_2 4x4x4 64" in lines
    document = hwsim.show(file).document
    assert [stage.program for stage in document.stages] == ["program 1", "program 2", "program 3"]
    assert document.refusals == ()


def test_convolutions_without_exact_stages_are_told_all_at_once(tmp_path: Path) -> None:
    pytest.importorskip("tflite", reason="the schema of .tflite is not installed")
    from tests.tflite_small import rearranged

    content = rearranged()
    for tensor in content.tensors:
        if tensor.data is not None and len(tensor.dims) == 4:
            tensor.scales = [2.0**31]
    file = tmp_path / "wide.tflite"
    file.write_bytes(content.content())
    document = hwsim.show(file).document
    assert document.stages == ()
    assert document.file is None
    assert {each.fate for each in document.operators} == {"undecided"}
    assert [line.split(":")[0] for line in document.refusals] == [
        f"operator {number} CONV_2D" for number in (0, 2, 4)
    ]
