"""Format numbers: what was released is kept and can be read, what is newer is told in a line."""

import json
import re
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import hwsim
from hwsim.errors import InputError
from hwsim.report.schema import DOCUMENTS
from hwsim.synthesis import kept
from hwsim.synthesis.kept import Kept
from tests.test_report_document import keeps_to_the_schema

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "tests" / "kept"
DOCUMENT = re.compile(r"(\w+)-(\d+)\.(\d+)\.json")
# One file for each version of each document that was released, as the command wrote it.
RELEASED = sorted(path for path in KEPT.iterdir() if DOCUMENT.fullmatch(path.name))


@pytest.mark.parametrize("command", DOCUMENTS)
def test_every_document_of_this_version_is_kept(command: str) -> None:
    """A changed schema has a new number, and a file of its own from the command's `--json`."""
    text = (KEPT / f"{command}-{DOCUMENTS[command][1]}.json").read_text("utf-8")
    assert keeps_to_the_schema(json.loads(text), command)


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.name)
def test_what_was_released_is_read(path: Path) -> None:
    command, major, minor = re.findall(DOCUMENT, path.name)[0]
    document = hwsim.read(path)
    assert document["command"] == command
    assert document["schema_version"] == f"{major}.{minor}"
    assert document == json.loads(path.read_text("utf-8"))


def test_what_a_command_writes_is_read(tmp_path: Path) -> None:
    found = hwsim.estimate("tiny-yolov2-mini")
    path = tmp_path / "figures.json"
    path.write_text(json.dumps(found.to_dict()))
    assert hwsim.read(path) == json.loads(path.read_text())
    path.write_text(json.dumps(found.to_dict() | {"command": "run"}))
    assert hwsim.read(path)["command"] == "run"


@pytest.mark.parametrize("newer", [(0, 1), (1, 0)])
@pytest.mark.parametrize("command", DOCUMENTS)
def test_a_newer_document_is_told_in_one_line(
    command: str, newer: tuple[int, int], tmp_path: Path
) -> None:
    own = DOCUMENTS[command][1]
    major, minor = map(int, own.split("."))
    number = f"{major + newer[0]}.{minor + newer[1]}"
    path = tmp_path / "newer.json"
    path.write_text(json.dumps({"command": command, "schema_version": number}))
    with pytest.raises(InputError) as caught:
        hwsim.read(path)
    assert str(caught.value) == (
        f"document '{path}': schema_version {number} is newer than {own}, "
        "the newest that this hwsim knows"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "no `hwsim` command wrote it"),
        ('{"command": "sing", "schema_version": "1.0"}', "no `hwsim` command wrote it"),
        ('{"command": ["rtl"], "schema_version": "1.0"}', "no `hwsim` command wrote it"),
        ('{"command": "rtl"}', "it has no schema_version such as 1.0"),
        ('{"command": "rtl", "schema_version": 1}', "it has no schema_version such as 1.0"),
        ('{"command": "rtl", "schema_version": "1"}', "it has no schema_version such as 1.0"),
        ('{"command": "rtl", "schema_version": "9' + 9000 * "9" + '.0"}', "it has no schema_ver"),
    ],
)
def test_what_is_no_document_is_told_in_one_line(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(f"document '{path}': {reason}")) as caught:
        hwsim.read(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="cannot read document"):
        hwsim.read(tmp_path / "none.json")


def test_kept_synthesis_of_another_format_is_found_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def get(found: dict[str, Any]) -> Any:
        return Kept("gates", ("tool 1",)).get("module", lambda: found)

    assert get({"gates": 1}) == {"gates": 1}
    assert get({"gates": 2}) == {"gates": 1}
    (path,) = tmp_path.rglob("*.json")
    for text in ('{"gates": 9}', '{"format_number": 1}', "[1]", "{"):
        path.write_text(text)
        assert get({"gates": 3}) == {"gates": 3}
        assert get({"gates": 4}) == {"gates": 3}
    monkeypatch.setattr(kept, "FORMAT_NUMBER", kept.FORMAT_NUMBER + 1)
    assert get({"gates": 5}) == {"gates": 5}


def test_the_changelog_begins_with_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    headings = re.findall(r"^## \[([\d.]+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert headings[0] == project["version"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", heading) for heading in headings)
    assert len(version("hwsim").split(".")) == 3
