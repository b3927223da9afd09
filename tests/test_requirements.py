"""`--require` judges totals of `hwsim estimate` and `hwsim verify`, for scripts and CI."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

import hwsim
from hwsim.cli import main
from hwsim.errors import InputError
from hwsim.flows.requirements import number_names, read_requirements
from hwsim.program.traffic import ByteCounts
from hwsim.report.totals import TotalFigures
from hwsim.report.verification import (
    CHAINED,
    VerifiedProgram,
    VerifiedTotals,
    verified_totals,
)

MINI = ["tiny-yolov2-mini", "--config", "nano"]

pytestmark = pytest.mark.usefixtures("workplace")


@pytest.fixture(scope="module")
def totals() -> TotalFigures:
    return hwsim.estimate("tiny-yolov2-mini", "nano").totals


def requiring(*texts: str) -> list[str]:
    return [word for text in texts for word in ("--require", text)]


def test_a_requirement_that_holds_is_told_with_its_figure(
    totals: TotalFigures, capsys: pytest.CaptureFixture[str]
) -> None:
    required = requiring("cycles<=999_999", "energy.total_mj >0", "frames_per_second>=1e1")
    assert main(["estimate", *MINI, *required]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert totals.energy is not None
    assert captured.out.endswith(
        f"requirement cycles <= 999,999 holds: cycles is {totals.cycles:,}\n"
        f"requirement energy.total_mj > 0 holds: energy.total_mj is {totals.energy.total_mj!r}\n"
        "requirement frames_per_second >= 10.0 holds: "
        f"frames_per_second is {totals.frames_per_second!r}\n"
    )
    assert main(["estimate", *MINI, *required, "-q"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("quiet", [[], ["-q"]])
def test_a_requirement_that_fails_ends_with_1_and_leaves_the_files(
    quiet: list[str], totals: TotalFigures, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "a.json"
    required = requiring("cycles>1", f"cycles<{totals.cycles}", "macs==1")
    assert main(["estimate", *MINI, *required, "--json", str(file), *quiet]) == 1
    captured = capsys.readouterr()
    assert captured.err == (
        f"hwsim: error: requirement cycles < {totals.cycles:,} fails: "
        f"cycles is {totals.cycles:,}; and 1 more\n"
    )
    assert (captured.out == "") == bool(quiet)
    assert json.loads(file.read_text("utf-8"))["totals"]["cycles"] == totals.cycles


def test_json_on_standard_output_stays_alone(
    totals: TotalFigures, capsys: pytest.CaptureFixture[str]
) -> None:
    required = requiring("cycles<=1", "macs>=1")
    assert main(["estimate", *MINI, *required, "--json", "-"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["totals"]["cycles"] == totals.cycles
    first, second, error = captured.err.splitlines()
    assert first == f"requirement cycles <= 1 fails: cycles is {totals.cycles:,}"
    assert second == f"requirement macs >= 1 holds: macs is {totals.macs:,}"
    assert error == f"hwsim: error: {first}"


@pytest.mark.parametrize("command", ["estimate", "verify"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cycls<=1", "no total 'cycls': did you mean 'cycles'? totals are "),
        ("zzzzzz<=1", "no total 'zzzzzz': totals are "),
        ("energy<=1", "no total 'energy': "),
        ("peak_feature_layer==1", "no total 'peak_feature_layer': "),
        ("gates_are_calibrated==1", "no total 'gates_are_calibrated': "),
        ("__class__==1", "no total '__class__': "),
        ("cycles", "requirement 'cycles' is not TOTAL<=NUMBER, or with another of <=, >=, ==, <"),
        ("cycles=1", "is not TOTAL<=NUMBER"),
        ("cycles!=1", "is not TOTAL<=NUMBER"),
        ("cycles<=", "is not TOTAL<=NUMBER"),
        ("cycles<=1,000", "is not TOTAL<=NUMBER"),
        ("cycles<=nan", "is not TOTAL<=NUMBER"),
        ("cycles<=1__0", "is not TOTAL<=NUMBER"),
        ("cycles<=1e999", "1e999 is no finite number"),
        ("cycles<=" + "9" * 9999, "is not TOTAL<=NUMBER"),
        ("cycles\n<=\n1; macs<=1", "is not TOTAL<=NUMBER"),
    ],
)
def test_a_wrong_requirement_is_refused_before_the_work(
    command: str, text: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "no-such-network", *requiring("cycles>1", text)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert expected in captured.err
    if "totals are" in expected:
        assert "cycles, frame_seconds, frames_per_second, busy_cycles" in captured.err


def test_what_is_not_known_meets_nothing() -> None:
    config = hwsim.configuration("nano").model_copy(update={"energy": None})
    totals = hwsim.estimate("tiny-yolov2-mini", config).totals
    for text in ("energy.total_mj>=0", "energy.total_mj<1e300"):
        (requirement,) = read_requirements([text], TotalFigures)
        verdict = requirement.judge(totals)
        assert not verdict.holds
        assert verdict.text.endswith("fails: energy.total_mj is not known")


def test_every_number_of_the_totals_can_be_required(totals: TotalFigures) -> None:
    names = set(number_names(TotalFigures))

    def numbers(part: dict[str, Any], prefix: str = "") -> set[str]:
        found = {
            prefix + name
            for name, value in part.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        inner = ((name, value) for name, value in part.items() if isinstance(value, dict))
        return found.union(*(numbers(value, f"{prefix}{name}.") for name, value in inner))

    assert names == numbers(asdict(totals))
    shared = set(number_names(VerifiedTotals)) - {"timeline_cycles", "error_ratio"}
    assert shared < names


@pytest.mark.parametrize(
    ("comparison", "holds"),
    [
        ("<=", (False, True, True)),
        ("<", (False, False, True)),
        (">=", (True, True, False)),
        (">", (True, False, False)),
        ("==", (False, True, False)),
    ],
)
def test_comparisons_of_7_with_6_7_and_8(comparison: str, holds: tuple[bool, ...]) -> None:
    found = verified_totals([program(cycles=7)], clock_hz=1)
    for bound, expected in zip((6, 7, 8), holds, strict=True):
        (requirement,) = read_requirements([f"cycles{comparison}{bound}"], VerifiedTotals)
        assert requirement.judge(found).holds == expected


def program(name: str = "program", variant: str = "A", cycles: int = 100) -> VerifiedProgram:
    paid = ByteCounts(1, 2, 3, 4)
    return VerifiedProgram(
        name=name,
        variant=variant,
        description="",
        layers=(),
        monitor_bytes=paid,
        counter_bytes=paid,
        machine_bytes=paid,
        timeline_bytes=paid,
        verilog_array_cycles=5,
        timeline_array_cycles=5,
        verilog_cycles=cycles,
        timeline_cycles=cycles + 1,
        error_ratio=0.0,
        problems=(),
    )


def test_a_frame_takes_every_program_once() -> None:
    programs = [program("one"), program("one" + CHAINED), program("two"), program(variant="B")]
    found = verified_totals(programs, clock_hz=1000)
    assert (found.cycles, found.timeline_cycles, found.busy_cycles) == (200, 202, 10)
    assert (found.frame_seconds, found.frames_per_second) == (0.2, 5.0)
    assert (found.features_bytes, found.total_bytes) == (14, 20)
    assert found.error_ratio == pytest.approx(0.01)
    endless = verified_totals([replace(programs[0], error_ratio=None)], clock_hz=1000)
    assert endless.cycles is endless.frame_seconds is endless.error_ratio is None


def test_the_library_refuses_too() -> None:
    with pytest.raises(InputError, match="no total 'x'"):
        read_requirements(["x<1"], TotalFigures)


@pytest.mark.verilator
def test_the_verilog_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    required = requiring("cycles<=1", "total_bytes>1")
    assert main(["verify", *MINI, *required, "--json", "-"]) == 1
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["failures"] == []
    (ran,) = document["programs"]
    assert document["totals"]["cycles"] == ran["verilog_cycles"]
    assert document["totals"]["total_bytes"] == sum(ran["monitor_bytes"].values())
    failed, held, error = captured.err.splitlines()
    assert failed == f"requirement cycles <= 1 fails: cycles is {ran['verilog_cycles']:,}"
    assert held.startswith("requirement total_bytes > 1 holds: total_bytes is ")
    assert error == f"hwsim: error: {failed}"
