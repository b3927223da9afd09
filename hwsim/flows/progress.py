"""The callbacks through which a workflow reports progress; its caller decides what is shown."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from hwsim.errors import InputError, shown

Advance = Callable[[], None]  # called after every step
Progress = Callable[[str, int], AbstractContextManager[Advance]]  # a description, how many steps


@contextmanager
def silent(_description: str, _steps: int) -> Iterator[Advance]:
    """Show nothing."""
    yield lambda: None


def check_progress(progress: object) -> None:
    """Raise `InputError` for a value that cannot be called."""
    if not callable(progress):
        raise InputError(
            f"progress = {shown(progress)}: must be a function of a description and a number of "
            "steps, which returns a context manager"
        )


@contextmanager
def single_step(progress: Progress, description: str) -> Iterator[None]:
    """Report work of one step, which is done when the block ends without an exception."""
    with progress(description, 1) as advance:
        yield
        advance()
