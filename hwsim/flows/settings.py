"""Keys of a configuration that a call sets, and the name of what comes of it."""

import json
import re
import tomllib
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from hwsim.arch.config import LONGEST_LINE, Config, keys, near_key
from hwsim.arch.sections import LONGEST_NAME
from hwsim.errors import InputError, shown
from hwsim.escape import brief, quoted

Settings = Mapping[str, Any]  # values by dotted keys

EXAMPLE = "array.output_lanes=32"
SIZE = re.compile(r"([0-9]{1,9})([KM])")
SIZE_BYTES = {"K": 1 << 10, "M": 1 << 20}
CHANGED = " with "  # between a configuration's name and the values that differ from its own


def read_settings(texts: Iterable[str]) -> dict[str, Any]:
    """Return the values by key of texts KEY=VALUE.

    A value is TOML; what is no TOML is text. Raises `InputError` for a key that is named twice.
    """
    values: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals:
            raise InputError(f"setting {quoted(text)} is not KEY=VALUE, such as {EXAMPLE}")
        if key in values:
            raise InputError(f"setting {quoted(text)}: {brief(key)} is set twice")
        values[key] = toml_value(value.strip())
    return values


def toml_value(text: str) -> Any:
    """Return the value that a text is in TOML, or else the text."""
    if len(text) > LONGEST_LINE:  # as in a file
        return text
    try:
        read = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return read["value"] if len(read) == 1 else text


def check_settings(settings: Settings) -> None:
    """Raise `InputError` for what is no key of a configuration."""
    if not isinstance(settings, Mapping):
        raise InputError(f"settings {shown(settings)}: must map keys to values: {EXAMPLE}")
    known = keys()
    for key in settings:
        if key in known:
            continue
        if isinstance(key, str) and key in Config.model_fields:
            first = next(each for each in known if each.startswith(f"{key}."))
            raise InputError(f"setting {quoted(key)}: it is a section: set keys of it like {first}")
        hint = near_key(key) if isinstance(key, str) else ""
        raise InputError(f"setting {quoted(key)}: no such key{hint}")


def with_settings(config: Config, settings: Settings) -> dict[str, Any]:
    """Return the content of a configuration with other values for some of its keys.

    Sizes in bytes may be texts such as 256K and 1M, of 1024 and 1024 x 1024 bytes. Where values
    differ and no name is given, they stand behind the name, so that no two configurations share it.
    """
    fields = config.model_dump()
    changed = {}
    for key, given in settings.items():
        section, _, name = key.rpartition(".")
        values = fields
        if section:
            values = fields[section] = fields[section] or {}
        value = size_bytes(given) if name.endswith("_bytes") else given
        if name not in values or values[name] != value:
            changed[name] = value
        values[name] = value
    if changed and "name" not in settings:
        fields["name"] = _name(config.name, changed)
    return fields


def size_bytes(value: Any) -> Any:
    """Return the bytes of a size with a K or an M behind it; anything else as it is."""
    match = SIZE.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) * SIZE_BYTES[match[2]] if match else value


def _name(name: str, changed: Settings) -> str:
    """Return a name followed by the values that differ.

    Where these are too long for a name, a hash of all of them stands in place of the last ones.
    """
    head = f"{name}{', ' if CHANGED in name else CHANGED}"
    values = [f"{key}={shown(value)}" for key, value in changed.items()]
    whole = head + ", ".join(values)
    if len(whole) <= LONGEST_NAME:
        return whole
    digest = zlib.crc32(json.dumps([name, changed], sort_keys=True, default=repr).encode())
    for shown_count in range(len(values) - 1, -1, -1):
        rest = f"{len(values) - shown_count} more, {digest:08x}"
        whole = head + ", ".join([*values[:shown_count], rest])
        if len(whole) <= LONGEST_NAME:
            return whole
    return head[: LONGEST_NAME - len(rest)] + rest


def hardware_name(config: Config) -> str:
    """Return the name of a configuration without the values that were set in a call."""
    return config.name.partition(CHANGED)[0]
