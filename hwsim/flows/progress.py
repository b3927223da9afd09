"""The callbacks through which a workflow reports progress; its caller decides what is shown."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Advance = Callable[[], None]  # called after every step
Progress = Callable[[str, int], AbstractContextManager[Advance]]  # a description, how many steps


@contextmanager
def silent(_description: str, _steps: int) -> Iterator[Advance]:
    """Show nothing."""
    yield lambda: None
