"""The text of a darknet `.cfg`: sections with a name in brackets, and keys with values.

Darknet ignores every space, and lines that begin with `#` or `;`. A value's text is taken as a
number, a list or a word when a section is read, and what is wrong is noted with its line. So a user
sees all of it at once.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from hwsim.errors import shown
from hwsim.frontends.reading import listed

MOST_SECTIONS = 1000
MOST_NUMBERS = 200  # of one list: two for each of the most boxes
COMMENTS = ("#", ";")
SPACES = re.compile(r"\s+")
INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
NUMBER = re.compile(r"[+-]?([0-9]{1,15}\.?[0-9]{0,15}|\.[0-9]{1,15})(e[+-]?[0-9]{1,2})?")

Value = TypeVar("Value")


@dataclass
class Faults:
    """The things that keep a file from being taken, each with its line."""

    found: list[tuple[int, str]] = field(default_factory=list)

    def note(self, line: int, text: str) -> None:
        self.found.append((line, text))

    def lines(self) -> list[str]:
        """Return a text for each, in the order of their lines, and the number of those left out."""
        return listed([f"line {line}: {text}" for line, text in sorted(self.found)])


@dataclass(frozen=True)
class Setting:
    """The text behind a key."""

    text: str
    line: int


@dataclass
class Section:
    """One section, which notes the keys that were asked for and the faults of their values."""

    kind: str
    line: int
    faults: Faults
    settings: dict[str, Setting] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    is_sound: bool = True

    def fault(self, text: str, line: int | None = None) -> None:
        """Note what is wrong with the section or with one of its lines."""
        self.is_sound = False
        self.faults.note(self.line if line is None else line, text)

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """Return the integer behind a key. Without a default, the key must be there."""

        def read(text: str) -> int | None:
            value = int(text) if INTEGER.fullmatch(text) else low - 1
            return value if low <= value <= high else None

        rule = f"must be {low}" if low == high else f"must be an integer from {low} to {high}"
        return self._value(key, read, rule, default, low)

    def integers(self, key: str, most: int) -> list[int]:
        """Return the integers behind a key, which must be there, with commas between them."""

        def read(text: str) -> list[int] | None:
            parts = text.split(",", most)
            are_integers = len(parts) <= most and all(map(INTEGER.fullmatch, parts))
            return list(map(int, parts)) if are_integers else None

        rule = f"must be at most {most} integers with commas between them"
        return self._value(key, read, rule, None, [])

    def numbers(
        self, key: str, low: float, high: float, default: list[float] | None = None
    ) -> list[float]:
        """Return the numbers behind a key, with commas between them."""

        def read(text: str) -> list[float] | None:
            parts = text.split(",", MOST_NUMBERS)
            if len(parts) > MOST_NUMBERS or not all(map(NUMBER.fullmatch, parts)):
                return None
            values = list(map(float, parts))
            return values if low <= min(values) and max(values) <= high else None

        rule = f"must be at most {MOST_NUMBERS} numbers from {low:g} to {high:g}, with commas"
        return self._value(key, read, rule, default, [])

    def word(
        self, key: str, allowed: tuple[str, ...], default: str | None = None, needed: str = ""
    ) -> str:
        """Return the word behind a key. Without a default it must be there: `needed` says why."""
        rule = f"must be {', '.join(allowed[:-1])} or {allowed[-1]}"

        def read(text: str) -> str | None:
            return text if text in allowed else None

        found = self._value(key, read, rule, default, "", needed)
        return found or allowed[0]

    def check_keys(self, only_for_training: frozenset[str]) -> None:
        """Note every key that nothing has asked for and that is not about training alone."""
        for key, setting in self.settings.items():
            if key not in self.asked and key not in only_for_training:
                self.fault(f"[{self.kind}] {shown(key)} is not supported", setting.line)

    def _value(
        self,
        key: str,
        read: Callable[[str], Value | None],
        rule: str,
        default: Value | None,
        instead: Value,
        needed: str = "",
    ) -> Value:
        """Return a value, or `instead` of one that is wrong."""
        self.asked.add(key)
        setting = self.settings.get(key)
        if setting is None:
            if default is None:
                reason = f": {needed}" if needed else ""
                self.fault(f"[{self.kind}] has no {key}{reason}")
                return instead
            return default
        value = read(setting.text)
        if value is None:
            self.fault(f"[{self.kind}] {key} = {shown(setting.text)} {rule}", setting.line)
            return instead
        return value


def read_sections(text: str, faults: Faults) -> list[Section]:
    """Return the sections of a file, with its faults noted.

    The rest of a file with too many sections is not read.
    """
    sections: list[Section] = []
    for number, whole in enumerate(text.split("\n"), start=1):
        line = SPACES.sub("", whole)
        if not line or line.startswith(COMMENTS):
            continue
        if line.startswith("["):
            if len(sections) == MOST_SECTIONS:
                faults.note(number, f"more than {MOST_SECTIONS:,} sections")
                break
            if not line.endswith("]"):
                faults.note(number, f"{shown(line)} has no ] at its end")
            sections.append(Section(line[1:].removesuffix("]"), number, faults))
            continue
        key, equals, value = line.partition("=")
        if not equals:
            faults.note(number, f"{shown(line)} is neither [a section] nor key=value")
        elif not sections:
            faults.note(number, f"{shown(line)} stands before the first section")
        elif key in sections[-1].settings:
            faults.note(number, f"{shown(key)} stands twice in its section")
        else:
            sections[-1].settings[key] = Setting(value, number)
    return sections
