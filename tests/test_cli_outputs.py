"""A command writes all of its files or none; devices, pipes and open files get data in place."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hwsim.arch.config import preset_text
from hwsim.cli import main
from tests.test_cli_estimate import MINI, errors_of, everything_in

HWSIM = f"{sys.executable} -m hwsim estimate {MINI} -q"
BEGINNINGS = {
    "--json": '{\n "schema_version"',
    "--csv": "name,operators,",
    "--trace": '{"traceEvents"',
}


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in `folder`; a failure of any command in a pipeline counts."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("option", BEGINNINGS)
@pytest.mark.parametrize(
    "line",
    [
        "{hwsim} {option} /dev/stdout | cat",
        "{hwsim} {option} /proc/self/fd/1 | cat",
        "{hwsim} {option} /dev/stderr 2>&1 >/dev/null | cat",
        "{hwsim} {option} /dev/fd/3 3>&1 | cat",
        "{hwsim} {option} >(cat) | cat",
        "ln -s /dev/stdout link; {hwsim} {option} link | cat; test -L link; rm link",
        "mkfifo pipe; cat pipe & {hwsim} {option} pipe; wait; rm pipe",
        "{hwsim} {option} /dev/stdout > file; cat file; rm file",
    ],
)
def test_pipes_and_open_files_are_written_in_place(option: str, line: str, tmp_path: Path) -> None:
    result = shell(line.format(hwsim=HWSIM, option=option), tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert result.stdout.startswith(BEGINNINGS[option])
    assert result.stdout.endswith("\n")
    assert everything_in(tmp_path) == []


def test_tables_and_a_file_share_standard_output(tmp_path: Path) -> None:
    """Neither overwrites the other, even if standard output is a file."""
    command = f"{HWSIM.removesuffix('-q')} --csv /dev/stdout"
    piped = shell(f"{command} | cat", tmp_path).stdout
    assert shell(f"{command} > both", tmp_path).returncode == 0
    assert (tmp_path / "both").read_text() == piped
    assert f"{MINI} 64x64" in piped
    assert BEGINNINGS["--csv"] in piped


def test_a_socket_is_written_in_place(tmp_path: Path) -> None:
    """A socket, such as a service's standard output, is written although its name cannot open."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [*HWSIM.split(), "--json", "/dev/stdout"]
        subprocess.run(command, cwd=tmp_path, stdout=theirs.fileno(), check=True)
        assert ours.recv(10).startswith(b'{\n "schema')


def test_a_reader_that_has_enough_does_no_harm(tmp_path: Path) -> None:
    """If a reader stops early, the other outputs are still written."""
    large = f"{sys.executable} -m hwsim estimate tiny-yolov2 -q"
    result = shell(f"{large} --trace >(head -c 5) --csv figures.csv", tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, '{"tra', "")
    assert everything_in(tmp_path) == ["figures.csv"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/dev/fd/77", "No such file or directory"),
        ("/dev/fd/" + 30 * "9", "No such file or directory"),
        ("/dev/stdin", "it is open for reading only"),
    ],
)
def test_what_is_not_open_is_refused_first(name: str, reason: str, tmp_path: Path) -> None:
    result = shell(f"{HWSIM} --json fine.json --csv {name} < /dev/null", tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"hwsim: error: cannot write '{name}': {reason}\n"
    assert everything_in(tmp_path) == []


def test_a_full_device_leaves_no_other_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "a.json")
    message = errors_of(capsys, "estimate", MINI, "-q", "--csv", "/dev/full", "--json", path)
    assert "cannot write '/dev/full': No space left on device" in message
    assert everything_in(tmp_path) == []


