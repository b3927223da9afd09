"""The JSON Schemas of the documents, as `hwsim schema` prints them."""

import json
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from hwsim.report import delivery, document, memory_map, structure, synthesis, verification

# Exactly the fields of the dataclass are allowed, each of exactly its type, described by its
# docstring. Pydantic passes a list's settings on to dataclasses in it, but takes none for a
# dataclass alone.
STRICT = ConfigDict(use_attribute_docstrings=True, extra="forbid", strict=True)
DOCUMENTS: dict[str, tuple[TypeAdapter[Any], str]] = {
    "estimate": (TypeAdapter(list[document.Document], config=STRICT), document.SCHEMA_VERSION),
    "verify": (
        TypeAdapter(list[verification.Verification], config=STRICT),
        verification.SCHEMA_VERSION,
    ),
    "compile": (TypeAdapter(list[memory_map.MemoryMap], config=STRICT), memory_map.SCHEMA_VERSION),
    "rtl": (TypeAdapter(list[delivery.Delivery], config=STRICT), delivery.SCHEMA_VERSION),
    "show": (TypeAdapter(list[structure.Structure], config=STRICT), structure.SCHEMA_VERSION),
    "synth": (TypeAdapter(list[synthesis.Synthesis], config=STRICT), synthesis.SCHEMA_VERSION),
}


def schema_text(name: str) -> str:
    """Return the schema of the document of `hwsim NAME --json`; `run` shares that of `estimate`."""
    adapter, version = DOCUMENTS[name]
    documents = adapter.json_schema(mode="serialization")
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:hwsim:{name}:{version}",
        **documents["items"],
        "$defs": documents["$defs"],
    }
    return json.dumps(schema, indent=1) + "\n"
