"""Requirements on the totals of a document, such as `cycles<=95000`."""

import difflib
import math
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, is_dataclass
from types import UnionType
from typing import Any, get_args, get_type_hints

from hwsim.errors import InputError
from hwsim.escape import quoted

Number = int | float

COMPARISONS: dict[str, Callable[[Number, Number], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
FORM = f"TOTAL<=NUMBER, or with another of {', '.join(COMPARISONS)}"
REQUIREMENT = re.compile(
    rf"\s*([a-z_.0-9]{{1,80}})\s*({'|'.join(COMPARISONS)})\s*"
    r"([-+]?[0-9]{1,30}(?:_[0-9]{1,30})*(?:\.[0-9]{1,30})?(?:[eE][-+]?[0-9]{1,3})?)\s*"
)


@dataclass(frozen=True)
class Verdict:
    """A requirement and the figure that meets it, or does not."""

    text: str
    holds: bool


@dataclass(frozen=True)
class Requirement:
    """A bound for a total, which is named as in JSON; a dot leads into an object."""

    name: str
    comparison: str
    bound: Number

    def judge(self, totals: object) -> Verdict:
        """Return what `totals` says of it. What a total does not know meets no requirement."""
        value: Any = totals
        for part in self.name.split("."):
            value = getattr(value, part, None)
        holds = value is not None and COMPARISONS[self.comparison](value, self.bound)
        verb = "holds" if holds else "fails"
        found = "not known" if value is None else _figure(value)
        return Verdict(
            f"requirement {self.name} {self.comparison} {_figure(self.bound)} {verb}: "
            f"{self.name} is {found}",
            holds,
        )


def read_requirements(texts: Sequence[str], totals: type) -> tuple[Requirement, ...]:
    """Return the requirements that texts make on a document's totals, a dataclass.

    Raises `InputError` for a name that none of these has, with those that there are.
    """
    names = tuple(number_names(totals))
    return tuple(_read(text, names) for text in texts)


def _read(text: str, names: Sequence[str]) -> Requirement:
    match = REQUIREMENT.fullmatch(text)
    if match is None:
        raise InputError(f"requirement {quoted(text)} is not {FORM} (in quotes for the shell)")
    name, comparison, number = match.groups()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise InputError(
            f"requirement {quoted(text)}: no total '{name}': {hint}totals are {', '.join(names)}"
        )
    is_whole = not set(number) & set(".eE")
    bound = int(number) if is_whole else float(number)
    if not math.isfinite(bound):
        raise InputError(f"requirement {quoted(text)}: {number} is no finite number")
    return Requirement(name, comparison, bound)


def number_names(kind: type, prefix: str = "") -> Iterator[str]:
    """Yield the names of a dataclass's numbers, those of inner ones behind their name and a dot."""
    for name, annotation in get_type_hints(kind).items():
        kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
        for each in kinds:
            if each in (int, float):
                yield f"{prefix}{name}"
            elif is_dataclass(each) and isinstance(each, type):
                yield from number_names(each, f"{prefix}{name}.")


def _figure(value: Number) -> str:
    return f"{value:,}" if isinstance(value, int) else repr(value)
