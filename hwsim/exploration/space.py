"""The space of a sweep: keys of a configuration, each with the values that it takes in turn."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from hwsim.errors import InputError, shown
from hwsim.escape import quoted
from hwsim.flows.settings import check_settings, size_bytes, toml_value

Settings = dict[str, Any]  # values by dotted keys of a configuration

EXAMPLE = "array.output_lanes=16,32,64 or buffers.feature_bytes=32K:1M:x2"
RANGE = re.compile(r"([^:]+):([^:]+):([x+])([^:]+)")
RANGE_FORM = "FIRST:LAST:xFACTOR or FIRST:LAST:+STEP"
MOST_VALUES = 1_000  # of a key
MOST_POINTS = 1_000_000

Value = int | float | bool | str


@dataclass(frozen=True)
class Axis:
    """A key of a configuration and the values that it takes in turn."""

    key: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Space:
    """Every combination of the values of some keys. The key that is named last changes fastest."""

    axes: tuple[Axis, ...]

    def __len__(self) -> int:
        return prod(len(axis.values) for axis in self.axes)

    def __iter__(self) -> Iterator[Settings]:
        keys = [axis.key for axis in self.axes]
        for values in product(*(axis.values for axis in self.axes)):
            yield dict(zip(keys, values, strict=True))


def read_space(texts: Sequence[str]) -> Space:
    """Return the space of texts KEY=VALUE,VALUE, where a value may be a range.

    FIRST:LAST:xFACTOR multiplies, FIRST:LAST:+STEP adds, both up to LAST; sizes may end in K or M.
    Raises `InputError` for what is no such text.
    """
    values: dict[str, list[Value]] = {}
    for text in texts:
        key, equals, given = text.partition("=")
        key = key.strip()
        if not equals or not given.strip():
            raise InputError(f"vary {quoted(text)}: is not KEY=VALUES, such as {EXAMPLE}")
        if key in values:
            raise InputError(f"vary {quoted(text)}: {quoted(key)} is varied twice")
        values[key] = [value for part in given.split(",") for value in _values(part.strip(), text)]
    return make_space(values)


def make_space(vary: Mapping[str, Iterable[Value]]) -> Space:
    """Return the space of some values for each of some keys.

    Sizes in bytes may be texts such as "256K". Raises `InputError` for an unknown key, for no
    values, for a value that is there twice, and for more than `MOST_POINTS` combinations.
    """
    if not isinstance(vary, Mapping) or not vary:
        raise InputError(f"vary {shown(vary)}: must map keys to values: {EXAMPLE}")
    check_settings(vary)
    space = Space(tuple(Axis(key, _checked(key, values)) for key, values in vary.items()))
    if len(space) > MOST_POINTS:
        raise InputError(f"vary: {len(space):,} combinations, at most {MOST_POINTS:,}")
    return space


def _checked(key: str, values: Iterable[Value]) -> tuple[Value, ...]:
    """Return the values of a key, with sizes in bytes."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InputError(f"vary {key}: {shown(values)} is no list of values")
    found: list[Value] = []
    for value in values:
        size = size_bytes(value) if key.endswith("_bytes") else value
        if not isinstance(size, Value):
            raise InputError(f"vary {key}: {shown(value)} is no number, no text, no true or false")
        if any(size == other and type(size) is type(other) for other in found):
            raise InputError(f"vary {key}: {shown(value)} is named twice")
        found.append(size)
        if len(found) > MOST_VALUES:
            raise InputError(f"vary {key}: more than {MOST_VALUES:,} values")
    if not found:
        raise InputError(f"vary {key}: no values")
    return tuple(found)


def _values(part: str, text: str) -> Iterator[Value]:
    """Yield the value, or the values of the range, that a part of a text names."""
    if ":" not in part:
        yield toml_value(part)
        return
    match = RANGE.fullmatch(part)
    if match is None:
        raise InputError(f"vary {quoted(text)}: {quoted(part)} is no range: {RANGE_FORM}")
    first, last, step = (_number(each, text) for each in (match[1], match[2], match[4]))
    multiplies = match[3] == "x"
    if (step <= 1 or first <= 0) if multiplies else step <= 0:
        least = "multiplies a positive value by more than 1" if multiplies else "adds more than 0"
        raise InputError(f"vary {quoted(text)}: {quoted(part)}: a range {least}")
    if last < first:
        raise InputError(f"vary {quoted(text)}: {quoted(part)}: it ends below its start")
    for count in range(MOST_VALUES + 1):
        value = first * step**count if multiplies else first + step * count
        if value > last:
            return
        yield value


def _number(text: str, whole: str) -> int | float:
    value = size_bytes(toml_value(text.strip()))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"vary {quoted(whole)}: {quoted(text)} is no number")
    return value
