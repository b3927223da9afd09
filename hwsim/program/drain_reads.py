"""The reads of accumulators that the drain makes for each stored pixel, one per cycle."""

import numpy as np

from hwsim.arch.config import Config
from hwsim.graph import Stage
from hwsim.isa.parameters import factor_bits


def has_wide_factors(stage: Stage, config: Config) -> bool:
    """Return True if a factor of the stage has more bits than a lane multiplies by in one cycle.

    A stage without constants has none.
    """
    if stage.constants is None:
        return False
    most = (1 << factor_bits(config)) - 1
    factors = stage.constants.multiplier, stage.constants.negative_multiplier
    return any(bool(np.any(np.abs(values) > most)) for values in factors)


def reads_per_pixel(config: Config, window_taps: int, wide_factors: bool) -> int:
    """Return the reads for a stored pixel of one output block.

    There is one for each tap of its pool window. The last of them serves the first slice of lanes
    that is rescaled, too; each further slice has its own. With wide factors a slice has two.
    """
    return window_taps - 1 + config.rescale_slices * (1 + wide_factors)
