"""How a notebook shows tables."""

from collections.abc import Iterable

from hwsim.report.table import Facts, Table
from hwsim.report.templating import environment


def notebook_html(tables: Iterable[Table | Facts], heading: str = "") -> str:
    """Return a fragment of HTML; every text in it is escaped."""
    template = environment().get_template("notebook.html")
    return template.render(heading=heading, tables=list(tables))
