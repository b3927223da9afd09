"""How far a long command is: on a terminal, and only there."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hwsim.cli.options import Verbosity

Advance = Callable[[], None]


@contextmanager
def progress(description: str, steps: int, verbosity: Verbosity) -> Iterator[Advance]:
    """A bar on stderr that each call of what it yields moves by one of `steps`."""
    if verbosity is Verbosity.QUIET or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(description, total=steps)
        yield lambda: bar.advance(task)
