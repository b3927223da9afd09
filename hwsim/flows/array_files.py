"""Arrays in numpy's files, which hold no pickled objects: .npy is read, .npz is written."""

import io
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from hwsim.errors import InputError, shown
from hwsim.escape import brief, quoted
from hwsim.files import open_file

LARGEST_BYTES = 1 << 40  # of a file: no more is read than its header and the array that is expected
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
ENDING = ".npy"  # of the members of a .npz file, which numpy leaves away


@dataclass(frozen=True)
class ArrayKind:
    """The type of elements and the shape that an array must have."""

    element: str  # as numpy names it
    shape: tuple[int, ...]
    axes: str = "its channels, rows and columns as they are stored"

    @property
    def size_bytes(self) -> int:
        return math.prod(self.shape) * np.dtype(self.element).itemsize


def read_array(path: str, whose: str, expected: ArrayKind) -> NDArray[Any]:
    """Return the array of a .npy file.

    Raises `InputError` for one of another kind, before it is read. `whose` names it in messages.
    """
    with open_file("array", path, LARGEST_BYTES) as file:
        shape, is_backwards, dtype = _header(file, path)
        check_kind(f"array {quoted(path)} of {whose}", dtype, shape, expected)
        size = expected.size_bytes
        content = file.read(size + 1)
    if len(content) != size:
        found = "fewer" if len(content) < size else "more"
        raise InputError(f"array {quoted(path)}: {found} bytes than the {size:,} of its shape")
    values = np.frombuffer(content, dtype).reshape(shape, order="F" if is_backwards else "C")
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
    whose: str, dtype: np.dtype[np.generic], shape: tuple[int, ...], expected: ArrayKind
) -> None:
    """Raise `InputError` unless an array is of the expected kind."""
    if dtype != np.dtype(expected.element) or shape != expected.shape:
        raise InputError(
            f"{whose}: {brief(dtype)} {shown(shape)}: must be {expected.element} {expected.shape}, "
            f"{expected.axes}"
        )


def npz_bytes(arrays: Mapping[str, NDArray[Any]], comment: str = "") -> bytes:
    """Return a .npz file of these arrays by name, with a `comment` of the archive beside them.

    numpy.load also finds `a` under `a.npy`. Of two names that it takes for one, the second gets a
    number.
    """
    content = io.BytesIO()
    taken: set[str] = set()
    with zipfile.ZipFile(content, "w") as file:
        file.comment = comment.encode()
        for name, values in arrays.items():
            numbered = (name if number == 1 else f"{name}_{number}" for number in count(1))
            key = next(each for each in numbered if taken.isdisjoint({each, each + ENDING}))
            taken |= {key, key + ENDING}
            member = zipfile.ZipInfo(key + ENDING)  # of a fixed date: same values, same bytes
            with file.open(member, "w") as part:
                npy.write_array(part, np.ascontiguousarray(values), allow_pickle=False)
    return content.getvalue()
