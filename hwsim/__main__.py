"""The command `hwsim` from its first moment on, and `python -m hwsim`."""

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
        if signal.getsignal(number) is not signal.SIG_IGN:  # as for a job in the background
            signal.signal(number, _end)
    from hwsim.cli import main as run_command

    status = run_command()
    for number in INTERRUPTS:
        if signal.getsignal(number) is _end:
            signal.signal(number, signal.SIG_DFL)
    if status == INTERRUPTED:
        # Otherwise Amaranth would remark on parts that nothing came to use, and Python itself would
        # end by the signal where that had met an `exec`.
        os._exit(status)
    return status


def _end(_signal: int, _frame: FrameType | None) -> None:
    with suppress(OSError):
        os.write(2, b"hwsim: interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
