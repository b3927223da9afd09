"""The callbacks through which a workflow reports progress; its caller decides what is shown."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Advance = Callable[[], None]  # called after every step
Progress = Callable[[str, int], AbstractContextManager[Advance]]  # a description, how many steps


@contextmanager
def silent(_description: str, _steps: int) -> Iterator[Advance]:
    """Show nothing."""
    yield lambda: None


@contextmanager
def single_step(progress: Progress, description: str) -> Iterator[None]:
    """Report work of one step, which is done when the block ends without an exception."""
    with progress(description, 1) as advance:
        yield
        advance()
