"""The difference of two networks' noise on the same images, and how sure it is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
OUTSIDE = 0.05  # of all resamples, half below the interval and half above it


@dataclass(frozen=True)
class PairedDifference:
    """The distance of two signal-to-noise ratios in dB, with its interval of 95 %."""

    db: float
    low_db: float
    high_db: float

    def __str__(self) -> str:
        return f"{self.db:+.2f} ({self.low_db:+.2f} to {self.high_db:+.2f})"


def paired_difference(
    errors: NDArray[np.float64], of_others: NDArray[np.float64]
) -> PairedDifference:
    """Return how much less noise there is in `errors` than in those of another network.

    Both have the mean square of what a network is off on each image, in the same order. The
    interval is a bootstrap's: images are drawn with replacement, each with both of its errors, so
    that what makes an image hard for both networks does not widen it.
    """
    if not errors.any() or not of_others.any():
        raise ValueError("a network without noise has no signal-to-noise")
    drawn = np.random.default_rng(0).integers(0, len(errors), (RESAMPLES, len(errors)))
    with np.errstate(divide="ignore"):
        differences = 10 * np.log10(of_others[drawn].sum(axis=1) / errors[drawn].sum(axis=1))
    low, high = np.quantile(differences, [OUTSIDE / 2, 1 - OUTSIDE / 2])
    whole = 10 * np.log10(of_others.sum() / errors.sum())
    return PairedDifference(float(whole), float(low), float(high))
