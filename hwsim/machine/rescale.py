"""The rescale, from accumulator to activation.

Add the bias, multiply, shift with halves rounded up, add the zero point, clamp.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwsim.fixed_point import rescaled
from hwsim.graph import Rounding
from hwsim.isa.parameters import PARAMETERS, RECORD

INT32 = np.iinfo(np.int32)


@dataclass(frozen=True, eq=False)
class Parameters:
    """The parameters of one output block, with an entry per output lane.

    A negative multiplier has its sign, and every lane a negative shift.
    """

    bias: NDArray[np.int64]
    multiplier: NDArray[np.int64]
    negative_multiplier: NDArray[np.int64]
    shift: NDArray[np.int64]
    negative_shift: NDArray[np.int64]


def unpack_parameters(data: NDArray[np.uint8], factor_bits: int) -> Parameters:
    """Return the parameters in the records that follow an output block's weights.

    Only so many lower bits of their factors are multiplied by.
    """
    records = data.view(RECORD)
    fields = {entry.name: records[entry.name].astype(np.int64) for entry in PARAMETERS}
    for name in ("multiplier", "negative_multiplier"):
        fields[name] &= (1 << factor_bits) - 1
    fields["negative_multiplier"] *= 1 - 2 * fields.pop("negative_sign")
    own = fields["negative_shift"]
    fields["negative_shift"] = np.where(own > 0, own, fields["shift"])
    return Parameters(**fields)


def rescale(
    accumulators: NDArray[np.int64],
    parameters: Parameters,
    zero_point: int,
    rounding: Rounding = Rounding.ONCE,
    limits: tuple[int, int] = (-128, 127),
) -> NDArray[np.int8]:
    """Return int8 activations `[..., O]` of accumulators `[..., O]`.

    The sign of accumulator + bias, which must fit int32, selects the multiplier and the shift.
    `limits` are the least and the largest activation.
    """
    sums = accumulators + parameters.bias
    assert sums.min() >= INT32.min
    assert sums.max() <= INT32.max
    factor = np.where(sums < 0, parameters.negative_multiplier, parameters.multiplier)
    shift = np.where(sums < 0, parameters.negative_shift, parameters.shift)
    scaled = rescaled(sums, factor, shift, rounding)
    return (scaled + zero_point).clip(*limits).astype(np.int8)
