"""Brings the network of an `.onnx`, cleaned, from the process that reads it.

What is in it may still be anything: no number, name, shape or type has been checked.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

import hwsim
from hwsim.errors import InputError
from hwsim.escape import quoted, visible
from hwsim.extras import needing_extra
from hwsim.files import open_file
from hwsim.frontends.onnx_child import MEMORY_BYTES, REFUSED

MOST_SECONDS = 60  # that the child may compute
LARGEST_BYTES = 1 << 28
LONGEST_SHOWN = 40  # characters of a node's name
HEADER = 8  # bytes of a safetensors document in front of its text


@dataclass(frozen=True)
class StoredValue:
    """A tensor of the file; `data` is None where it is computed or comes from outside."""

    name: str
    type: str
    dims: tuple[int, ...]
    data: NDArray[Any] | None = None


@dataclass(frozen=True)
class StoredNode:
    """One node, counted from 0; `attributes` have numbers, texts and lists of these."""

    index: int
    word: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    @property
    def place(self) -> str:
        """The node for a message, by its own name where it has one."""
        short = self.name if len(self.name) <= LONGEST_SHOWN else f"{self.name[:LONGEST_SHOWN]}..."
        own = f" {quoted(short)}" if self.name else ""
        return f"node {self.index} {visible(self.word)}{own}"


@dataclass(frozen=True)
class StoredNetwork:
    """A network of nodes in the order in which they are computed."""

    nodes: tuple[StoredNode, ...]
    values: Mapping[str, StoredValue]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operator_set: int
    producer: str
    metadata: Mapping[str, str]  # those that state the contracts of inputs


def read_stored(path: str | Path, size: tuple[int, int] | None = None) -> StoredNetwork:
    """Return the cleaned network of a file; `size` is the height and width of its images.

    Raises `InputError` for a file that cannot be read, or whose cleaning takes too much memory or
    time.
    """
    whose = f"network {quoted(path)}"
    open_file("network", path, LARGEST_BYTES).close()
    with needing_extra("onnx", "reading an .onnx"):
        _check_installed()
    content = _cleaned(path, size, whose)
    try:
        return _network(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{whose}: it cannot be read: {visible(str(error))}") from None


def _check_installed() -> None:
    """Raise `ModuleNotFoundError` without the packages of the child, none of which is loaded."""
    from importlib.util import find_spec

    for module in ("onnx", "onnxslim"):
        if find_spec(module) is None:
            raise ModuleNotFoundError(name=module)


def _cleaned(path: str | Path, size: tuple[int, int] | None, whose: str) -> bytes:
    numbers = () if size is None else size
    root = str(Path(hwsim.__file__).parent.parent)
    # Modules are looked for where this one is, never in the folder that the user works in.
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    command = [
        sys.executable,
        "-P",
        "-m",
        "hwsim.frontends.onnx_child",
        str(path),
        str(MOST_SECONDS),
    ]
    command += map(str, numbers)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=2 * MOST_SECONDS,
            env={**os.environ, "PYTHONPATH": paths},
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"{whose}: cleaning it takes over {2 * MOST_SECONDS} s") from None
    if done.returncode == 0:
        return done.stdout
    if done.returncode == REFUSED:
        raise InputError(f"{whose}: {visible(done.stdout.decode(errors='replace'))}")
    raise InputError(
        f"{whose}: it cannot be cleaned within {MEMORY_BYTES >> 20:,} MiB and {MOST_SECONDS} s"
    )


def _network(content: bytes) -> StoredNetwork:
    length = int.from_bytes(content[:HEADER], "little")
    told = json.loads(content[HEADER : HEADER + length])["__metadata__"]["network"]
    network, arrays = json.loads(told), load(content)
    constants = network["constants"]
    values = {
        name: StoredValue(
            name, kind, tuple(dims), arrays[constants[name]] if name in constants else None
        )
        for name, (kind, dims) in network["values"].items()
    }
    nodes = tuple(
        StoredNode(
            index,
            node["word"],
            node["domain"],
            node["name"],
            tuple(node["inputs"]),
            tuple(node["outputs"]),
            node["attributes"],
        )
        for index, node in enumerate(network["nodes"])
    )
    return StoredNetwork(
        nodes,
        values,
        tuple(network["inputs"]),
        tuple(network["outputs"]),
        network["operator_set"],
        network["producer"],
        network["metadata"],
    )
