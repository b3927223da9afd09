"""Reads the JSON that an earlier command wrote."""

import json
import re
from os import PathLike
from typing import Any

from hwsim.errors import InputError
from hwsim.escape import quoted
from hwsim.files import path_text, read_file
from hwsim.report.schema import DOCUMENTS

LARGEST_BYTES = 1 << 28
VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})")


def read(path: str | PathLike[str]) -> dict[str, Any]:
    """Return what `--json` wrote into a file, as a dict with the shape of its `schema_version`.

    A document of an older version is returned as it was written, number and all.
    Raises `InputError` for any other file, and for a document that a newer hwsim wrote, whose shape
    is not known here.
    """
    document: Any
    try:
        document = json.loads(read_file("document", path_text("document", path), LARGEST_BYTES))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"document {quoted(path)}: not JSON") from None
    command = document.get("command") if isinstance(document, dict) else None
    known = DOCUMENTS.get("estimate" if command == "run" else str(command))
    if known is None:
        raise InputError(f"document {quoted(path)}: no `hwsim` command wrote it")
    found, newest = _parts(document.get("schema_version")), _parts(known[1])
    if found is None:
        raise InputError(f"document {quoted(path)}: it has no schema_version such as {known[1]}")
    if newest is None or found > newest:
        raise InputError(
            f"document {quoted(path)}: schema_version {document['schema_version']} is newer than "
            f"{known[1]}, the newest that this hwsim knows"
        )
    shaped: dict[str, Any] = document
    return shaped


def _parts(version: object) -> tuple[int, int] | None:
    match = VERSION.fullmatch(version) if isinstance(version, str) else None
    return (int(match[1]), int(match[2])) if match else None
