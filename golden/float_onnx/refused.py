"""The refusal of a float `.onnx`, in the process that reads it."""


class RefusedError(Exception):
    """A file that is not taken; the message is one line."""
