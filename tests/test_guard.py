"""No simulator and no compiler outlives the process that started it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hwsim.testbenches import guard

# A command that starts another one; both keep standard output open for as long as they live.
ENDLESS = """
import subprocess, sys, time
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("started", flush=True)
time.sleep(600)
"""
HOLDER = """
import sys
from hwsim.testbenches import guard
sys.exit(guard.run([sys.executable, "-c", sys.argv[1]], ".", {}))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_command_ends_with_its_holder(number: signal.Signals) -> None:
    """With all that it has started, and at once."""
    holder = [sys.executable, "-c", HOLDER, ENDLESS]
    with subprocess.Popen(holder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        process.send_signal(number)
        try:
            rest, _ = process.communicate(timeout=20)  # all who might write are gone
        finally:
            process.kill()
        assert rest == b""
    assert process.returncode in {-number, 1}


def test_what_a_command_prints_and_how_it_ends(tmp_path: Path) -> None:
    prints = "import os, sys; print(os.environ['A'], flush=True); os.system('pwd >&2'); sys.exit(3)"
    with (tmp_path / "log").open("w") as log:
        status = guard.run([sys.executable, "-c", prints], tmp_path, {"A": "b"}, log)
    assert status == 3
    assert (tmp_path / "log").read_text() == f"b\n{tmp_path}\n"
    kills_itself = f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})"
    assert guard.run([sys.executable, "-c", kills_itself], tmp_path, {}) == 128 + signal.SIGSEGV


def test_a_command_reads_nothing() -> None:
    """Its standard input is not the guard's, which has no end."""
    reads = [sys.executable, "-c", HOLDER, "import sys; sys.exit(len(sys.stdin.read()))"]
    assert subprocess.run(reads, timeout=20, check=False).returncode == 0
