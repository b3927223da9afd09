"""Arrays of int8 in numpy's files, which hold no pickled objects: .npy is read, .npz is written."""

import io
import math
import zipfile
from collections.abc import Mapping
from itertools import count
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from hwsim.errors import InputError, shown
from hwsim.escape import brief, quoted
from hwsim.files import open_file

LARGEST_BYTES = 1 << 40  # of a file: no more is read than its header and the array that is expected
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
ENDING = ".npy"  # of the members of a .npz file, which numpy leaves away


def read_array(path: str, whose: str, expected: tuple[int, ...]) -> NDArray[np.int8]:
    """Return the int8 array of a .npy file, `expected` being its shape.

    Raises `InputError` for any other file, before its array is read. `whose` names it in messages.
    """
    with open_file("array", path, LARGEST_BYTES) as file:
        shape, is_backwards, dtype = _header(file, path)
        check_kind(f"array {quoted(path)} of {whose}", dtype, shape, expected)
        size = math.prod(expected)
        content = file.read(size + 1)
    if len(content) != size:
        found = "fewer" if len(content) < size else "more"
        raise InputError(f"array {quoted(path)}: {found} bytes than the {size:,} of its shape")
    values = np.frombuffer(content, np.int8).reshape(shape, order="F" if is_backwards else "C")
    return np.ascontiguousarray(values)


def _header(file: IO[bytes], path: str) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Return shape, whether the first axis is the innermost one, and kind of the elements."""
    try:
        version = npy.read_magic(file)
        if version not in HEADERS:
            raise ValueError(f"version {version}")
        return HEADERS[version](file)
    except Exception:  # numpy raises as many kinds as there are ways to damage a header
        raise InputError(f"array {quoted(path)}: no array that numpy.save wrote") from None


def check_kind(
    whose: str, dtype: np.dtype[np.generic], shape: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    """Raise `InputError` unless an array is int8 `[C, H, W]` of the expected shape."""
    if dtype != np.int8 or shape != expected:
        raise InputError(
            f"{whose}: {brief(dtype)} {shown(shape)}: must be int8 {expected}, its channels, rows "
            "and columns as they are stored"
        )


def npz_bytes(arrays: Mapping[str, NDArray[np.int8]]) -> bytes:
    """Return a .npz file of these arrays by name.

    numpy.load also finds `a` under `a.npy`. Of two names that it takes for one, the second gets a
    number.
    """
    content = io.BytesIO()
    taken: set[str] = set()
    with zipfile.ZipFile(content, "w") as file:
        for name, values in arrays.items():
            numbered = (name if number == 1 else f"{name}_{number}" for number in count(1))
            key = next(each for each in numbered if taken.isdisjoint({each, each + ENDING}))
            taken |= {key, key + ENDING}
            member = zipfile.ZipInfo(key + ENDING)  # of a fixed date: same values, same bytes
            with file.open(member, "w") as part:
                npy.write_array(part, np.ascontiguousarray(values), allow_pickle=False)
    return content.getvalue()
