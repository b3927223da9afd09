"""Long commands show progress: bars on a terminal, elsewhere occasional lines, none with -q."""

import io
import re
from pathlib import Path
from time import monotonic, sleep

import pytest

from hwsim.cli import main
from hwsim.cli import progress as shown
from hwsim.cli.options import Verbosity
from hwsim.cli.progress import progress

LINE = r"hwsim: executing a \\x1b\[31m\[bold\]net: (\d+ %, )?\d+ s\n"
NAME = "executing a \x1b[31m[bold]net"  # a terminal must not obey a name


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "FIRST_LINE_SECONDS", 0.01)
    monkeypatch.setattr(shown, "NEXT_LINE_SECONDS", 0.01)


def lines_of(capsys: pytest.CaptureFixture[str], steps: int, done: int, count: int) -> list[str]:
    """Return the first `count` lines for work of which `done` steps are done."""
    text = ""
    deadline = monotonic() + 30
    with progress(Verbosity.NORMAL)(NAME, steps) as advance:
        for _ in range(done):
            advance()
        while text.count("\n") < count and monotonic() < deadline:
            sleep(0.01)
            text += capsys.readouterr().err
    return text.splitlines(keepends=True)[:count]


@pytest.mark.usefixtures("impatient")
def test_long_work_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(capsys, steps=4, done=3, count=3)
    assert len(lines) == 3
    assert all(re.fullmatch(LINE, line) for line in lines)
    assert " 75 %, " in lines[-1]


@pytest.mark.usefixtures("impatient")
def test_work_of_one_step_has_no_share(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = lines_of(capsys, steps=1, done=0, count=1)
    assert re.fullmatch(LINE, line)
    assert "%" not in line


@pytest.mark.usefixtures("impatient")
def test_a_failure_ends_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), progress(Verbosity.NORMAL)("work", 1):
        raise ZeroDivisionError
    capsys.readouterr()
    sleep(0.1)
    assert capsys.readouterr().err == ""


def test_short_work_says_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown, "FIRST_LINE_SECONDS", 2.0)
    assert main(["estimate", "condensation-net-mini"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("function", "work"),
    [
        ("hwsim.compiler.residency.schedule_stage", "planning"),
        ("hwsim.flows.estimate.write_program", "compiling"),
        ("hwsim.flows.estimate.time_program", "timing"),
    ],
)
def test_every_long_command_can_be_followed(
    function: str,
    work: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An estimate too, whose time grows with the network; but with -q nothing is said."""

    def slow(*_arguments: object, **_named: object) -> None:
        sleep(0.5)
        raise KeyboardInterrupt

    monkeypatch.setattr(function, slow)
    assert main(["estimate", "condensation-net-mini"]) == 130
    said = capsys.readouterr().err
    assert f"hwsim: {work} condensation-net-mini: 0 %, 0 s\n" in said
    assert said.endswith("hwsim: interrupted\n")
    assert main(["estimate", "condensation-net-mini", "-q"]) == 130
    assert capsys.readouterr().err == "hwsim: interrupted\n"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("command", "function"),
    [
        ("show", "hwsim.flows.show.load_operators"),
        ("estimate", "hwsim.flows.network.load_operators"),
        ("run", "hwsim.flows.network.load_operators"),
        ("verify", "hwsim.flows.network.load_operators"),
        ("compile --out out", "hwsim.flows.network.load_operators"),
    ],
)
def test_reading_a_file_can_be_followed(
    command: str,
    function: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slow(*_arguments: object) -> None:
        sleep(0.5)
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(function, slow)
    name, *options = command.split()
    assert main([name, "folder/large.tflite", *options]) == 130
    assert "hwsim: reading large.tflite: 0 s\n" in capsys.readouterr().err
    assert main([name, "folder/large.tflite", *options, "-q"]) == 130
    assert capsys.readouterr().err == "hwsim: interrupted\n"


def test_on_a_terminal_there_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress(Verbosity.NORMAL)(NAME, 2) as advance:
        advance()
        sleep(0.2)
    assert "executing a \\x1b[31m[bold]net" in terminal.getvalue()
    assert "1/2" in terminal.getvalue()


def test_without_stderr_there_is_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    assert main(["estimate", "condensation-net-mini"]) == 0
