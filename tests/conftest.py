"""Where tests leave what they remember, and how a failure is replayed."""

from collections.abc import Generator
from pathlib import Path
from time import time
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

from testbenches.replay import SEED, base_seed

ROOT = Path(__file__).resolve().parents[1]
STARTED = time()

set_hypothesis_home_dir(str(ROOT / "build" / "hypothesis"))
settings.register_profile("replayable", print_blob=True)
settings.load_profile("replayable")


def pytest_report_header() -> str:
    return f"testbenches draw from {SEED}={base_seed()}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Behind a failed cocotb run's long log, once more how to replay it."""
    report = yield
    if call.excinfo is not None:
        lines = str(call.excinfo.value).splitlines()
        replays = [line for line in lines if line.startswith("replay")]
        if replays:
            report.sections.append(("replay", "\n".join(replays)))
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the waveforms of this session."""
    for path in sorted((ROOT / "build" / "waves").glob("*")):
        if path.stat().st_mtime >= STARTED:
            terminalreporter.write_line(f"waves: {path.relative_to(ROOT)}")