def test_a_pipe_gets_nothing_where_a_file_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe gets no data if a file fails, because such data cannot be taken back."""

    def full(*_arguments: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    reading, writing = os.pipe()
    name = f"/dev/fd/{writing}"
    errors_of(capsys, "estimate", MINI, "-q", "--json", name, "--csv", str(tmp_path / "a.csv"))
    os.close(writing)
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_what_was_printed_before_comes_before(tmp_path: Path) -> None:
    code = (
        "from hwsim.cli.outputs import Outputs\n"
        "with Outputs() as outputs:\n"
        "    outputs.reserve('/dev/stdout')\n"
        "    print('first')\n"
        "    outputs.write({'/dev/stdout': 'second\\n'})\n"
        "    print('third')\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "first\nsecond\nthird\n"


@pytest.mark.parametrize(
    "names",
    [
        ("/dev/stdout", "/dev/fd/1"),
        ("pipe", "./pipe"),
        ("-", "/dev/stdout"),
        ("-", "/dev/fd/1"),
        ("pipe", "link"),
        ("file", "another name"),
        ("new", "../{folder}/new"),
    ],
)
def test_one_open_file_for_two_outputs_is_refused(
    names: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("link").symlink_to("pipe")
    Path("file").touch()
    Path("another name").hardlink_to("file")
    first, second = (name.format(folder=tmp_path.name) for name in names)
    before = everything_in(tmp_path)
    for option in ("--csv", "--trace", *(["--json"] if first != "-" else [])):
        others = ["--csv", first] if option == "--json" else ["--json", first]
        assert main(["estimate", MINI, "-q", *others, option, second]) == 2
        found = capfd.readouterr()
        message = f"hwsim: error: cannot write '{second}': it is named for two outputs\n"
        assert (found.out, found.err) in (("", message), ("", message.replace(second, first)))
    assert everything_in(tmp_path) == before


def test_json_on_standard_output_and_another_output_after_it_are_kept_apart(
    tmp_path: Path,
) -> None:
    """Standard output is the same place as a file to which a shell appends it."""
    result = shell(f"{HWSIM} --json - --csv both >> both", tmp_path)
    assert result.returncode == 2
    assert "cannot write 'both': it is named for two outputs" in result.stderr
    assert (tmp_path / "both").read_text() == ""


@pytest.mark.parametrize("option", BEGINNINGS)
@pytest.mark.parametrize("name", ["edge.toml", "link.toml", "other", "/dev/stdin", "/dev/stdout"])
def test_no_output_replaces_the_config_that_is_read(option: str, name: str, tmp_path: Path) -> None:
    config = tmp_path / "edge.toml"
    config.write_text(preset_text("edge"))
    (tmp_path / "link.toml").symlink_to("edge.toml")
    (tmp_path / "other").hardlink_to(config)
    line = f"{HWSIM} --config ./edge.toml {option} {name} < edge.toml >> edge.toml"
    result = shell(line, tmp_path)
    message = f"hwsim: error: cannot write '{name}': the same command reads it\n"
    assert (result.returncode, result.stderr) == (2, message)
    assert config.read_text() == preset_text("edge")
    assert everything_in(tmp_path) == ["edge.toml", "link.toml", "other"]


@pytest.mark.parametrize(
    "line",
    [
        "run {mini} --image chip.toml --json chip.toml",
        "run {mini} --image photo.jpg --weights chip.toml --csv chip.toml",
        "verify {mini} --image chip.toml --json chip.toml",
        "verify {mini} --weights chip.toml --json chip.toml",
        "verify {mini} --config ./chip.toml --json chip.toml",
        "compile {mini} --image chip.toml --out . --json chip.toml",
        "compile {mini} --weights memory.bin --out .",
        "compile {mini} --weights expected.bin --out .",
        "compile {mini} --config ./chip.toml --out . --json chip.toml",
        "rtl --config ./chip.toml --out . --json chip.toml",
        "rtl --config ./accelerator.v --out .",
        "synth --config ./chip.toml --json chip.toml",
        "synth --liberty chip.toml --json chip.toml",
        "report --config ./index.html --out .",
        "estimate {mini} --config ./index.html --html .",
    ],
)
def test_no_command_replaces_what_it_reads(
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["accelerator.v", "chip.toml", "expected.bin", "index.html", "memory.bin"]
    for name in names:
        Path(name).write_text(preset_text("nano"))
    message = errors_of(capsys, *line.format(mini=MINI).split(), "-q")
    assert message.endswith(": the same command reads it\n")
    assert everything_in(tmp_path) == names
    assert all(Path(name).read_text() == preset_text("nano") for name in names)


def test_a_preset_is_no_file_that_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert main(["estimate", MINI, "-q", "--config", "edge", "--json", "edge"]) == 0


@pytest.mark.parametrize("name", ["loop", "there", "loop/file"])
def test_links_in_a_circle_are_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for link, target in (("loop", "loop"), ("there", "back"), ("back", "there")):
        Path(link).symlink_to(target)
    for option in BEGINNINGS:
        message = errors_of(capsys, "estimate", MINI, option, name)
        assert f"cannot write '{name}': Too many levels of symbolic links" in message
    message = errors_of(capsys, "estimate", MINI, "--html", name)
    assert f"cannot create folder '{name}': Too many levels of symbolic links" in message
    assert everything_in(tmp_path) == ["back", "loop", "there"]


def test_a_name_of_the_greatest_length_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 255)
    assert main(["estimate", MINI, "-q", "--csv", str(path)]) == 0
    assert path.exists()


def test_one_file_for_two_outputs_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "a")
    assert "two outputs" in errors_of(capsys, "estimate", MINI, "--json", path, "--csv", path)
    assert everything_in(tmp_path) == []


def test_a_failure_while_writing_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    folder = str(tmp_path / "new" / "page")
    assert "No space left" in errors_of(capsys, "estimate", MINI, "--html", folder)
    assert everything_in(tmp_path) == []


def test_an_interrupt_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hwsim.flows.estimate.estimate", interrupt)
    assert main(["estimate", MINI, "--json", str(tmp_path / "a.json")]) == 130
    assert capsys.readouterr().err.strip() == "hwsim: interrupted"
    assert everything_in(tmp_path) == []


def test_files_get_usual_permissions_and_links_stay_links(tmp_path: Path) -> None:
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    link.symlink_to(target)
    before = os.umask(0o022)
    try:
        assert main(["estimate", MINI, "-q", "--json", str(link)]) == 0
    finally:
        os.umask(before)
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert everything_in(tmp_path) == ["link.json", "target.json"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_a_replaced_file_keeps_its_permissions(
    mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.json"
    output.write_text("old")
    output.chmod(mode)
    modes: list[int] = []
    move = Path.replace

    def replace(path: Path, target: Path) -> Path:
        modes.append(stat.S_IMODE(path.stat().st_mode))
        return move(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    assert main(["estimate", MINI, "-q", "--json", str(output)]) == 0
    assert output.read_text() != "old"
    assert stat.S_IMODE(output.stat().st_mode) == mode
    assert modes == [mode], "its content was open to others"


def test_a_device_is_written_in_place() -> None:
    assert main(["estimate", MINI, "-q", "--json", "/dev/null"]) == 0
    assert not stat.S_ISREG(Path("/dev/null").stat().st_mode)
