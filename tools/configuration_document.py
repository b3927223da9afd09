"""Write `docs/configuration.md`: every key of a configuration, with its range and its reason."""

import ast
from dataclasses import dataclass
from inspect import cleandoc, getsource
from typing import Literal, get_args, get_origin

from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from hwsim.arch.config import PRESETS, Config, section_of
from hwsim.arch.sections import Section, must_be_power_of_two

INTRODUCTION = f"""\
<!-- Written by `make docs` from hwsim/arch/. Do not edit. -->
# Configurations

A configuration is a TOML file: `hwsim configs show {PRESETS[1]} > my_chip.toml` is a start, and
every command takes the file with `--config`. `--set KEY=VALUE` gives a key of a preset or a file
another value, as often as you like:

    hwsim estimate tiny-yolov2 --set array.output_lanes=32 --set buffers.feature_bytes=256K
    hwsim estimate tiny-yolov2 --memory latency=80,bandwidth=6.4,shared

A value is TOML, and what is no TOML is text. Sizes in bytes may end in K or M, 1024 and 1024 x 1024
bytes. `--memory latency=CYCLES,bandwidth=BYTES,shared` sets the keys of `memory`, any of them;
`--memory ideal` is a latency of 1 and a word per cycle in either direction. In Python,
`hwsim.configuration("{PRESETS[1]}", settings={{"array.output_lanes": 32}}, memory="ideal")` returns
the same.

All values are judged together, and the first rule that is broken is told with its key. What a
command records is the effective configuration. Where values differ from those of the preset or the
file, they stand behind its name, or a hash of them if they are long; `--set name=...` names it.
"""
COLUMNS = """\
| key | type | default | range | what it is | why this range |
|---|---|---|---|---|---|
"""
TYPES: dict[object, str] = {int: "integer", float: "number", str: "text", bool: "true or false"}


@dataclass(frozen=True)
class Key:
    """A row of the document."""

    name: str
    type_name: str
    default: str
    range: str
    meaning: str
    reason: str

    @property
    def row(self) -> str:
        cells = (self.type_name, self.default, self.range, self.meaning, self.reason)
        return f"| `{self.name}` | {' | '.join(cells)} |\n"


def configuration_document() -> str:
    """Return the document: a table for each section."""
    return "\n".join((INTRODUCTION, *map(_section, tables())))


def tables() -> tuple[tuple[str, type[Section]], ...]:
    """Return the sections by name, first of all the configuration itself under no name."""
    sections = (
        (name, section)
        for name, field in Config.model_fields.items()
        if (section := section_of(field.annotation))
    )
    return ("", Config), *sections


def _section(table: tuple[str, type[Section]]) -> str:
    name, section = table
    title = f"## [{name}]" if name else "## Before the first section"
    about = f"{cleandoc(section.__doc__ or '')}\n\n" if name else ""
    return f"{title}\n\n{about}{COLUMNS}" + "".join(key.row for key in section_keys(name, section))


def section_keys(name: str, section: type[Section]) -> tuple[Key, ...]:
    """Return the keys of a section, with its name and a dot before each."""
    texts = _texts(section)
    return tuple(
        _key(f"{name}.{key}" if name else key, field, texts[key])
        for key, field in section.model_fields.items()
        if section_of(field.annotation) is None
    )


def _texts(section: type[Section]) -> dict[str, str]:
    """Return the text below each key."""
    (definition,) = ast.parse(getsource(section)).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr):
            assert isinstance(field.target, ast.Name)
            found[field.target.id] = cleandoc(ast.literal_eval(below.value))
    return found


def _key(name: str, field: FieldInfo, text: str) -> Key:
    meaning, _, reason = text.partition("\n")
    is_choice = get_origin(field.annotation) is Literal
    kind = type(get_args(field.annotation)[0]) if is_choice else field.annotation
    return Key(
        name=name,
        type_name=TYPES[kind],
        default="" if field.is_required() else f"`{_toml(field.default)}`",
        range=_range(field),
        meaning=meaning,
        reason=" ".join(reason.split()),
    )


def _range(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return " or ".join(map(str, get_args(field.annotation)))
    limits = {
        name: value
        for limit in field.metadata
        for name in ("ge", "le", "max_length")
        if (value := getattr(limit, name, None)) is not None
    }
    if "max_length" in limits:
        return f"1 to {limits['max_length']} characters"
    if not limits:
        return ""
    is_power = AfterValidator(must_be_power_of_two) in field.metadata
    powers = "powers of two, " if is_power else ""
    return f"{powers}{limits['ge']:,.0f} to {limits['le']:,.0f}"


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
