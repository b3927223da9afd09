"""The TOML beside a network's file, which says what photographs become at the inputs."""

import tomllib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from hwsim.errors import InputError, shown
from hwsim.escape import brief, quoted, visible
from hwsim.files import read_file
from hwsim.graph.input_contract import StatedContract
from hwsim.graph.stated_contract import stated_contract
from hwsim.graph.steps import FileNetwork

ENDING = ".inputs.toml"  # behind the whole name of a network's file
INPUTS = "inputs"  # the table of inputs by name
LARGEST_BYTES = 1 << 16
LONGEST_LINE = 1000  # characters: tomllib takes minutes for a key of ten thousand dots


def with_stated_file(network: FileNetwork, path: str) -> FileNetwork:
    """Return a file's network with what the TOML beside it says of its inputs, if there is one."""
    stated = stated_beside(path, tuple(network.inputs))
    in_file = dict(network.operators.in_file)
    for name, own in stated.items():
        tensor = network.in_file(name)
        in_file[name] = replace(tensor, stated=(own, *tensor.stated))
    if not stated:
        return network
    return replace(network, operators=replace(network.operators, in_file=in_file))


def stated_beside(path: str, inputs: Collection[str]) -> dict[str, StatedContract]:
    """Return what the TOML beside a network's file says of each of its inputs, if there is one.

    Keys at the top are for every input, those of a table `[inputs.NAME]` for that one. Raises
    `InputError` for a file that cannot be read or that holds anything else.
    """
    place = f"{path}{ENDING}"
    if not Path(place).exists():
        return {}
    try:
        content = _toml(place)
        tables = content.pop(INPUTS, {})
        if not isinstance(tables, dict):
            raise InputError(f"{INPUTS} {shown(tables)}: must be tables such as [inputs.image]")
        for name, table in tables.items():
            if name not in inputs:
                names = brief(", ".join(f"'{each}'" for each in inputs))
                raise InputError(f"no input {quoted(name)}: the network takes {names}")
            if not isinstance(table, dict):
                raise InputError(f"{INPUTS}.{brief(name)} {shown(table)}: must be a table")
        source = visible(Path(place).name)
        return {name: stated_contract(source, content | tables.get(name, {})) for name in inputs}
    except InputError as error:
        raise InputError(f"contract {quoted(place)}: {error}") from None


def _toml(path: str) -> dict[str, Any]:
    try:
        text = read_file("contract", path, LARGEST_BYTES).decode()
    except UnicodeDecodeError:
        raise InputError("it is no text in UTF-8") from None
    if any(len(line) > LONGEST_LINE for line in text.splitlines()):
        raise InputError(f"a line has more than {LONGEST_LINE} characters")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"no TOML: {brief(error)}") from None
