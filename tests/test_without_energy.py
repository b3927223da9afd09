"""A configuration may say nothing of energy: what is reported then leaves it out, everywhere."""

import json
from pathlib import Path

import pytest

import hwsim
from hwsim.arch.config import load_config, preset_text
from hwsim.cli import main
from tests.test_report_document import keeps_to_the_schema

MINI = "condensation-net-mini"
WORDS = ("energy", "mj", "picojoule", "horowitz")


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    """Write the preset `nano` without its last section."""
    path = tmp_path / "silent.toml"
    text, energy, _ = preset_text("nano").partition("[energy]")
    assert energy
    path.write_text(text)
    return path


def speaks_of_energy(text: str) -> bool:
    return any(word in text.lower() for word in WORDS)


def test_tables_documents_and_pages_leave_energy_out(
    silent: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for config, is_told in ((str(silent), False), ("nano", True)):
        json_file, csv_file, trace = (tmp_path / name for name in ("a.json", "a.csv", "a.trace"))
        files = ["--json", str(json_file), "--csv", str(csv_file), "--trace", str(trace)]
        page = ["--html", str(tmp_path)]
        assert main(["-v", "estimate", MINI, "--config", config, *files, *page]) == 0
        assert speaks_of_energy(capsys.readouterr().out) == is_told
        text = (tmp_path / "index.html").read_text("utf-8")
        content = text.partition("<main>")[2].partition("</main>")[0]
        assert ("mJ a frame" in content) == is_told
        assert ("Energy is assumed" in content) == is_told
        assert ("Horowitz" in content) == is_told
        document = json.loads(json_file.read_text("utf-8"))
        assert keeps_to_the_schema(document, "estimate")
        assert (document["totals"]["energy"] is not None) == is_told
        assert (document["config"]["energy"] is not None) == is_told
        assert not speaks_of_energy(csv_file.read_text("utf-8"))
        assert not speaks_of_energy(trace.read_text("utf-8"))


def test_nothing_else_changes(silent: Path) -> None:
    with_energy, without = (
        hwsim.estimate(MINI, config).to_dict() for config in ("nano", str(silent))
    )
    for document in (with_energy, without):
        document["totals"].pop("energy")
        document["config"].pop("energy")
    assert without == with_energy


def test_an_energy_is_whole_or_missing(silent: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["estimate", MINI, "--config", str(silent)]
    assert main([*command, "--set", "energy.mac_pj=0.5"]) == 2
    assert "settings: missing key 'energy.mac_source'" in capsys.readouterr().err
    energy = load_config("nano").energy
    assert energy is not None
    settings = {f"energy.{key}": value for key, value in energy.model_dump().items()}
    assert hwsim.configuration(silent, settings=settings).energy == energy
