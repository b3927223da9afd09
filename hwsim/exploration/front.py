"""The Pareto front of a sweep: the points that no other one beats in every figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hwsim.extras import needing_extra

if TYPE_CHECKING:
    import pandas


def front(points: "pandas.DataFrame", minimized: Sequence[str]) -> "pandas.DataFrame":
    """Return the points that no other point beats or equals in all figures, with one lower.

    The figures are columns; the lower ones are better. Points in which a figure is missing, as in
    those that are refused, take no part. Of points that are equal in all figures, all are returned.
    """
    with needing_extra("sweep", "a Pareto front"):
        import moocore
    known = points.dropna(subset=list(minimized))
    if known.empty:
        return known
    values = known[list(minimized)].to_numpy("float64")
    return known[moocore.is_nondominated(values, keep_weakly=True)].sort_values(list(minimized))
