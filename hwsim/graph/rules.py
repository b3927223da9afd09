"""The parts of which the checks of stages and of graphs are made."""

import reprlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from hwsim.errors import InputError

LONGEST_NAME = 255  # characters


def refuse(whose: str, broken_rules: Iterator[str]) -> None:
    """Raise for the first broken rule, so that every rule may rely on those before it."""
    broken = next(broken_rules, None)
    if broken is not None:
        raise InputError(f"{whose} {broken}")


def broken_name(name: Any) -> Iterator[str]:
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        yield f"name {shown(name)} must be text that can be printed, and not be empty"
    if len(name) > LONGEST_NAME:
        yield f"name {shown(name)} of {len(name)} characters: at most {LONGEST_NAME}"


def repeated(what: str, names: Sequence[str]) -> Iterator[str]:
    """Yield the rule that a list of names breaks in which one stands twice."""
    if len(set(names)) < len(names):
        twice = next(name for index, name in enumerate(names) if name in names[:index])
        yield f"two {what} are named '{twice}': names must differ"


def is_integer(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def is_real(value: Any) -> bool:
    """True for a finite number; a comparison with NaN is false."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and abs(value) <= sys.float_info.max


def is_a(kind: type, value: Any) -> bool:
    return isinstance(value, kind)


def is_pair(value: Any, low: int, high: int) -> bool:
    """True for two integers, rows and columns, from `low` to `high`."""
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(is_integer(side, low, high) for side in value)
    )


def is_one_of(value: Any, allowed: tuple[int, ...]) -> bool:
    return type(value) is int and value in allowed


def one_of(allowed: tuple[int, ...]) -> str:
    return f"one of {', '.join(map(str, allowed))}"


def shown(value: Any) -> str:
    """A value as Python writes it, in one line and of bounded length."""
    return " ".join(reprlib.repr(value).split())
