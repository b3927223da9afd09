"""Tables as records, which a terminal and a page each show in their own way."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Rows of text under a title.

    `words` are the headings of the columns on the left; `numbers` are those of the columns after
    them, which are aligned on the right. The `last` rows are set apart from the others, as a total
    is. The `notes` are lines below the table.
    """

    title: str
    words: tuple[str, ...]
    numbers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    last: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Names, each with a text about it that may run over several lines."""

    title: str
    rows: dict[str, str]
