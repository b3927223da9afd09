"""Tests that a command compiles a network once, and plans baselines only where they are printed."""

from collections import Counter
from pathlib import Path

import pytest

import hwsim.compiler.compile
import hwsim.cost.estimate
from hwsim.cli import main
from hwsim.compiler.emit import emit_stage
from hwsim.compiler.task import Task
from hwsim.compiler.tokens import Tokens
from hwsim.cost.comparison import Comparison, compare
from hwsim.isa.descriptor import Descriptor
from hwsim.program.program import Plan

MINI = "condensation-net-mini"

pytestmark = pytest.mark.usefixtures("workplace")


@pytest.mark.parametrize(
    "command",
    [
        ["estimate", MINI],
        ["estimate", MINI, "-q"],
        ["run", MINI, "--image", "photo.jpg", "-q"],
        ["compile", MINI, "--image", "photo.jpg", "--base", "4096", "--out", "once", "-q"],
    ],
    ids=lambda command: " ".join(command[:1] + command[-1:]),
)
def test_a_command_compiles_once(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A command writes every layer's descriptors once: baselines and refusals need only plans."""
    written: Counter[str] = Counter()

    def counted(task: Task, tokens: Tokens) -> list[Descriptor]:
        written[task.stage.name] += 1
        return emit_stage(task, tokens)

    monkeypatch.setattr(hwsim.compiler.compile, "emit_stage", counted)
    assert main(command) == 0
    assert written == {f"conv{number}": 1 for number in range(1, 10)}


@pytest.mark.parametrize(
    ("options", "is_wanted"),
    [
        (["-q"], False),
        (["-q", "--trace", "a.trace"], False),
        ([], True),
        (["--json", "-"], True),
        (["-q", "--json", "a.json"], True),
        (["-q", "--html", "page"], True),
    ],
)
def test_baselines_are_planned_where_they_are_printed(
    options: list[str], is_wanted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counted(plan: Plan) -> Comparison | None:
        asked.append(plan.graph.name)
        return compare(plan)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hwsim.cost.estimate, "compare", counted)
    assert main(["estimate", MINI, *options]) == 0
    assert asked == ([MINI] if is_wanted else [])
