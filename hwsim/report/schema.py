"""The JSON Schema of the document: `python -m hwsim.report.schema > docs/estimate.schema.json`."""

import json
import sys

from pydantic import TypeAdapter

from hwsim.report.document import SCHEMA_VERSION, Document


def schema_text() -> str:
    schema = TypeAdapter(Document).json_schema(mode="serialization")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:hwsim:estimate:{SCHEMA_VERSION}",
    }
    return json.dumps(head | schema, indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
