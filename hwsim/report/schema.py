"""The JSON Schemas of the documents; `make docs` writes them to `docs/*.schema.json`."""

import json

from pydantic import TypeAdapter

from hwsim.report import document, synthesis, verification

DOCUMENTS = {
    "estimate": (document.Document, document.SCHEMA_VERSION),
    "synth": (synthesis.Synthesis, synthesis.SCHEMA_VERSION),
    "verify": (verification.Verification, verification.SCHEMA_VERSION),
}


def schema_text(name: str) -> str:
    """The schema of what `hwsim NAME --json` writes."""
    kind, version = DOCUMENTS[name]
    schema = TypeAdapter(kind).json_schema(mode="serialization")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:hwsim:{name}:{version}",
    }
    return json.dumps(head | schema, indent=1) + "\n"
