"""Arrays in a file of the user's cache, which are only read if every byte is as it was written."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from hwsim.errors import InputError
from hwsim.files import keep_file, open_file

LARGEST_BYTES = 1 << 30  # of a file; no built-in network has more than 126 million weights
DIGEST = "sha256"  # an array of bytes, which the format puts last: the hash of all before it
DIGEST_BYTES = 32


def keep_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a file of the user's cache, if that is possible. No name may come after `sha256`."""
    digest = {DIGEST: np.zeros(DIGEST_BYTES, np.uint8)}
    content = save({**arrays, **digest})[:-DIGEST_BYTES]
    keep_file(path, content + hashlib.sha256(content).digest())


def kept_arrays(path: Path) -> dict[str, NDArray[Any]] | None:
    """Return what `keep_arrays` wrote, or None if the file is missing, damaged or no such file."""
    try:
        with open_file("kept arrays", path, LARGEST_BYTES) as file:
            content = file.read(LARGEST_BYTES)
    except (InputError, OSError):
        return None
    if hashlib.sha256(content[:-DIGEST_BYTES]).digest() != content[-DIGEST_BYTES:]:
        return None
    arrays = load(content)
    del arrays[DIGEST]
    return arrays
