"""The tables of a sweep: its front, and the reasons for which points are refused."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hwsim.arch.config import Config
from hwsim.exploration.front import front
from hwsim.exploration.point import MEETS_LIMITS, REFUSED
from hwsim.exploration.space import Space
from hwsim.flows.network import Network
from hwsim.graph.steps import FileNetwork
from hwsim.report.table import Table

if TYPE_CHECKING:
    import pandas

MOST_ROWS = 30  # of the front in a terminal; files have all
NUMBER = re.compile(r"(?<![\w.])\d[\d_,.]*\b")
ANY_NUMBER = "…"


def network_name(network: Network) -> str:
    """Return the name of a network, from a file or not."""
    return network.graph.name if isinstance(network, FileNetwork) else network.name


def sweep_heading(points: "pandas.DataFrame", network: Network, config: Config) -> str:
    """Return the network, the accelerator that others differ from, and how many there are."""
    refused = int(points[REFUSED].notna().sum())
    return (
        f"{network_name(network)} on {len(points):,} accelerators like {config.name}: "
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


def search_heading(tried: "pandas.DataFrame", networks: Sequence[Network], config: Config) -> str:
    """Return the networks, the accelerator that others differ from, and what was tried."""
    names = ", ".join(map(network_name, networks))
    refused = int(tried[REFUSED].notna().sum())
    met = int(tried[MEETS_LIMITS].fillna(False).sum())
    return (
        f"{names}: {len(tried):,} accelerators like {config.name} tried: {met:,} meet all limits, "
        f"{len(tried) - refused - met:,} do not, {refused:,} refused"
    )


def search_tables(
    tried: "pandas.DataFrame", minimized: Sequence[str], limits: Mapping[str, float]
) -> list[Table]:
    """Return the tables of a search: the best of what meets the limits, and what is refused."""
    allowed = tried[tried[MEETS_LIMITS].fillna(False)]
    best = front(allowed, minimized)
    figures = tuple(dict.fromkeys((*minimized, *limits)))
    keys = [name for name in tried.columns if name not in (*figures, MEETS_LIMITS, REFUSED)]
    shown = best.head(MOST_ROWS)
    cells = zip(*(shown[name].tolist() for name in (*keys, *figures)), strict=True)
    bounds = ", ".join(f"{name} <= {_cell(most)}" for name, most in limits.items())
    found = Table(
        f"Least {', '.join(minimized)}{f' with {bounds}' if bounds else ''}: "
        f"{len(best):,} accelerators",
        (),
        (*keys, *figures),
        tuple(tuple(map(_cell, row)) for row in cells),
        notes=(f"The first {MOST_ROWS} are shown.",) if len(best) > MOST_ROWS else (),
    )
    reasons = refusals(tried)
    return [found, *([_refused(reasons)] if reasons else [])]


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
    return f"{value:,.0f}" if value == int(value) else f"{value:,.6g}"
