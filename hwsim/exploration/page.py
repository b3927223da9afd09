"""The page of a sweep: every accelerator as a point, with the front over any two figures."""

import shlex
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from hwsim.exploration.point import REFUSED, total_names
from hwsim.exploration.space import Space
from hwsim.exploration.tables import sweep_tables
from hwsim.report.templating import environment
from hwsim.report.web_page import plotly_script

if TYPE_CHECKING:
    import pandas

HIGHER_IS_BETTER = ("frames_per_second", "mac_utilisation_ratio", "busy_ratio")


def page_text(
    points: "pandas.DataFrame",
    space: Space,
    minimized: Sequence[str],
    heading: str,
    command: Sequence[str],
) -> str:
    """Return the page. `command` has the words of the estimate that every point begins with."""
    priced = points[points[REFUSED].isna()]
    keys = [axis.key for axis in space.axes]
    figures = [name for name in total_names() if priced[name].notna().any()]
    data = {
        "keys": keys,
        "figures": figures,
        "higher": list(HIGHER_IS_BETTER),
        "columns": {name: _numbers(priced[name]) for name in (*keys, *figures)},
        "command": shlex.join(command),
        "chosen": [*minimized, *figures][:2],
    }
    return (
        environment()
        .get_template("sweep.html")
        .render(
            hwsim_version=version("hwsim"),
            has_energy="energy.total_mj" in figures,
            heading=heading,
            data=data,
            tables=sweep_tables(points, space, minimized),
            plotly=Markup(plotly_script()),
        )
    )


def _numbers(column: "pandas.Series[Any]") -> list[Any]:
    known = column.notna().tolist()
    return [value if there else None for value, there in zip(column.tolist(), known, strict=True)]
