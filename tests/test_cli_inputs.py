"""`--input` gives `run`, `verify` and `compile` an array for each input, or one line of refusal."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib import format as npy

import hwsim
from hwsim.cli import main
from hwsim.errors import InputError
from hwsim.flows.array_files import ArrayKind, read_array
from hwsim.golden.photographs import load_image
from hwsim.golden.reference import stored_image
from hwsim.graph import Graph, Shape, Source, Stage, Tensor
from tests.darknet_files import CONVOLUTION, LAST, NET
from tests.drawn import drawn_inputs, with_drawn_constants
from tests.test_report_document import keeps_to_the_schema

MINI = "condensation-net-mini"
TWO = "two.safetensors"

pytestmark = pytest.mark.usefixtures("workplace")


def two_sensors() -> Graph:
    """Return a network of two inputs that are no images, one with an equals sign in its name."""
    depth, flow = Tensor("depth", Shape(1, 12, 10)), Tensor("depth=2", Shape(5, 12, 10))
    sources = [Source.whole(depth, (3, 3), padding=1), Source.whole(flow, (1, 1))]
    joined = Stage.inferred("join", sources, "joined", 16, 0.1)
    head = Stage.inferred("head", [Source.whole(joined.output, (1, 1))], "scores", 4)
    return Graph("two sensors", (depth, flow), (joined, head), (head.output, joined.output))


@pytest.fixture(scope="module")
def graph(workplace: Path) -> Graph:
    """Return the network, whose file and arrays lie in the workplace."""
    made = with_drawn_constants(two_sensors(), seed=3)
    hwsim.save_graph(made, workplace / TWO)
    for name, values in drawn_inputs(made, seed=4).items():
        np.save(workplace / f"{name}.npy", values)
    return made


BOTH = ["--input", "depth=depth.npy", "--input", "depth=2=depth=2.npy"]


@pytest.mark.usefixtures("graph")
def test_every_input_takes_an_array(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", TWO, *BOTH, "--check", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert keeps_to_the_schema(document)
    run = document["run"]
    assert (run["image"], run["image_sha256"]) == (None, None)
    assert [array["name"] for array in run["arrays"]] == ["depth", "depth=2"]
    other_order = ["run", TWO, *BOTH[2:], *BOTH[:2], "--json", "-"]
    assert main(other_order) == 0
    assert json.loads(capsys.readouterr().out)["run"]["tensors"] == run["tensors"]
    assert main(["run", TWO, *BOTH]) == 0
    assert "Executed bit-exactly on arrays: depth, depth=2; not" in capsys.readouterr().out


@pytest.mark.verilator
@pytest.mark.usefixtures("graph")
def test_two_inputs_are_verified_on_the_verilog(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", TWO, *BOTH, "--config", "nano", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert keeps_to_the_schema(document, "verify")
    assert document["failures"] == []
    assert [array["name"] for array in document["arrays"]] == ["depth", "depth=2"]
    assert document["image"] is None


def test_a_single_input_needs_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    """An array of a photograph's stored values is as good as the photograph."""
    np.save("stored.npy", stored_image(load_image("photo.jpg", height=64, width=64)).numpy())
    runs = []
    for source in ("--image photo.jpg", "--input stored.npy", "--input image=stored.npy"):
        assert main(["run", MINI, *source.split(), "--json", "-"]) == 0
        runs.append(json.loads(capsys.readouterr().out)["run"])
    assert [run["image"] for run in runs] == ["photo.jpg", None, None]
    assert runs[0]["tensors"] == runs[1]["tensors"] == runs[2]["tensors"]
    assert all(tensor["signal_to_noise_db"] > 0 for tensor in runs[1]["tensors"])
    assert [array["name"] for array in runs[1]["arrays"]] == ["image"]
    for source, folder in (("--image photo.jpg", "photo"), ("--input stored.npy", "array")):
        assert main(["compile", MINI, *source.split(), "-o", folder, "-q"]) == 0
    for name in ("memory.bin", "expected.bin"):
        assert Path("photo", name).read_bytes() == Path("array", name).read_bytes()


