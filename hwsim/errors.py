"""The two exceptions that a command ends with on purpose."""


class InputError(ValueError):
    """Bad input, told in one line that names the offending value and the rule it breaks.

    The command line prints the message alone and exits with status 2.
    """


class ComparisonError(Exception):
    """Two witnesses disagree: told in one line that names the first element that differs.

    The command line prints the message alone and exits with status 1.
    """
