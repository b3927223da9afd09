"""Limits on the totals of a search, such as `gates_nand2=400k`."""

import re
from collections.abc import Iterable

from hwsim.errors import InputError
from hwsim.escape import quoted
from hwsim.exploration.objectives import check_totals

FORM = "TOTAL=NUMBER, such as gates_nand2=400k"
NUMBER = re.compile(r"([0-9][0-9_]{0,30}(?:\.[0-9]{1,30})?(?:e[+-]?[0-9]{1,3})?)([kKMG]?)")
THOUSANDS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}  # as totals are counted
BINARY = {"": 1, "k": 2**10, "K": 2**10, "M": 2**20, "G": 2**30}  # as sizes in bytes are


def read_limits(texts: Iterable[str]) -> dict[str, float]:
    """Return the largest value of each total that texts TOTAL=NUMBER name.

    Behind the number, k, M and G stand for 1,000 and its powers, for a total in bytes for 1,024 and
    its powers, as in sizes of buffers. Raises `InputError` for what is no such text.
    """
    found: dict[str, float] = {}
    for text in texts:
        for part in text.split(","):
            name, equals, number = (each.strip() for each in part.partition("="))
            match = NUMBER.fullmatch(number)
            if not equals or match is None:
                raise InputError(f"limit {quoted(part)} is not {FORM}")
            check_totals((name,))
            if name in found:
                raise InputError(f"limit {quoted(part)}: '{name}' is limited twice")
            suffixes = BINARY if name.endswith("_bytes") else THOUSANDS
            if match[2] not in suffixes:
                raise InputError(f"limit {quoted(part)}: K counts bytes; a thousand is k")
            found[name] = float(match[1].replace("_", "")) * suffixes[match[2]]
    return found
