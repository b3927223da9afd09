"""The optional parts that a plain installation leaves out."""

from collections.abc import Iterator
from contextlib import contextmanager

from hwsim.errors import InputError


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
