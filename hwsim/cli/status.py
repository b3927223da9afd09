"""Exit statuses, and the one error besides `InputError` that a command ends with on purpose."""

OK, DIFFERENT, BAD_INPUT, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141


class ComparisonError(Exception):
    """Two witnesses disagree: told in one line that names the first element that differs."""
