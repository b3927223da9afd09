"""The optional parts that a plain installation leaves out."""

from collections.abc import Iterator
from contextlib import contextmanager

from hwsim.errors import InputError
from hwsim.interrupts import interrupts_wait


@contextmanager
def needing_extra(extra: str, purpose: str) -> Iterator[None]:
    """Turn a missing module into an error of one line that says what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module == "hwsim":
            raise
        raise InputError(
            f"{purpose} needs {module}, which is not installed: pip install 'hwsim[{extra}]'"
        ) from None


@contextmanager
def importing_extra(extra: str, purpose: str) -> Iterator[None]:
    """Act as `needing_extra` does, for a block that only imports: interrupts wait for its end.

    An exception inside the native code that initialises PyTorch would abort the process, and what
    it has half written would be left.
    """
    with needing_extra(extra, purpose), interrupts_wait():
        yield
