"""The figures by which the points of a sweep are compared."""

import difflib

from hwsim.errors import InputError
from hwsim.escape import quoted
from hwsim.exploration.point import total_names


def read_totals(text: str) -> tuple[str, ...]:
    """Return the names of totals in a text, apart by commas. Raises `InputError` for others."""
    names = tuple(name.strip() for name in text.split(","))
    for index, name in enumerate(names):
        if name not in total_names():
            near = difflib.get_close_matches(name, total_names(), n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            known = ", ".join(total_names())
            raise InputError(f"minimize {quoted(name)}: no such total: {hint}totals are {known}")
        if name in names[:index]:
            raise InputError(f"minimize {quoted(text)}: '{name}' is named twice")
    return names
