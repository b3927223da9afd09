"""Golden and machine look up the same entry for each of the 256 values."""

import numpy as np
import torch

from hwsim.golden.table import table
from hwsim.machine.table import table as of_machine

EVERY = np.arange(-128, 128).astype(np.int8)


def test_each_value_has_its_entry() -> None:
    entries = np.random.default_rng(1).permutation(EVERY)
    y = torch.from_numpy(EVERY.copy()).view(1, 4, 8, 8)
    assert table(y, entries.tolist()).flatten().tolist() == entries.tolist()
    assert of_machine(EVERY, entries.view(np.uint8)).tolist() == entries.tolist()


def test_without_entries_values_stay() -> None:
    y = torch.from_numpy(EVERY.copy()).view(1, 1, 16, 16)
    assert table(y, None) is y
