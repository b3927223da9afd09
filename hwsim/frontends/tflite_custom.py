"""Reads the options of custom operators, a flexbuffer of numbers by their names.

The package `flatbuffers` has the accessors, which trust the buffer. Only the wanted names are
looked up, and only single numbers are read, so that no nesting of the buffer is followed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hwsim.errors import InputError
from hwsim.frontends.tflite_metadata import UNSOUND

LARGEST_OPTIONS_BYTES = 1 << 12
Number = bool | int | float


def numbers(content: bytes, names: Sequence[str]) -> dict[str, Number | None]:
    """Return the numbers of some names; None where the buffer has no such name.

    Raises `InputError` for what is no sound buffer, and for a value that is no number.
    """
    try:
        return _numbers(content, names)
    except InputError:
        raise
    except (*UNSOUND, KeyError, AssertionError):
        raise InputError("its options are no sound map of a flexbuffer") from None


def _numbers(content: bytes, names: Sequence[str]) -> dict[str, Number | None]:
    from flatbuffers import flexbuffers  # whoever reads no such file does not pay for it

    options = flexbuffers.GetRoot(content).AsMap
    there = {name: _find(options, name) for name in names}
    return {
        name: None if each is None or each.IsNull else _number(name, each)
        for name, each in there.items()
    }


def _find(options: Any, name: str) -> Any:
    """Return the value of a name; the keys are sorted, as the accessor takes them."""
    keys = options.Keys
    if len(keys) != len(options):
        raise ValueError(name)
    try:
        return options[name]
    except KeyError:
        return None


def _number(name: str, value: Any) -> Number:
    if value.IsBool:
        return bool(value.AsBool)
    if value.IsInt:
        return int(value.AsInt)
    if value.IsFloat:
        return float(value.AsFloat)
    raise InputError(f"option {name} must be a number")


def integer(options: Mapping[str, Number | None], name: str, default: int | None = None) -> int:
    """Return an option that must be an integer."""
    value = _given(options, name, default)
    if type(value) is not int:
        raise InputError(f"option {name} = {value}: must be an integer")
    return value


def real(options: Mapping[str, Number | None], name: str) -> float:
    """Return an option that must be a number."""
    value = _given(options, name, None)
    if isinstance(value, bool):
        raise InputError(f"option {name} = {value}: must be a number")
    return float(value)


def truth(options: Mapping[str, Number | None], name: str, default: bool) -> bool:
    """Return an option that must be true or false, which 1 and 0 stand for, too."""
    value = _given(options, name, default)
    if value not in (0, 1) or isinstance(value, float):
        raise InputError(f"option {name} = {value}: must be true or false")
    return bool(value)


def _given(options: Mapping[str, Number | None], name: str, default: Number | None) -> Number:
    value = options[name]
    value = default if value is None else value
    if value is None:
        raise InputError(f"it has no option {name}")
    return value
