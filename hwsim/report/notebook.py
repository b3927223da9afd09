"""The HTML of tables for a notebook."""

from collections.abc import Iterable

from hwsim.report.table import Facts, Table
from hwsim.report.templating import environment


def notebook_html(tables: Iterable[Table | Facts], heading: str = "") -> str:
    """Return tables as a fragment of HTML, in which every text is escaped."""
    template = environment().get_template("notebook.html")
    return template.render(heading=heading, tables=list(tables))
