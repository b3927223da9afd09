"""How far a long command is: on a terminal, and only there."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hwsim.cli.options import Verbosity
from hwsim.escape import visible
from hwsim.flows.progress import Advance, Progress, silent


def progress(verbosity: Verbosity) -> Progress:
    """Return how this command shows progress: bars on a terminal's stderr, or nothing."""
    return silent if verbosity is Verbosity.QUIET or not sys.stderr.isatty() else _bar


@contextmanager
def _bar(description: str, steps: int) -> Iterator[Advance]:
    """A bar on stderr that each call of what it yields moves by one of `steps`."""
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
