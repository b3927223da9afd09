"""The base of all results of workflows, which can show themselves and become data frames."""

import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hwsim.report.records import Records
from hwsim.report.table import Facts, Table

if TYPE_CHECKING:
    from pandas import DataFrame


class Result(ABC):
    """A document of figures, with tables for a person and values for a program."""

    @property
    @abstractmethod
    def heading(self) -> str:
        """One line that names the subject of the result."""

    @property
    @abstractmethod
    def tables(self) -> Sequence[Table | Facts]:
        """The tables that the command prints below the heading."""

    @property
    @abstractmethod
    def layers(self) -> Records[Any]:
        """The rows of the data frame."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return everything, as `--json` writes it."""

    def to_frame(self) -> "DataFrame":
        """Return a data frame of pandas, which is an optional dependency."""
        return self.layers.to_frame()

    def _repr_html_(self) -> str:
        from hwsim.report.notebook import notebook_html

        return notebook_html(self.tables, self.heading)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.heading}>"

    def __str__(self) -> str:
        from hwsim.report.terminal import print_tables

        text = io.StringIO()
        print_tables(self.heading, self.tables, text)
        return text.getvalue()
