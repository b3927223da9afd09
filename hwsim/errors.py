"""The two exceptions that a command ends with on purpose, and the values in their messages."""

import reprlib


class InputError(ValueError):
    """Bad input. The message is one line that names the offending value and the rule it breaks.

    The command line prints the message alone and exits with status 2.
    """


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
