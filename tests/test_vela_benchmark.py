"""Vela's figures are read as it writes them, and where it is missing or refuses, a line says so."""

from pathlib import Path

import pytest

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

from benchmarks import vela
from tests.tflite_small import classifier

SCRIPT = """\
#!/bin/sh
# stands for Vela: NETWORK --accelerator-config NAME --output-dir FOLDER
test "$3" = ethos-u55-128 && cycles=220870.0 || cycles=110435.5
printf 'network,cycles_npu,cycles_total\\nsmall,9,%s\\n' $cycles > "$5/small_summary_system.csv"
"""


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "small.tflite"
    path.write_bytes(classifier("int8").content())
    return path


def stands_for_vela(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = folder / "other-vela"
    command.write_text(script)
    command.chmod(0o755)
    monkeypatch.setenv("VELA", str(command))


def test_cycles_stand_side_by_side(
    network: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stands_for_vela(tmp_path, SCRIPT, monkeypatch)
    monkeypatch.setenv("COLUMNS", "120")
    assert vela.main([str(network)]) == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if "small" in line)
    exact, fast = (vela.hwsim_cycles(network, fast_rescale=each) for each in (False, True))
    assert [cell.strip() for cell in row.split("│")[1:-1]] == [
        "small", f"{exact:,}", f"{fast:,}", "220,870", "110,436",
    ]  # fmt: skip


def test_without_vela_a_line_says_how_to_get_it(
    network: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VELA", "no-such-vela")
    assert vela.main([str(network)]) == 2
    assert capsys.readouterr().err == (
        "benchmarks.vela: error: Vela is not installed: there is no command 'no-such-vela' "
        "(pip install ethos-u-vela==5.2.0, in an environment of its own)\n"
    )


def test_what_vela_refuses_is_told_in_a_line(
    network: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stands_for_vela(tmp_path, "#!/bin/sh\necho one >&2\necho Error: two >&2\nexit 1\n", monkeypatch)
    assert vela.main([str(network)]) == 2
    line = capsys.readouterr().err
    assert line == "benchmarks.vela: error: Vela refuses small.tflite: Error: two\n"
    assert vela.main([]) == 2
