"""The figures by which accelerators are compared: totals by their names in the JSON."""

import difflib
from collections.abc import Sequence

from hwsim.errors import InputError, shown
from hwsim.escape import quoted
from hwsim.exploration.point import total_names


def read_totals(text: str) -> tuple[str, ...]:
    """Return the names of totals in a text, apart by commas. Raises `InputError` for others."""
    names = tuple(name.strip() for name in text.split(","))
    check_totals(names)
    return names


def check_totals(names: Sequence[str]) -> None:
    """Raise `InputError` for a name of no total, for one that is there twice."""
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise InputError(f"totals {shown(names)}: must be a list of names")
    for index, name in enumerate(names):
        if name not in total_names():
            near = difflib.get_close_matches(str(name), total_names(), n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            known = ", ".join(total_names())
            raise InputError(f"total {quoted(name)}: there is none: {hint}totals are {known}")
        if name in names[:index]:
            raise InputError(f"total {quoted(name)}: it is named twice")
