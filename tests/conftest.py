"""The fixtures of all tests: caches, folders for commands, and replays of failed benches."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path
from time import time
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir
from PIL import Image

from hwsim.rtl.deliver.example import example_files
from hwsim.testbenches.driver import FLAGS
from hwsim.testbenches.replay import SEED, base_seed
from hwsim.testbenches.simulator import MissingToolError

ROOT = Path(__file__).resolve().parents[1]
STARTED = time()

set_hypothesis_home_dir(str(ROOT / "build" / "hypothesis"))
settings.register_profile("replayable", print_blob=True)
settings.load_profile("replayable")


@pytest.fixture(scope="session", autouse=True)
def _no_progress_lines() -> Iterator[None]:
    """Suppress progress lines, so that stderr does not depend on the speed of this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hwsim.cli.progress.FIRST_LINE_SECONDS", 1e6)
        yield


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Let commands be interrupted, even if a shell in the background started the tests.

    Such a shell has SIGINT ignored, which every command inherits.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a user's caches, which the first command fills with a graph."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Path]:
    """Yield a folder with a photograph, in which all commands of the module run."""
    folder = tmp_path_factory.mktemp("workplace")
    pixels = np.random.default_rng(1).integers(0, 256, (48, 80, 3), np.uint8)
    Image.fromarray(pixels).resize((160, 96)).save(folder / "photo.jpg")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(cache))
        yield folder


def pytest_report_header() -> str:
    return f"testbenches draw from {SEED}={base_seed()}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Skip a test that needs Verilator if it is missing, but not in CI, which must have it."""
    try:
        return (yield)
    except MissingToolError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Repeat the replay command after the long log of a failed cocotb run."""
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


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Return the host's operators in C, compiled and loaded."""
    folder = tmp_path_factory.mktemp("host_ops")
    for path, text in example_files().items():
        (folder / path).write_text(text)
    built = folder / "host_ops.so"
    subprocess.run(["cc", "-O2", *FLAGS, folder / "host_ops.c", "-o", built], check=True)
    return ctypes.CDLL(str(built))
