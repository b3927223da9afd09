"""The command `hwsim estimate` as users see it: streams, files and exit statuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hwsim.arch.config import preset_text
from hwsim.cli import main

MINI = "condensation-net-mini"


def errors_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one line on stderr of a call that must end with status 2 and print no more."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("hwsim: error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_json_on_standard_output_is_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", MINI, "--json", "-"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    document = json.loads(captured.out)
    assert {"schema_version", "hwsim_version", "command", "config", "totals", "layers"} <= set(
        document
    )
    assert document["command"] == "estimate"
    assert document["totals"]["macs"] == 11_942_400


def test_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-q", "estimate", MINI]) == 0
    assert main(["estimate", MINI, "-q"]) == 0
    assert capsys.readouterr().out == ""


def test_verbose_names_the_sources_of_energy(capsys: pytest.CaptureFixture[str]) -> None:
    main(["estimate", MINI])
    assert "Horowitz" not in capsys.readouterr().out
    main(["-v", "estimate", MINI])
    assert "Horowitz" in capsys.readouterr().out


def test_options_reach_the_network_and_the_config(capsys: pytest.CaptureFixture[str]) -> None:
    main(["estimate", MINI, "--size", "96x64", "--k", "4", "--weight-bits", "4", "--json", "-"])
    document = json.loads(capsys.readouterr().out)
    assert document["network"]["input_width_pixels"] == 96
    assert document["network"]["input_height_pixels"] == 64
    assert document["layers"][0]["filters"] == 4 * document["layers"][0]["stored_channels"]
    assert document["config"]["widths"]["weight_bits"] == 4
    assert {layer["weight_bits"] for layer in document["layers"]} == {4}


def test_one_number_is_the_size_of_a_square(capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    for size in ("96", "96x96"):
        assert main(["estimate", MINI, "--size", size, "--json", "-"]) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1]
    assert json.loads(found[0])["network"]["input_height_pixels"] == 96


@pytest.mark.parametrize("command", ["compile", "rtl", "report"])
def test_every_folder_of_files_has_one_spelling(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    assert "-o, --out DIR" in capsys.readouterr().out


def test_a_shown_config_can_be_changed_and_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["configs", "show", "edge"]) == 0
    text = capsys.readouterr().out
    assert text == preset_text("edge")
    path = tmp_path / "my_chip.toml"
    path.write_text(text.replace("400_000_000", "200_000_000"))
    main(["estimate", MINI, "--config", str(path), "--json", "-"])
    slow = json.loads(capsys.readouterr().out)["totals"]
    main(["estimate", MINI, "--json", "-"])
    usual = json.loads(capsys.readouterr().out)["totals"]
    assert slow["cycles"] == usual["cycles"]
    assert slow["frames_per_second"] == usual["frames_per_second"] / 2


def test_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    """Two processes with two hash seeds write equal bytes into two folders."""
    found = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        files = ["--json", "a.json", "--csv", "a.csv", "--trace", "a.trace", "--html", "page"]
        result = subprocess.run(
            [sys.executable, "-m", "hwsim", "estimate", MINI, *files],
            cwd=folder,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        contents = [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]
        assert len(contents) == 4
        found.append([result.stdout, *contents])
        assert not any(str(tmp_path).encode() in content for content in found[-1])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["estimate", "tiny-yolo2"], "no network 'tiny-yolo2': did you mean 'tiny-yolov2'?"),
        (["estimate", MINI, "--config", "egde"], "no preset 'egde': did you mean 'edge'?"),
        (["configs", "show", "nanno"], "no preset 'nanno': did you mean 'nano'?"),
        (["estimat", MINI], "No such command 'estimat'. Did you mean 'estimate'?"),
        (["estimate", MINI, "--jsn", "-"], "No such option '--jsn'."),
        (["estimate", MINI, "--k", "3"], "k = 3: must be one of 1, 2, 4, 8"),
        (["estimate", MINI, "--k", "two"], "'two' is not a valid integer"),
        (
            ["estimate", MINI, "--size", "31x64"],
            "size 31x64: each side must have 32 to 4096 pixels",
        ),
        (["estimate", MINI, "--size", "64x0"], "size 64x0: each side"),
        (["estimate", MINI, "--size", "4097"], "size 4097x4097: "),
        (
            ["estimate", MINI, "--size", "64x"],
            "size '64x' is no size in pixels such as 416 or 320x256",
        ),
        (["estimate", MINI, "--weight-bits", "5"], "'5' is not one of '8', '4'"),
        (["estimate"], "Missing argument 'NETWORK'"),
        (["estimate", MINI, "-q", "-v"], "--quiet and --verbose exclude each other"),
        (["estimate", MINI, "--config", "none.toml"], "cannot read config 'none.toml'"),
        (["estimate", MINI, "--csv", "-"], "--csv -: only --json can go to standard output"),
    ],
)
def test_bad_arguments_are_told_in_one_line(
    arguments: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expected in errors_of(capsys, *arguments)
    assert everything_in(tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("burst_beats", "burst_bats", "unknown key 'bus.burst_bats'"),
        ("input_lanes = 16", "input_lanes = 0", "array.input_lanes = 0"),
        ("feature_bytes = 196608", "feature_bytes = -1024", "buffers.feature_bytes = -1024"),
        ("rescale_lanes = 8", "rescale_lanes = 3", "array.rescale_lanes = 3 must divide"),
        ("feature_bytes = 196608", "feature_bytes = 1024", "layer conv"),
        ("clock_hz = 400_000_000", "clock_hz = 4e8", "clock.clock_hz"),
        ("[array]", "[array", "not valid TOML"),
        ("channel_pool = true", "channel_pool = false", "needs channel_pool = true"),
    ],
)
def test_bad_configs_are_told_in_one_line(
    old: str, new: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "chip.toml"
    text = preset_text("edge")
    assert old in text
    path.write_text(text.replace(old, new))
    output = tmp_path / "out.json"
    message = errors_of(
        capsys, "estimate", "condensation-net", "--config", str(path), "--json", str(output)
    )
    assert expected in message
    assert everything_in(tmp_path) == ["chip.toml"]


def test_outputs_that_cannot_be_written_are_refused_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_arguments: object, **_named: object) -> None:
        raise AssertionError("the long work started")

    monkeypatch.setattr("hwsim.flows.estimate.estimate", never)
    (tmp_path / "file").write_text("kept")
    for option, name in [
        ("--json", "nowhere/a.json"),
        ("--csv", "file/a.csv"),
        ("--trace", "."),
        ("--html", "file"),
        ("--html", "file/page"),
    ]:
        path = str(tmp_path / name)
        fine = str(tmp_path / "fine.json")
        message = errors_of(capsys, "estimate", MINI, "--json", fine, option, path)
        assert f"'{path}'" in message
        assert everything_in(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "kept"


def test_what_nobody_has_foreseen_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unforeseen exception is one line with its own status; -v puts the traceback before it."""

    def faulty(*_arguments: object, **_named: object) -> None:
        raise KeyError("weights")

    monkeypatch.setattr("hwsim.flows.estimate.estimate", faulty)
    assert main(["estimate", MINI]) == 70
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("hwsim: error: a fault of hwsim, not of its input, in ")
    assert captured.err.endswith(": KeyError: 'weights' (-v shows all of it)\n")
    assert captured.err.count("\n") == 1
    assert main(["estimate", MINI, "-v"]) == 70
    assert capsys.readouterr().err.startswith("Traceback")


