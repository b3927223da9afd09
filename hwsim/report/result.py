"""What every result of a workflow can do: show itself, and become a dict or a data frame."""

import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hwsim.report.records import Records
from hwsim.report.table import Facts, Table

if TYPE_CHECKING:
    from pandas import DataFrame


class Result(ABC):
    """A document of figures, as a person and as a program read it."""

    @property
    @abstractmethod
    def heading(self) -> str:
        """What was found out about what, in one line."""

    @property
    @abstractmethod
    def tables(self) -> Sequence[Table | Facts]:
        """What the command prints below the heading."""

    @property
    @abstractmethod
    def layers(self) -> Records[Any]:
        """The rows that the data frame has."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return everything, as `--json` writes it."""

    def to_frame(self) -> "DataFrame":
        """Return a data frame of pandas; pandas is an extra."""
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
