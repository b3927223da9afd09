"""The progress of a long command on stderr: a bar on a terminal, elsewhere occasional lines."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import monotonic

from hwsim.cli.options import Verbosity
from hwsim.escape import visible
from hwsim.flows.progress import Advance, Progress, silent

FIRST_LINE_SECONDS = 2.0  # shorter work writes no line
NEXT_LINE_SECONDS = 10.0


def progress(verbosity: Verbosity) -> Progress:
    """Return a function that shows progress on stderr: as bars, as lines, or not at all."""
    if verbosity is Verbosity.QUIET or sys.stderr is None:
        return silent
    return _bar if sys.stderr.isatty() else _lines


@contextmanager
def _bar(description: str, steps: int) -> Iterator[Advance]:
    """Yield a function that advances a bar of `steps` steps by one."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(visible(description), total=steps)
        yield lambda: bar.advance(task)


@contextmanager
def _lines(description: str, steps: int) -> Iterator[Advance]:
    """Yield a function that writes a line first after `FIRST_LINE_SECONDS`, then more rarely."""
    start = monotonic()
    done = 0
    ended = Event()

    def advance() -> None:
        nonlocal done
        done += 1

    def write() -> None:
        pause = FIRST_LINE_SECONDS
        while not ended.wait(pause):
            share = f"{100 * done // steps} %, " if steps > 1 else ""
            line = f"hwsim: {visible(description)}: {share}{monotonic() - start:.0f} s"
            with suppress(OSError, ValueError):  # stderr has no reader or is closed
                print(line, file=sys.stderr, flush=True)
            pause = NEXT_LINE_SECONDS

    thread = Thread(target=write, daemon=True)
    thread.start()
    try:
        yield advance
    finally:
        ended.set()
        thread.join()
