"""`hwsim compile` writes all files or none, always the same bytes, or one line with the error."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import hwsim.flows.compilation
from hwsim.cli import main
from hwsim.testbenches.axi_memory import Contents
from tests.test_memory_map import BASE, FILES, MINI, program_at
from tests.test_report_document import keeps_to_the_schema

pytestmark = pytest.mark.usefixtures("workplace")


def test_without_an_image_there_is_no_input(capsys: pytest.CaptureFixture[str]) -> None:
    """Without an image memory has no input, and an earlier call's expected output is removed."""
    assert main(["compile", MINI, "--image", "photo.jpg", "--out", "again", "-q"]) == 0
    (Path("again") / "notes.txt").write_text("mine")
    assert main(["compile", MINI, "--out", "again"]) == 0
    assert {path.name for path in Path("again").iterdir()} == FILES - {"expected.bin"} | {
        "notes.txt"
    }
    assert Path("again/memory.bin").read_bytes() == bytes(Contents.of(program_at(0)).data)
    document = json.loads(Path("again/memory.json").read_text())
    assert keeps_to_the_schema(document, "compile")
    assert document["image"] is None
    assert document["base_address"] == 0
    assert {tensor["sha256"] for tensor in document["tensors"]} == {None}
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{MINI} for edge, in again"
    assert lines[1].endswith(" bytes  weights and program, from 0x00000000 on")
    assert max(map(len, lines)) <= 80


def test_same_input_same_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    """Equal calls give equal bytes in any folder and any spelling of the base, as --json does."""
    photograph = ["compile", MINI, "--image", "photo.jpg"]
    assert main([*photograph, "--base", hex(BASE), "--out", "deep/first", "-q"]) == 0
    first = {path.name: path.read_bytes() for path in Path("deep/first").iterdir()}
    arguments = [*photograph, "--base", str(BASE), "--out", "copy"]
    assert main([*arguments, "--json", "copy.json"]) == 0
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["PROGRAM_ADDRESS", f"{program_at(BASE).code.address:#010x}"] in words
    assert {path.name: path.read_bytes() for path in Path("copy").iterdir()} == first
    assert Path("copy.json").read_bytes() == first["memory.json"]
    assert main([*arguments, "--json", "-"]) == 0
    assert capsys.readouterr().out.encode() == first["memory.json"]


def test_bad_input_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "taken" / "memory.h").mkdir(parents=True)
    (tmp_path / "text.png").write_text("no image")
    before = sorted(tmp_path.rglob("*"))
    out = ["--out", str(tmp_path / "out")]
    for arguments, expected in [
        ([MINI], "Missing option '-o' / '--out'"),
        (["tiny", *out], "no network 'tiny'"),
        ([MINI, *out, "--config", "egde"], "did you mean 'edge'?"),
        ([MINI, *out, "--base", "here"], "'here' is not an address such as 0x80000000"),
        ([MINI, *out, "--base", "0x80000001"], "base 0x80000001: must be 0 or a positive multiple"),
        ([MINI, *out, "--base", "-4096"], "base -0x1000: must be 0 or a positive multiple"),
        ([MINI, *out, "--base", "0xfffff000"], "addresses end at 0x100000000"),
        ([MINI, *out, "--image", "none.jpg"], "cannot read image 'none.jpg'"),
        ([MINI, *out, "--image", str(tmp_path / "text.png")], "neither a JPEG nor a PNG"),
        ([MINI, *out, "--weights", "none.weights"], "cannot read weights 'none.weights'"),
        ([MINI, *out, "--json", str(tmp_path / "out" / "memory.h")], "named for two outputs"),
        ([MINI, "--out", str(tmp_path / "file")], "it is not a folder"),
        ([MINI, "--out", str(tmp_path / "taken")], "memory.h': it is a folder"),
        ([MINI, "--out", "-"], "only --json can go to standard output"),
        ([MINI, "--out", "/proc/here"], "cannot create folder '/proc/here'"),
        ([MINI, "--out", "/proc"], "cannot write '/proc/memory.bin'"),
    ]:
        assert main(["compile", *arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert re.search(re.escape(expected), captured.err), captured.err
        assert sorted(tmp_path.rglob("*")) == before


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **_named: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(hwsim.flows.memory_run, "Machine", fails)
    monkeypatch.setattr(hwsim.flows.compilation, "time_program", fails)
    for image in ([], ["--image", "photo.jpg"]):
        assert main(["compile", MINI, *image, "--out", str(tmp_path / "a" / "b")]) == 130
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("image", [[], ["--image", "photo.jpg"]])
def test_a_missing_extra_is_told_in_one_line(
    image: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # cached graphs need no torch
    command = ["compile", MINI, *image, "--out", "out"]
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