@pytest.fixture(scope="module")
def _bad_files(graph: Graph) -> None:
    values = drawn_inputs(graph, seed=4)["depth"]
    np.save("wide.npy", values.astype(np.int16))
    np.save("unsigned.npy", values.view(np.uint8))
    np.save("batch.npy", values[None])
    np.save("objects.npy", np.array([{}], object), allow_pickle=True)
    np.savez("zip.npz", depth=values)
    Path("pickle.npy").write_bytes(b"cos\nmkdir\n(S'made by a pickle'\ntR.")
    whole = Path("depth.npy").read_bytes()
    Path("short.npy").write_bytes(whole[:-1])
    Path("long.npy").write_bytes(whole + b"\0")
    Path("header.npy").write_bytes(whole[:40])
    Path("empty.npy").write_bytes(b"")


@pytest.mark.usefixtures("_bad_files")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--input depth=depth.npy", "input 'depth=2': nothing is given for it; graph two sensors "),
        ("--input depth.npy", "input 'depth.npy': write NAME=FILE, for one of 'depth', 'depth=2'"),
        ("--input deep=depth.npy", "no input 'deep': graph two sensors takes 'depth', 'depth=2'"),
        ("--input depth=depth.npy --input depth=x.npy", "input 'depth': two files are given"),
        ("+ depth=none.npy", "cannot read array 'none.npy': No such file"),
        ("+ depth=.", "cannot read array '.': is a folder, no file"),
        ("+ depth=", "cannot read array '': No such file"),
        ("+ depth=wide.npy", "array 'wide.npy' of input 'depth': int16 (1, 12, 10): must be int8"),
        ("+ depth=unsigned.npy", "of input 'depth': uint8 (1, 12, 10): must be int8 (1, 12, 10)"),
        ("+ depth=batch.npy", "int8 (1, 1, 12, 10): must be int8 (1, 12, 10), its channels, rows"),
        ("+ depth=depth=2.npy", "int8 (5, 12, 10): must be int8 (1, 12, 10)"),
        ("+ depth=objects.npy", "object (1,): must be int8"),
        ("+ depth=zip.npz", "array 'zip.npz': no array that numpy.save wrote"),
        ("+ depth=pickle.npy", "array 'pickle.npy': no array that numpy.save wrote"),
        ("+ depth=header.npy", "array 'header.npy': no array that numpy.save wrote"),
        ("+ depth=empty.npy", "array 'empty.npy': no array that numpy.save wrote"),
        ("+ depth=short.npy", "array 'short.npy': fewer bytes than the 120 of its shape"),
        ("+ depth=long.npy", "array 'long.npy': more bytes than the 120 of its shape"),
        ("--image photo.jpg", "image 'photo.jpg': it is for a network of one input; give an a"),
        ("+ depth=depth.npy --image photo.jpg", "image 'photo.jpg': the inputs are given as arr"),
        ("+ depth=depth.npy --json depth.npy", "'depth.npy': the same command reads it"),
    ],
)
@pytest.mark.parametrize("command", ["run", "verify", "compile"])
def test_a_wrong_input_is_told_in_one_line(
    command: str, options: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`+` stands for the other input and the option for this one."""
    before = sorted(Path().rglob("*"))
    folder = ["-o", "nothing"] if command == "compile" else []
    given_options = options.replace("+", "--input depth=2=depth=2.npy --input").split(" ")
    assert main([command, TWO, *given_options, *folder]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert expected in captured.err
    assert sorted(Path().rglob("*")) == before


@pytest.mark.usefixtures("graph")
def test_without_inputs_only_photographs_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", MINI]) == 2
    assert capsys.readouterr().err == (
        f"hwsim: error: network '{MINI}': neither a photograph nor arrays to run it on: give "
        "--image or --input, in Python image= or inputs=\n"
    )
    for command in ("run", "verify"):
        assert main([command, TWO]) == 2
        assert capsys.readouterr().err == (
            "hwsim: error: input 'depth' of 1 channels: photographs have 3; give an array for each "
            "of 'depth', 'depth=2': --input NAME=FILE.npy, or in Python inputs={NAME: array}\n"
        )


def test_a_darknet_network_of_no_photographs_is_quantized_on_its_array(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = NET.replace("channels=3", "channels=4") + CONVOLUTION.format(16) + LAST.format(6)
    Path("four.cfg").write_text(text)
    random = np.random.default_rng(7)
    for name in ("a", "b"):
        np.save(f"{name}.npy", random.integers(-128, 128, (4, 48, 64), dtype=np.int8))

    with monkeypatch.context() as patch:
        for module in ("execution", "verification", "compilation"):  # nothing long comes before
            patch.delattr(f"hwsim.flows.{module}.planned")
        for command in (["run"], ["verify"], ["compile", "-o", "nothing"]):
            assert main([command[0], "four.cfg", *command[1:]]) == 2
            assert capsys.readouterr().err == (
                "hwsim: error: input 'image' of 4 channels: photographs have 3; give an array for "
                "each of 'image': --input NAME=FILE.npy, or in Python inputs={NAME: array}\n"
            )
    assert not Path("nothing").exists()

    scales = []
    for name in ("a", "b"):
        assert main(["run", "four.cfg", "--input", f"{name}.npy", "--check", "--json", "-"]) == 0
        run = json.loads(capsys.readouterr().out)["run"]
        assert all(tensor["signal_to_noise_db"] > 15 for tensor in run["tensors"])
        scales.append(run["outputs"][0]["scale"])
    assert scales[0] != scales[1]
    assert main(["compile", "four.cfg", "--input", "a.npy", "-o", "four", "-q"]) == 0
    *_, output = json.loads(Path("four/memory.json").read_text())["tensors"]
    assert (output["name"], output["scale"]) == ("conv1", scales[0])


def test_in_python_inputs_are_a_dict(graph: Graph) -> None:
    arrays = drawn_inputs(graph, seed=4)
    columns_first = {name: np.asfortranarray(values) for name, values in arrays.items()}
    assert hwsim.run(graph, inputs=arrays, check=True).run == hwsim.run(
        graph, inputs=columns_first, check=True
    ).run  # fmt: skip
    wrong: tuple[tuple[Any, str], ...] = (
        ([1], "inputs [1]: must be a dict of names and arrays"),
        ({**arrays, "deep": 1}, "no input 'deep': graph two sensors takes 'depth', 'depth=2'"),
        ({**arrays, 7: 1}, "no input '7': graph two sensors takes 'depth', 'depth=2'"),
        ({**arrays, "depth": [1]}, "input 'depth': [1] must be a numpy array"),
        ({**arrays, "depth": arrays["depth=2"]}, "input 'depth': int8 (5, 12, 10): must be int8 "),
        ({"depth": arrays["depth"]}, "input 'depth=2': nothing is given for it; "),
    )
    for inputs, expected in wrong:
        for call in (hwsim.run, hwsim.verify, hwsim.compile):
            with pytest.raises(InputError) as refused:
                call(graph, inputs=inputs)
            assert str(refused.value).startswith(expected)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_order_of_axes_is_read(version: tuple[int, int], order: Any, tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.int8).reshape(2, 3, 4)
    with (tmp_path / "x.npy").open("wb") as file:
        npy.write_array(file, np.asarray(values, order=order), version=version)
    found = read_array(str(tmp_path / "x.npy"), "input 'x'", ArrayKind("int8", (2, 3, 4)))
    np.testing.assert_array_equal(found, values)
    assert found.flags.c_contiguous


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_a_spoilt_file_is_refused_or_read(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "spoilt.npy"
    np.save(path, np.arange(24, dtype=np.int8).reshape(2, 3, 4))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 25))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        found = read_array(str(path), "input 'x'", ArrayKind("int8", (2, 3, 4)))
    except InputError:
        return
    assert found.dtype == np.dtype(np.int8)
    assert found.shape == (2, 3, 4)
