"""A table of records with figures, for notebooks, data frames and programs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar, overload

from hwsim.extras import needing_extra
from hwsim.report.table import Table

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pandas import DataFrame

    Record = TypeVar("Record", bound=DataclassInstance)
else:
    Record = TypeVar("Record")


class Records(Sequence[Record]):
    """An immutable table with a frozen dataclass per row, whose fields are the columns.

    Iterating and indexing give rows. A notebook and `print` show the whole table.
    """

    def __init__(self, kind: type[Record], rows: Iterable[Record]) -> None:
        self._kind = kind
        self._rows = tuple(rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, with their units."""
        return tuple(field.name for field in fields(self._kind))

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._rows)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> "Records[Record]": ...
    def __getitem__(self, index: int | slice) -> "Record | Records[Record]":
        chosen = self._rows[index]
        return Records(self._kind, chosen) if isinstance(chosen, tuple) else chosen

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Records):
            return NotImplemented
        return self._kind is other._kind and self._rows == other._rows

    def __hash__(self) -> int:
        return hash((self._kind, self._rows))

    def to_dict(self) -> dict[str, list[Any]]:
        """Return every column's values under its name."""
        return {name: [_value(getattr(row, name)) for row in self._rows] for name in self.columns}

    def to_frame(self) -> "DataFrame":
        """Return a data frame of pandas, which is an optional dependency."""
        with needing_extra("notebook", "a data frame"):
            from pandas import DataFrame
        return DataFrame(self.to_dict(), columns=list(self.columns))

    def to_table(self, title: str = "") -> Table:
        """Return the rows as texts; columns of words come first."""
        values = self.to_dict()
        words = [name for name in values if any(isinstance(x, str) for x in values[name])]
        numbers = [name for name in values if name not in words]
        rows = zip(*(map(_text, values[name]) for name in (*words, *numbers)), strict=True)
        return Table(title, tuple(words), tuple(numbers), tuple(rows))

    def _repr_html_(self) -> str:
        from hwsim.report.notebook import notebook_html

        return notebook_html([self.to_table()])

    def __str__(self) -> str:
        from hwsim.report.terminal import table_text

        return table_text(self.to_table())

    def __repr__(self) -> str:
        return f"<{len(self)} rows of {self._kind.__name__}: {', '.join(self.columns)}>"


def _value(value: object) -> object:
    """Return the joined names of a tuple of named records; return any other value unchanged."""
    if isinstance(value, tuple) and value and all(hasattr(each, "name") for each in value):
        return " + ".join(str(each.name) for each in value)
    return value


def _text(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
