"""The rows of a sweep as a table of Arrow, which Parquet stores and pandas shows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from hwsim.exploration.point import REFUSED, Row, total_names
from hwsim.exploration.space import Axis, Settings, Space, Value
from hwsim.extras import needing_extra
from hwsim.report.totals import TotalFigures

if TYPE_CHECKING:
    import pandas
    import pyarrow

PURPOSE = "a sweep"
EXTRA = "sweep"


def schema(space: Space) -> "pyarrow.Schema":
    """Return the columns of a sweep: its keys, all totals, and why a point is refused."""
    with needing_extra(EXTRA, PURPOSE):
        import pyarrow
    kinds = {int: pyarrow.int64(), float: pyarrow.float64(), bool: pyarrow.bool_()}
    axes = [(axis.key, kinds.get(_kind(axis), pyarrow.string())) for axis in space.axes]
    totals = [(name, kinds[_total_kind(name)]) for name in total_names()]
    return pyarrow.schema([*axes, *totals, (REFUSED, pyarrow.string())])


def table(space: Space, points: Sequence[Settings], rows: Sequence[Row]) -> "pyarrow.Table":
    """Return a table with the settings and the row of every point."""
    import pyarrow

    kinds = {axis.key: _kind(axis) for axis in space.axes}
    whole = [
        {**{key: kinds[key](value) for key, value in settings.items()}, **row}
        for settings, row in zip(points, rows, strict=True)
    ]
    return pyarrow.Table.from_pylist(whole, schema=schema(space))


def frame(table: "pyarrow.Table") -> "pandas.DataFrame":
    """Return a table as a data frame, in which a figure that is missing stays a missing integer."""
    with needing_extra(EXTRA, PURPOSE):
        import pandas
        import pyarrow
    types = {
        pyarrow.int64(): pandas.Int64Dtype(),
        pyarrow.float64(): pandas.Float64Dtype(),
        pyarrow.bool_(): pandas.BooleanDtype(),
        pyarrow.string(): pandas.StringDtype(),
    }
    return table.to_pandas(types_mapper=types.get)


def _kind(axis: Axis) -> type[Value]:
    """Return the type that all values of a key have: numbers of both kinds are real numbers."""
    kinds = {type(value) for value in axis.values}
    if kinds == {int, float}:
        return float
    return kinds.pop() if len(kinds) == 1 else str


def _total_kind(name: str) -> type[int] | type[float]:
    """Return the type of a total's number."""
    kind: Any = TotalFigures
    for part in name.split("."):
        hint = get_type_hints(kind)[part]
        kinds = get_args(hint) or (hint,)
        kind = next(each for each in kinds if each is not type(None))
    return float if kind is float else int
