"""One seed for everything that is drawn, and the command that runs one failing case again.

Inside the simulator, a bench notes which variables narrow a run to the failed case. Outside, pytest
reads the notes and prints the command.
"""

import hashlib
import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

SEED = "HWSIM_SEED"  # environment: the base of all seeds of testbenches
NOTES = "HWSIM_REPLAY_NOTES"  # environment: the file that a failing testbench writes its notes to
FILTER = "COCOTB_TEST_FILTER"  # cocotb's: a regular expression that a test's full name must match
OUTPUTS = {NOTES, "HWSIM_COVERAGE", "HWSIM_TRACE"}  # these name files and do not change a run
ROOT = Path(__file__).resolve().parents[1]


def base_seed() -> int:
    return int(os.environ.get(SEED, "0"))


def seed_of(*labels: object) -> int:
    """Return a seed of 64 bits that depends on the base seed and on labels of its purpose."""
    text = "\0".join(map(str, (base_seed(), *labels)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


# --- in the simulator ---------------------------------------------------------------------------


@contextmanager
def narrowed(variable: str, alone: str, since_reset: str) -> Iterator[None]:
    """Run one of a test's many cases, and note how to repeat it if it raises.

    With `variable` set to `alone` the test runs this case only; set to `since_reset` it also runs
    those before it that may have left something behind. One test of a module narrows a variable.
    """
    try:
        yield
    except BaseException:
        if NOTES in os.environ:
            note = {"variable": variable, "alone": alone, "since_reset": since_reset}
            with Path(os.environ[NOTES]).open("a", encoding="utf-8") as file:
                print(json.dumps(note), file=file)
        raise


# --- in pytest ----------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """The outcome of a simulation, from cocotb's results file."""

    tests: int
    failed: tuple[str, ...]  # full names of tests


def note_to(results: Path) -> dict[str, str]:
    """Return the environment that makes a simulator write notes into its folder of results."""
    path = results / "replay.jsonl"
    path.unlink(missing_ok=True)
    return {NOTES: str(path)}


def outcome(results: Path) -> Outcome | None:
    """Return the outcome in a folder of results; None if the simulator left no results."""
    path = results / "results.xml"
    if not path.exists():
        return None
    cases = [
        case for case in ElementTree.parse(path).iter("testcase") if case.find("skipped") is None
    ]
    failed = [
        f"{case.get('classname')}.{case.get('name')}"
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    return Outcome(len(cases), tuple(failed))


def pytest_test() -> str:
    """Return the id of the pytest test that is running."""
    return os.environ.get("PYTEST_CURRENT_TEST", "tests (call)").rpartition(" ")[0]


def command(**variables: str) -> str:
    """Return the command line that runs the current pytest test again."""
    knobs = {
        name: value
        for name, value in sorted(os.environ.items())
        if name.startswith("HWSIM_") and name not in OUTPUTS
    }
    environment = {SEED: str(base_seed())} | knobs | variables | {"WAVES": "1"}
    pytest = Path(sys.executable).with_name("pytest")
    words = [
        *(f"{name}={shlex.quote(value)}" for name, value in environment.items()),
        str(pytest.relative_to(ROOT)) if pytest.is_relative_to(ROOT) else "pytest",
        shlex.quote(pytest_test()),
    ]
    return " ".join(words)


def failure(results: Path, found: Outcome) -> str:
    """Return the message about failed cocotb tests: each name, and the command to replay it."""
    path = results / "replay.jsonl"
    notes = (
        [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    )
    alone = {note["variable"]: note["alone"] for note in notes}
    since_reset = {note["variable"]: note["since_reset"] for note in notes}
    lines = [f"{len(found.failed)} of {found.tests} cocotb tests failed: {', '.join(found.failed)}"]
    for name in found.failed:
        only = {FILTER: f"^{re.escape(name)}$"}
        if since_reset != alone:
            lines.append(f"replay with all since reset: {command(**since_reset, **only)}")
        lines.append(f"replay: {command(**alone, **only)}")
    return "\n".join(lines)
