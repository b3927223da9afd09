"""The end of reading a file: its network, or one refusal that names the file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from hwsim.errors import InputError, UnsupportedError
from hwsim.escape import quoted, visible
from hwsim.files import file_refusal
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.rules import LONGEST_NAME

MOST_SHOWN = 20  # faults that are listed


class Reading(Protocol):
    """The part of a file that one front end has taken so far."""

    faults: list[str]
    """The things that keep the file from being taken, each with its place."""

    def read(self) -> None:
        """Take the operators of the file one after the other, and note the faults."""

    def network(self, name: str) -> OperatorGraph:
        """Return the whole network, for a file without faults."""


def network_from(reading: Reading, path: str | Path) -> OperatorGraph:
    """Return the network of a file.

    Raises `InputError` if the file is not sound, and `UnsupportedError` with all its faults.
    """
    whose = f"network {quoted(path)}"
    try:
        reading.read()
    except InputError as error:
        raise InputError(f"{whose}: {error}") from None
    if reading.faults:
        raise UnsupportedError(whose, listed(reading.faults))
    name = visible(Path(path).stem)[:LONGEST_NAME]
    try:
        return reading.network(name)
    except InputError as error:
        raise file_refusal(path, name, error) from None


def listed(faults: Sequence[str]) -> list[str]:
    """Return the faults that are shown, and the number of those left out."""
    more = len(faults) - MOST_SHOWN
    return list(faults) if more <= 0 else [*faults[:MOST_SHOWN], f"and {more:,} more"]
