"""The command `hwsim run` gets compared values from a photograph, and refuses bad input."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from hwsim.cache import cache_folder
from hwsim.cli import main
from hwsim.flows.quantized import (
    float_weights,
    graph_place,
    quantized_graph,
)
from hwsim.frontends.builtin import build_network
from hwsim.frontends.darknet import read_weights, write_weights
from hwsim.golden.reference import run_stage
from hwsim.graph import Stage
from tests.test_report_document import keeps_to_the_schema

MINI = "condensation-net-mini"
MULTIPLIER_BITS = 16  # of the preset edge

pytestmark = pytest.mark.usefixtures("workplace")


def kept_graph() -> Path:
    """Return where a quantized graph is kept."""
    shapes = build_network(MINI)
    return graph_place(shapes, float_weights(shapes, None), MULTIPLIER_BITS)


def everything() -> set[str]:
    return {str(path) for path in Path().rglob("*")}


def test_values_equal_the_reference(capsys: pytest.CaptureFixture[str], cache: Path) -> None:
    """Values equal golden, the network is quantized once, and no file is left by the photograph."""
    arguments = ["run", MINI, "--image", "photo.jpg", "--check"]
    before = everything()
    assert main(arguments) == 0
    first = capsys.readouterr().out
    assert "every element equals the integer reference's" in first
    assert "Weights are seeded" in first
    kept = kept_graph()
    assert kept.parent == cache / "hwsim"
    assert kept.exists()
    assert everything() == before
    modified = kept.stat().st_mtime_ns
    assert main(arguments) == 0
    assert capsys.readouterr().out == first
    assert kept.stat().st_mtime_ns == modified, "quantized twice"


def test_json_says_what_was_stored(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", MINI, "--image", "photo.jpg", "--json", "-"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert keeps_to_the_schema(value)
    assert value["command"] == "run"
    assert value["run"]["image"] == "photo.jpg"
    assert value["run"]["is_checked"] is False
    names = [tensor["name"] for tensor in value["run"]["tensors"]]
    assert names == [stage["name"] for stage in value["layers"]]
    main(["estimate", MINI, "--json", "-"])
    estimate = json.loads(capsys.readouterr().out)
    assert value["totals"] == estimate["totals"]


def test_the_first_difference_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def wrong(stage: Stage, tensors: Mapping[str, Tensor]) -> Tensor:
        y = run_stage(stage, tensors)
        if stage.name == "conv3":
            y[0, 5, 2, 7] ^= 1
        return y

    monkeypatch.setattr("hwsim.golden.reference.run_stage", wrong)
    output = tmp_path / "out.json"
    arguments = ["run", MINI, "--image", "photo.jpg", "--check", "--json", str(output)]
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "conv3 differs from the reference in 1 of 1,536 elements" in captured.err
    assert "first at channel 5, row 2, column 7: machine " in captured.err
    assert list(tmp_path.iterdir()) == []


def test_the_cache_is_the_user_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for chosen in ("", "relative/folder"):
        monkeypatch.setenv("XDG_CACHE_HOME", chosen)
        assert cache_folder() == tmp_path / ".cache" / "hwsim"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == tmp_path / ".cache" / "hwsim"


@pytest.mark.parametrize("has_home", [True, False])
def test_without_a_cache_nothing_is_kept(has_home: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = build_network(MINI)
    weights = float_weights(shapes, None)
    graph = quantized_graph(shapes, weights, MULTIPLIER_BITS)
    monkeypatch.setattr("hwsim.golden.quantize.quantize", lambda *_: graph)
    if has_home:
        monkeypatch.setenv("XDG_CACHE_HOME", "/proc/here")  # nobody can write there
    else:
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.delenv("HOME")
        monkeypatch.setattr("os.getuid", lambda: 1 << 30)  # no user has this id
    before = everything()
    assert main(["run", MINI, "--image", "photo.jpg", "-q"]) == 0
    assert not kept_graph().exists()
    assert everything() == before


def test_darknet_weights_are_used(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shapes = build_network(MINI)
    path = tmp_path / "mini.weights"
    write_weights(shapes, float_weights(shapes, None), path)
    arguments = ["run", MINI, "--image", "photo.jpg", "--check", "--json", "-"]
    assert main(arguments) == 0
    seeded = json.loads(capsys.readouterr().out)["run"]
    assert main([*arguments, "--weights", str(path)]) == 0
    from_file = json.loads(capsys.readouterr().out)["run"]
    assert from_file == seeded | {"weights": "mini.weights"}
    lower = replace(weights := read_weights(shapes, path)[0], bias=weights.bias - np.float32(1))
    write_weights(shapes, [lower, *read_weights(shapes, path)[1:]], path)
    assert main([*arguments, "--weights", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["run"]["tensors"] != seeded["tensors"]


def test_bad_inputs_are_told_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    truncated = tmp_path / "truncated.jpg"
    truncated.write_bytes(Path("photo.jpg").read_bytes()[:800])
    text = tmp_path / "text.png"
    text.write_text("no image")
    short = tmp_path / "short.weights"
    short.write_bytes(bytes(100))
    fine = ["--image", "photo.jpg"]
    before, outside = everything(), set(tmp_path.iterdir())
    for arguments, expected in [
        (["--image", str(truncated)], "truncated"),
        (["--image", str(text)], "neither a JPEG nor a PNG"),
        (["--image", ""], "cannot read image ''"),
        (["--image", "none.jpg"], "cannot read image 'none.jpg': No such file"),
        (["--image", str(tmp_path)], "cannot read image"),
        ([*fine, "--weights", str(short)], "100 bytes, expected"),
        ([*fine, "--weights", "none.weights"], "cannot read weights 'none.weights'"),
        ([*fine, "--html", "photo.jpg"], "cannot write into 'photo.jpg'"),
        ([*fine, "--config", "egde"], "did you mean 'edge'?"),
        ([], "neither a photograph nor arrays to run it on: give --image or --input"),
    ]:
        output = ["--json", str(tmp_path / "out.json")]
        assert main(["run", MINI, *arguments, *output]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert expected in captured.err
        assert everything() == before
        assert set(tmp_path.iterdir()) == outside


@pytest.mark.parametrize("command", [["run", MINI, "--image", "photo.jpg"], ["report"]])
def test_a_missing_extra_is_told_in_one_line(command: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None;"
        f"from hwsim.cli import main; sys.exit(main({command!r}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "pip install 'hwsim[golden]'" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_report_is_complete(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report has every file, here with small networks in place of the large ones."""
    networks = ("tiny-yolov2-mini", MINI)
    monkeypatch.setattr("hwsim.cli.report.NETWORKS", networks)
    assert main(["report"]) == 0
    assert capsys.readouterr().out.endswith("open report/index.html\n")
    index = Path("report/index.html").read_text()
    for name in networks:
        for ending in ("html", "json", "csv", "trace.json"):
            assert Path("report", f"{name}.{ending}").exists()
            assert f'href="./{name}.{ending}"' in index
        assert json.loads(Path("report", f"{name}.json").read_text())["run"]["is_checked"]
