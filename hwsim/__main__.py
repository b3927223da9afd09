"""The entry point of the command `hwsim` and of `python -m hwsim`."""

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
INTERRUPTED = 130


def main() -> int:
    """Run the command line; return the exit status.

    The command itself turns an interrupt into an exception, so that nothing half-written is left
    behind; once that is done, the process ends at once. It also does so before the command begins,
    while modules are imported: there is nothing to clean up yet, and an exception could be lost
    inside a library. After the command's last word a signal ends the process without a further one.
    """
    for number in INTERRUPTS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # ignored by a shell's background job
            signal.signal(number, _end)
    from hwsim.cli import main as run_command

    status = run_command()
    for number in INTERRUPTS:
        if signal.getsignal(number) is _end:
            signal.signal(number, signal.SIG_DFL)
    if status == INTERRUPTED:
        # A normal exit would print Amaranth's warnings about components that were never used, and
        # could end by a signal that had been caught inside an `exec`.
        os._exit(status)
    return status


def _end(_signal: int, _frame: FrameType | None) -> None:
    with suppress(OSError):
        os.write(2, b"hwsim: interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