def test_memory_that_does_not_suffice_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hungry(*_arguments: object, **_named: object) -> None:
        raise MemoryError

    monkeypatch.setattr("hwsim.flows.estimate.estimate", hungry)
    assert "out of memory" in errors_of(capsys, "estimate", MINI)


def test_a_reader_that_stops_early_is_no_error() -> None:
    command = f"{sys.executable} -m hwsim estimate tiny-yolov2 -v | head -1"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert result.stdout.startswith("tiny-yolov2 416x416")
    assert result.stderr == ""


def test_a_missing_extra_is_told_in_one_line(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path_importer_cache.clear();"
        "import importlib.util as u; find = u.find_spec;"
        "u.find_spec = lambda name, *a: None if name == 'plotly' else find(name, *a);"
        "from hwsim.cli import main;"
        f"sys.exit(main(['estimate', '{MINI}', '--html', 'page']))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "pip install 'hwsim[html]'" in result.stderr
    assert everything_in(tmp_path) == []


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--version"], ["estimate", "--version"]):
        assert main(arguments) == 0
        assert capsys.readouterr().out.startswith("hwsim 0.")
    for arguments in (["--help"], ["estimate", "-h"], ["run", "--help"], ["configs", "--help"]):
        assert main(arguments) == 0
        assert capsys.readouterr().out.startswith("Usage: hwsim")
    assert main([]) == 2


def test_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["networks"]) == 0
    assert "6,932,969,472 MACs" in capsys.readouterr().out
    assert main(["configs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["nano", "edge", "mid"]


def test_residency_says_where_each_map_lives(capsys: pytest.CaptureFixture[str]) -> None:
    """The maps save just the difference, and the comparison with baselines stays as it is."""
    found = {}
    for option in ("--residency", "--no-residency"):
        assert main(["estimate", MINI, option, "--json", "-"]) == 0
        found[option] = json.loads(capsys.readouterr().out)
    staying, written = found["--residency"], found["--no-residency"]
    assert {each["place"] for each in written["maps"]} == {"memory"}
    assert sum(each["saved_bytes"] for each in written["maps"]) == 0
    *kept, output = staying["maps"]
    assert {each["place"] for each in kept} == {"feature buffer"}
    assert (output["place"], output["first_word"]) == ("memory", None)
    saved = sum(each["saved_bytes"] for each in kept)
    assert saved == written["totals"]["features_bytes"] - staying["totals"]["features_bytes"] > 0
    assert staying["comparison"] == written["comparison"]
    assert staying["config"]["name"] == "edge"
    assert written["config"]["name"].startswith("edge with residency=")
    assert main(["estimate", MINI]) == 0
    assert "Maps: where each lives" in capsys.readouterr().out
