"""Reads the coverage.dat files that Verilated models write: lines, branches, toggles by module.

A file has one line per point, `C '<key>' <count>`; a key is a list of \\x01name\\x02value: f file,
l line, S lines that the point stands for, page kind and module, o what is counted. Counts of the
same point add up over runs. Designs are told apart by their text, so that it does not matter which
build of it ran; the lines of all designs count together.
"""

import hashlib
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hwsim.errors import InputError

GENERATED = "generated.v"  # the Verilog under test; other files of a model are its testbench
# What runs once, at time 0, whatever the testbench does: initial values and declarations.
AT_START = re.compile(r"\s*(initial|reg|wire)\b")
PARAMETERS = re.compile(r"__(pi\d+|[A-Z]\w*)$")  # Verilator's name for those of a module
NUMBERED = re.compile(r"\b_\d+_\b")  # Yosys numbers signals without a name, anew in every build


class Line(NamedTuple):
    module: str
    design: str  # first digits of the hash of its text
    number: int
    text: str


Point = tuple[Line, str, str]  # line, column, what is counted there


@dataclass(frozen=True)
class Exclusion:
    """Lines that need not run: regular expressions for their module and text, and the reason."""

    module: str
    text: str
    reason: str

    def matches(self, line: Line) -> bool:
        return bool(re.fullmatch(self.module, line.module) and re.search(self.text, line.text))


@dataclass
class ModuleCoverage:
    """Counts of how often each point of one module was reached, over all designs."""

    lines: dict[Line, int] = field(default_factory=dict)
    branches: dict[Point, int] = field(default_factory=dict)
    toggles: dict[Point, int] = field(default_factory=dict)

    @property
    def uncovered(self) -> list[Line]:
        return [line for line, count in sorted(self.lines.items()) if not count]


def ran_nowhere(modules: dict[str, ModuleCoverage]) -> list[Line]:
    """Lines that ran in no build: none with the same module and text did. One of each."""
    for_text: dict[tuple[str, str], Line] = {}
    ran: set[tuple[str, str]] = set()
    for module in modules.values():
        for line, count in sorted(module.lines.items()):
            key = line.module, NUMBERED.sub("", line.text)
            for_text.setdefault(key, line)
            if count:
                ran.add(key)
    return [line for key, line in for_text.items() if key not in ran]


def share(counts: Iterable[int]) -> float:
    """The part that was reached at least once; 1 where there is nothing to reach."""
    values = list(counts)
    return sum(count > 0 for count in values) / len(values) if values else 1.0


def read_exclusions(path: Path) -> list[Exclusion]:
    data = tomllib.loads(path.read_text("utf-8"))
    return [Exclusion(**entry) for entry in data.get("exclude", [])]


def read_counts(paths: Iterable[Path]) -> dict[str, int]:
    """Every point's key with its count, summed over files."""
    counts: dict[str, int] = defaultdict(int)
    for path in paths:
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.startswith("C '"):
                    key, _, count = line.rpartition(" ")
                    counts[key[3:-1]] += int(count)
    return counts


@cache
def _source(path: Path) -> tuple[str, tuple[str, ...]]:
    """(first digits of the hash, lines) of a design."""
    if not path.exists():
        raise InputError(f"{path} is gone, whose lines were counted: run the tests again")
    text = path.read_text("utf-8")
    return hashlib.sha256(text.encode()).hexdigest()[:8], tuple(text.splitlines())


def _line_numbers(ranges: str) -> Iterator[int]:
    """'5-7,9' names the lines 5, 6, 7 and 9."""
    for part in filter(None, ranges.split(",")):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def by_module(counts: dict[str, int]) -> dict[str, ModuleCoverage]:
    """Return the coverage of every module. A line is reached if any of its points is."""
    modules: dict[str, ModuleCoverage] = defaultdict(ModuleCoverage)
    for key, count in counts.items():
        values = dict(part.split("\x02", 1) for part in key.split("\x01") if part)
        path = Path(values["f"])
        if path.name != GENERATED:
            continue
        design, source = _source(path)
        kind, _, name = values["page"].partition("/")
        name = PARAMETERS.sub("", name)
        first = int(values["l"])
        point = (Line(name, design, first, source[first - 1].strip()), values["n"], values["o"])
        found = modules[name]
        if kind == "v_toggle":
            found.toggles[point] = found.toggles.get(point, 0) + count
        elif not AT_START.match(source[first - 1]):
            for number in _line_numbers(values.get("S", "")):
                line = Line(name, design, number, source[number - 1].strip())
                found.lines[line] = found.lines.get(line, 0) + count
            if kind == "v_branch":
                found.branches[point] = found.branches.get(point, 0) + count
    return dict(modules)


def without(
    modules: dict[str, ModuleCoverage], exclusions: list[Exclusion]
) -> tuple[dict[str, ModuleCoverage], list[Exclusion]]:
    """(modules without the lines and branches that are excluded, exclusions that excuse nothing).

    An exclusion excuses something where a line that it matches was not reached.
    """
    excused: set[Exclusion] = set()
    excluded: set[Line] = set()
    for module in modules.values():
        for line, count in module.lines.items():
            for exclusion in exclusions:
                if exclusion.matches(line):
                    excluded.add(line)
                    if not count:
                        excused.add(exclusion)
    kept = {
        name: ModuleCoverage(
            {line: count for line, count in module.lines.items() if line not in excluded},
            {point: count for point, count in module.branches.items() if point[0] not in excluded},
            module.toggles,
        )
        for name, module in modules.items()
    }
    return kept, [exclusion for exclusion in exclusions if exclusion not in excused]
