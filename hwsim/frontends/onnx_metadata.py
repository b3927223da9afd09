"""Reads from the metadata of an `.onnx` what photographs become at its inputs.

ONNX has no convention for them. `hwsim quantize` writes the contract of an input as JSON, with the
keys of `hwsim/graph/stated_contract.py`, under `hwsim.input.` and the input's name.
"""

import json
from collections.abc import Mapping

from hwsim.errors import InputError, shown
from hwsim.escape import brief
from hwsim.graph.input_contract import StatedContract
from hwsim.graph.stated_contract import METADATA, stated_contract

SOURCE = "the file"


def stated_in(metadata: Mapping[str, str], name: str) -> tuple[StatedContract, ...]:
    """Return what the metadata say of an input, if anything.

    Raises `InputError` for what is no contract: nobody but hwsim writes that key.
    """
    text = metadata.get(f"{METADATA}{name}")
    if text is None:
        return ()
    try:
        keys = json.loads(text)
        if not isinstance(keys, dict):
            raise InputError(f"{shown(keys)} is no object")
        return (stated_contract(SOURCE, keys),)
    except (ValueError, RecursionError) as error:
        raise InputError(f"metadata {METADATA}{brief(name)}: {brief(error)}") from None
