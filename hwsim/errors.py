"""The one exception that means: the user gave something that cannot work."""


class InputError(ValueError):
    """Bad input, told in one line that names the offending value and the rule it breaks.

    The command line prints the message alone and exits with status 2.
    """
