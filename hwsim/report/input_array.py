"""The values that entered a network: a photograph, or arrays of the user."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class InputArray:
    """An array that the user gave as an input."""

    name: str
    """Name of the input in the network."""
    sha256: str
    """Hash of the array's int8 values, in the order channel, row, column."""


def inputs_text(image: str | None, arrays: Sequence[InputArray]) -> str:
    """Return what a network was run on, for a sentence."""
    names = ", ".join(array.name for array in arrays)
    return image if image is not None else f"{'arrays' if len(arrays) > 1 else 'an array'}: {names}"
