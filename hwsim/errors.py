"""The exceptions that a command ends with on purpose, and the values in their messages."""

import reprlib
from collections.abc import Sequence


class InputError(ValueError):
    """Bad input. The message is one line that names the offending value and the rule it breaks.

    The command line prints the message alone and exits with status 2.
    """

    @property
    def reasons(self) -> tuple[str, ...]:
        """Each thing that is wrong, in a line."""
        return (str(self),)


class UnsupportedError(InputError):
    """A file of which several things cannot be taken, all told at once.

    The first of its `lines` is about the file; below it, each of several things has a line.
    """

    def __init__(self, what: str, found: Sequence[str]) -> None:
        self._found = tuple(found)
        several = (f"{what}: it cannot be taken for these reasons:", *found)
        self.lines = (f"{what}: {found[0]}",) if len(found) == 1 else several
        super().__init__("\n  ".join(self.lines))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Each thing that cannot be taken, in a line."""
        return self._found


class WithoutStageError(UnsupportedError):
    """Operators of a network that the accelerator has no exact stages for.

    `operators` are their names in the network's file.
    """

    def __init__(self, what: str, found: Sequence[str], operators: frozenset[str]) -> None:
        self.operators = operators
        super().__init__(what, found)


class ComparisonError(Exception):
    """Two witnesses disagree. The message is one line that names the first different element.

    The command line prints the message alone and exits with status 1.
    """


def shown(value: object) -> str:
    """Return a value as Python writes it, in one line and of bounded length."""
    try:
        text = reprlib.repr(value)
    except ValueError:  # an integer of more digits than Python writes
        text = f"<{type(value).__name__} of thousands of digits>"
    return " ".join(text.split())
