"""Digests of content: two values have the same one exactly if they hold the same."""

import hashlib
from collections.abc import Iterator, Mapping, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

import hwsim

# Folders of hwsim whose code and tables decide what an estimate says.
PRICING = (
    "arch",
    "graph",
    "passes",
    "isa",
    "program",
    "compiler",
    "timeline",
    "cost",
    "report",
    "flows",
)


def digest(*values: object) -> str:
    """Return a digest of values: records, enumerations, arrays, containers, numbers and texts.

    It is the same in every process. Raises `TypeError` for a value of another kind, whose text
    might be the same for different content.
    """
    hashed = hashlib.sha256()
    for part in _parts(values):
        hashed.update(len(part).to_bytes(8, "little") + part)
    return hashed.hexdigest()


def _parts(value: Any) -> Iterator[bytes]:
    kind = type(value).__name__.encode()
    if value is None or isinstance(value, bool | int | float | str | bytes):
        yield kind
        yield value if isinstance(value, bytes) else repr(value).encode()
    elif isinstance(value, Enum):
        yield kind
        yield value.name.encode()
    elif isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        yield f"array {array.dtype.str} {array.shape}".encode()
        yield array.tobytes()
    elif isinstance(value, BaseModel):
        yield kind
        yield from _parts(value.model_dump())
    elif is_dataclass(value):
        yield kind
        for field in fields(value):
            yield field.name.encode()
            yield from _parts(getattr(value, field.name))
    elif isinstance(value, Mapping):
        yield f"mapping {len(value)}".encode()
        for key, item in value.items():
            yield from _parts(key)
            yield from _parts(item)
    elif isinstance(value, Set):
        yield f"set {len(value)}".encode()
        yield from sorted(digest(item).encode() for item in value)
    elif isinstance(value, list | tuple):
        yield f"sequence {len(value)}".encode()
        for item in value:
            yield from _parts(item)
    else:
        raise TypeError(f"no digest of a {type(value).__name__}")


@cache
def model_digest() -> str:
    """Return a digest of the code and the tables that price a network: the model's own content."""
    root = Path(hwsim.__file__).parent
    hashed = hashlib.sha256()
    for folder in PRICING:
        for path in sorted(root.joinpath(folder).rglob("*")):
            if path.suffix in (".py", ".json", ".toml"):
                hashed.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return hashed.hexdigest()
