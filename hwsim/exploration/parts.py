"""The part files of a sweep: the rows of a batch, kept under the name of their content."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from hwsim.errors import InputError
from hwsim.escape import quoted
from hwsim.exploration.rows import schema
from hwsim.exploration.space import Settings, Space
from hwsim.files import replace_file

if TYPE_CHECKING:
    import pyarrow

FOLDER = "parts"
TABLE = "points.parquet"


@dataclass(frozen=True)
class Batch:
    """Points that are priced together, and the name of their content."""

    points: tuple[Settings, ...]
    key: str


@dataclass(frozen=True)
class Parts:
    """The folder of a sweep. Every file in it is written whole, or is not there."""

    folder: Path
    space: Space

    def create(self) -> None:
        """Make the folders. Raises `InputError` where that cannot be."""
        try:
            (self.folder / FOLDER).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"cannot create folder {quoted(self.folder)}: {error.strerror}"
            ) from None

    def read(self, batch: Batch) -> "pyarrow.Table | None":
        """Return the rows of a batch that an earlier sweep has left; None if there are none.

        What cannot be read as its rows counts as not there, and is written anew.
        """
        import pyarrow
        from pyarrow import parquet

        path = self._path(batch)
        if not path.is_file():
            return None
        try:
            found = parquet.read_table(path)
        except (pyarrow.ArrowException, OSError):
            return None
        fits = found.schema.equals(schema(self.space)) and found.num_rows == len(batch.points)
        return found if fits else None

    def write(self, batch: Batch, rows: "pyarrow.Table") -> None:
        """Keep the rows of a batch."""
        self._replace(self._path(batch), rows)

    def finish(self, batches: Sequence["pyarrow.Table"]) -> "pyarrow.Table":
        """Write the table of all batches, in their order; return it."""
        import pyarrow

        whole = pyarrow.concat_tables(batches)
        self._replace(self.folder / TABLE, whole)
        return whole

    def _path(self, batch: Batch) -> Path:
        return self.folder / FOLDER / f"{batch.key}.parquet"

    def _replace(self, path: Path, rows: "pyarrow.Table") -> None:
        from pyarrow import parquet

        content = BytesIO()
        parquet.write_table(rows, content)
        try:
            replace_file(path, content.getvalue())
        except OSError as error:
            raise InputError(f"cannot write {quoted(path)}: {error.strerror}") from None
