"""Runs a command that must not outlive the process that wants it: `python guard.py COMMAND...`.

Whoever starts it makes it the leader of a process group, and holds the other end of its standard
input. When that end closes, on purpose or because its holder is gone, it kills the group: the
command, all that the command has started, and itself.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TextIO


def run(
    command: Sequence[str],
    cwd: PathLike[str] | str,
    environment: Mapping[str, str],
    output: TextIO | None = None,
) -> int:
    """Run a command to its end, and return its status; what interrupts this call ends it.

    `output` gets what it prints, errors too; without it they go where this process's go.
    """
    guarded = [sys.executable, "-I", __file__, *command]
    errors = None if output is None else subprocess.STDOUT
    with subprocess.Popen(
        guarded,
        cwd=cwd,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=errors,
        start_new_session=True,
    ) as child:  # whose end, with an exception, closes its standard input and waits for it
        return child.wait()


def _end_with_holder() -> None:
    os.read(sys.stdin.fileno(), 1)  # comes back at its end: nothing is ever written there
    os.killpg(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_end_with_holder, daemon=True).start()
    status = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, check=False).returncode
    sys.exit(status if status >= 0 else 128 - status)
