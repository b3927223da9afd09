"""The record of parameters that the drain needs for one output lane.

One record per output lane follows the weights of every output block. This table is the only place
that defines its fields: the compiler writes them, the machine and the hardware read them. The
fields lie one behind the other, little-endian, each at the bottom of bytes of its own; the bits
above it are not read.

A record whose last word has nothing but `shift` has one shift and factors of one sign.

A rescale lane multiplies by as many bits of a factor in one cycle as `widths.multiplier_bits` says.
Where that is 16, a COMPUTE with `wide_factors` has factors of 31 bits, and each takes two cycles.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

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
    size_bytes: int
    bits: Callable[[Config], int]
    signed: bool = False


PARAMETERS = (
    Parameter(
        "bias",
        "Added to the lane's sum. The input's zero point is folded in.",
        4,
        lambda config: config.widths.accumulator_bits,
        signed=True,
    ),
    Parameter("multiplier", "Factor where sum + bias is at least 0.", 4, lambda _: FACTOR_BITS),
    Parameter(
        "negative_multiplier",
        "Factor where sum + bias is below 0, without its sign.",
        4,
        lambda _: FACTOR_BITS,
    ),
    Parameter(
        "shift",
        f"Places by which the product is shifted right, 2 to 62, with `wide_factors` "
        f"{LEAST_WIDE_SHIFT} to 62.",
        1,
        lambda _: 6,
    ),
    Parameter(
        "negative_shift",
        "The same where sum + bias is below 0; 0: as `shift`.",
        1,
        lambda _: 6,
    ),
    Parameter(
        "negative_sign",
        "1: where sum + bias is below 0, the shifted and rounded product is negated.",
        1,
        lambda _: 1,
    ),
)
_ENDS = tuple(accumulate(entry.size_bytes for entry in PARAMETERS))
assert _ENDS[-1] <= PARAMETER_BYTES


def factor_bits(config: Config) -> int:
    """Return how many bits of a factor a rescale lane multiplies by in one cycle."""
    return min(config.widths.multiplier_bits, FACTOR_BITS)


def first_byte(entry: Parameter) -> int:
    """Return the place of a field in the record."""
    return _ENDS[PARAMETERS.index(entry)] - entry.size_bytes


RECORD = np.dtype(
    {
        "names": [entry.name for entry in PARAMETERS],
        "formats": [f"<{'i' if entry.signed else 'u'}{entry.size_bytes}" for entry in PARAMETERS],
        "offsets": [first_byte(entry) for entry in PARAMETERS],
        "itemsize": PARAMETER_BYTES,
    }
)
