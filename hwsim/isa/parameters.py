"""The record of parameters that the drain needs for one output lane.

One record per output lane follows the weights of every output block. This table is the only place
that defines its fields: the compiler writes them, the machine and the hardware read them. Each
field lies at the bottom of its own little-endian word of four bytes; the bits above it are not
read.

A rescale lane multiplies by as many bits of a factor in one cycle as `widths.multiplier_bits` says.
Where that is 16, a COMPUTE with `wide_factors` has factors of 31 bits, and each takes two cycles.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hwsim.arch.config import PARAMETER_BYTES, Config

FACTOR_BITS = 31  # the widest factor
FACTOR_HALF_BITS = 16
LEAST_WIDE_SHIFT = FACTOR_HALF_BITS + 1  # so that no bit below the upper half's product matters


@dataclass(frozen=True)
class Parameter:
    """A field of the record; `bits` tells how many of its bits the hardware keeps."""

    name: str
    doc: str
    bits: Callable[[Config], int]
    signed: bool = False


PARAMETERS = (
    Parameter(
        "bias",
        "Added to the lane's sum. The input's zero point is folded in.",
        lambda config: config.widths.accumulator_bits,
        signed=True,
    ),
    Parameter("multiplier", "Factor where sum + bias is at least 0.", lambda _: FACTOR_BITS),
    Parameter("negative_multiplier", "Factor where sum + bias is below 0.", lambda _: FACTOR_BITS),
    Parameter(
        "shift",
        f"Places by which the product is shifted right, 2 to 62, with `wide_factors` "
        f"{LEAST_WIDE_SHIFT} to 62.",
        lambda _: 6,
    ),
)
PARAMETER_WORD_BYTES = 4
assert len(PARAMETERS) * PARAMETER_WORD_BYTES == PARAMETER_BYTES


def factor_bits(config: Config) -> int:
    """Return how many bits of a factor a rescale lane multiplies by in one cycle."""
    return min(config.widths.multiplier_bits, FACTOR_BITS)


RECORD = np.dtype([(entry.name, "<i4" if entry.signed else "<u4") for entry in PARAMETERS])
