"""The text of every document as JSON."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def json_text(document: "DataclassInstance") -> str:
    """Return a document's JSON in the order of its fields; refuse a number that is not finite."""
    return json.dumps(asdict(document), indent=1, allow_nan=False) + "\n"
