"""Runs Yosys passes in a process of their own, where neither its output nor its end does harm."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from hwsim.extras import needing_extra

PURPOSE = "synthesis"
LOG = "yosys.log"
REASON = re.compile(r"^(?:\S+:\d+: )?(?:ERROR|ABC: Error|ABC(?=: .*cannot be)): (.*)", re.MULTILINE)
CHILD = """\
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # or control-C waits for the end of a pass
from pyosys import libyosys
design = libyosys.Design()
for command in sys.stdin.read().splitlines():
    libyosys.run_pass(f"tee -q -a {sys.argv[1]} {command}", design)
"""


class SynthesisError(RuntimeError):
    """A synthesis tool refused; the text is its reason."""


def yosys_version() -> str:
    """Return the version of the Yosys that will run. Raises `InputError` where there is none."""
    with needing_extra("synth", PURPOSE):
        import_module("pyosys")
    return f"Yosys {version('pyosys')}"


def run_passes(passes: Sequence[str], folder: Path) -> None:
    """Run the passes one after the other inside `folder`; what they print goes to `LOG` there.

    Files are best named without a path: ABC takes none with a space in it. Raises `SynthesisError`
    with Yosys' reason where a pass fails.
    """
    # A child, since Yosys ends the process that it is in when it finds an error.
    result = subprocess.run(
        [sys.executable, "-c", CHILD, LOG],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},  # what ABC leaves goes with the folder
        input="\n".join(passes),
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    if result.returncode:
        log = folder / LOG
        printed = (log.read_text("utf-8", "replace") if log.exists() else "") + result.stderr
        reasons = REASON.findall(printed)
        raise SynthesisError(reasons[0] if reasons else f"Yosys ended with {result.returncode}")
