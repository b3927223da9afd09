"""The table: any function of a stored value, as its 256 values."""

from collections.abc import Sequence

import torch
from torch import Tensor

FIRST = -128  # the value that the first entry is for


def table(y: Tensor, entries: Sequence[int] | None) -> Tensor:
    """Return int8 values in place of int8 `y[N, K, P, Q]`; without entries, the same values."""
    if entries is None:
        return y
    return torch.tensor(entries, dtype=torch.int8)[y.long() - FIRST]
