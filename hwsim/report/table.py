"""Tables as records: a terminal and a page each show the same ones in their own way."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Rows of text under a title.

    `words` head the columns on the left, `numbers` those behind, which are aligned on the right.
    `last` rows are set apart from the others, as a total is; `notes` are lines below.
    """

    title: str
    words: tuple[str, ...]
    numbers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    last: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Names and what is said of each, in prose that may run over several lines."""

    title: str
    rows: dict[str, str]
