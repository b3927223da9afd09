"""The table, which gives another value in place of each of 256."""

import numpy as np
from numpy.typing import NDArray


def table(values: NDArray[np.int8], entries: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Return the entry of each value; the first entry is that of -128."""
    found: NDArray[np.int8] = entries.view(np.int8)[values.view(np.uint8) ^ 0x80]
    return found
