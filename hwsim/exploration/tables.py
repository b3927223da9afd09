"""The tables of a sweep: its front, and the reasons for which points are refused."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hwsim.arch.config import Config
from hwsim.exploration.front import front
from hwsim.exploration.point import REFUSED
from hwsim.exploration.space import Space
from hwsim.flows.network import Network
from hwsim.graph.steps import FileNetwork
from hwsim.report.table import Table

if TYPE_CHECKING:
    import pandas

MOST_ROWS = 30  # of the front in a terminal; files have all
NUMBER = re.compile(r"(?<![\w.])\d[\d_,.]*\b")
ANY_NUMBER = "…"


def sweep_heading(points: "pandas.DataFrame", network: Network, config: Config) -> str:
    """Return the network, the accelerator that others differ from, and how many there are."""
    refused = int(points[REFUSED].notna().sum())
    name = network.graph.name if isinstance(network, FileNetwork) else network.name
    return (
        f"{name} on {len(points):,} accelerators like {config.name}: "
        f"{len(points) - refused:,} priced, {refused:,} refused"
    )


def sweep_tables(points: "pandas.DataFrame", space: Space, minimized: Sequence[str]) -> list[Table]:
    """Return the tables of a sweep. The second is left out where nothing is refused."""
    best = front(points, minimized)
    keys = tuple(axis.key for axis in space.axes)
    notes = (
        f"None of the other {points[REFUSED].isna().sum() - len(best):,} accelerators is lower in "
        "one of these figures and no higher in the others.",
        *([f"The first {MOST_ROWS} of {len(best):,} are shown."] * (len(best) > MOST_ROWS)),
    )
    shown = best.head(MOST_ROWS)
    cells = zip(*(shown[name].tolist() for name in (*keys, *minimized)), strict=True)
    fronts = Table(
        f"Pareto front over {', '.join(minimized)}: {len(best):,} accelerators",
        (),
        (*keys, *minimized),
        tuple(tuple(map(_cell, row)) for row in cells),
        notes=notes,
    )
    reasons = refusals(points)
    return [fronts, *([_refused(reasons)] if reasons else [])]


def refusals(points: "pandas.DataFrame") -> dict[str, int]:
    """Return how many points each reason refuses, the most frequent first; numbers do not count."""
    reasons = points[REFUSED].dropna().str.replace(NUMBER, ANY_NUMBER, regex=True)
    return {str(reason): int(count) for reason, count in reasons.value_counts().items()}


def _refused(reasons: dict[str, int]) -> Table:
    rows = tuple((reason, f"{count:,}") for reason, count in reasons.items())
    return Table("Refused, by reason", ("reason",), ("accelerators",), rows)


def _cell(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
