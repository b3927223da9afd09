"""Describe a broken rule of a TOML file, or of a graph's JSON, in one printable line."""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from hwsim.errors import shown

LONGEST = 120  # characters of a value or of a reason


def first_line(error: ValidationError, near: Callable[[str], str] = lambda _key: "") -> str:
    """Return the first violated rule, with its place in the file and the value found there.

    An unknown key is named before a missing one, because it is often that key misspelt; `near`
    returns what is said behind it.
    """
    found = error.errors(include_url=False)
    first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"unknown key {_shown(place)}{near(place)}"
    if first["type"] == "missing":
        return f"missing key '{place}'"
    message = first["msg"].removeprefix("Value error, ")
    return f"{place} = {_shown(first['input'])}: {message}" if place else message


def shortened(text: str) -> str:
    """Return the text; a long one loses its middle."""
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]}...{text[-half:]}"


def _shown(value: Any) -> str:
    """Return a value of a file as a few printable characters."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an array"
    return shown(value) if isinstance(value, int) else shortened(repr(value))
