"""The parts of which the checks of stages and of graphs are made."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from types import NoneType
from typing import Any

from hwsim.errors import InputError, shown

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
    counts = Counter(names)
    if len(counts) < len(names):
        twice, _ = counts.most_common(1)[0]
        yield f"two {what} are named '{twice}': names must differ"


def broken_types(prefix: str, record: object, **types: tuple[type, ...]) -> Iterator[str]:
    """Yield the fields of a record that are of none of their types."""
    for name, allowed in types.items():
        value = getattr(record, name)
        if type(value) not in allowed:
            names = " or ".join("None" if one is NoneType else one.__name__ for one in allowed)
            yield f"{prefix}{name} = {shown(value)} must be of type {names}"


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
