"""The printing of tables to a terminal of 80 columns or more, or to a pipe."""

import io
from collections.abc import Iterable
from typing import TextIO

import rich.table
from rich import box
from rich.console import Console

from hwsim.escape import visible
from hwsim.report.document import Document
from hwsim.report.table import Facts, Table
from hwsim.report.tables import document_tables
from hwsim.report.text import heading

LEAST_WIDTH = 80
UNLIMITED = 10_000


class Terminal:
    """Prints lines and tables. Numbers are never cut; a narrow terminal wraps lines instead.

    Control characters are shown, not sent.
    """

    def __init__(self, file: TextIO):
        self._console = Console(file=file, highlight=False, markup=False, emoji=False)
        self._console.width = max(LEAST_WIDTH, self._console.width)

    def print_line(self, text: str = "", style: str = "") -> None:
        """Print a line of prose, which the terminal may wrap anywhere."""
        self._console.print(visible(text), style=style, soft_wrap=True)

    def print_table(self, table: Table | Facts) -> None:
        """Print a table as wide as its numbers need, between its title and its notes."""
        self.print_line(table.title, "bold")
        self._print_grid(_facts(table) if isinstance(table, Facts) else _grid(table))
        for note in table.notes if isinstance(table, Table) else ():
            self.print_line(note)
        self.print_line()

    def _print_grid(self, grid: rich.table.Table) -> None:
        console = self._console
        usual = console.width
        unlimited = console.options.update(max_width=UNLIMITED)
        if grid.show_header:  # prose may wrap, numbers may not
            console.width = max(usual, console.measure(grid, options=unlimited).maximum)
        with console.capture() as capture:
            console.print(grid)
        console.width = usual
        for line in capture.get().splitlines():
            console.file.write((line if console.is_terminal else line.rstrip()) + "\n")


def _grid(table: Table) -> rich.table.Table:
    grid = rich.table.Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for name in table.words:
        grid.add_column(name, no_wrap=True)
    for name in table.numbers:
        grid.add_column(name, justify="right", no_wrap=True)
    for row in table.rows:
        grid.add_row(*map(visible, row))
    if table.last:
        grid.add_section()
    for row in table.last:
        grid.add_row(*map(visible, row))
    return grid


def _facts(facts: Facts) -> rich.table.Table:
    """Return names on the left, text on the right, wrapped to the terminal."""
    grid = rich.table.Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for name, text in facts.rows.items():
        grid.add_row(visible(name), visible(text))
    return grid


def table_text(table: Table) -> str:
    """Return a table without a title as lines of text, the last one without a line end."""
    text = io.StringIO()
    Terminal(text).print_table(table)
    return text.getvalue().strip("\n")


def print_tables(heading: str, tables: Iterable[Table | Facts], file: TextIO) -> None:
    """Print tables below a heading."""
    terminal = Terminal(file)
    terminal.print_line(heading, "bold")
    terminal.print_line()
    for table in tables:
        terminal.print_table(table)


def print_document(document: Document, file: TextIO, verbose: bool = False) -> None:
    """Print every table of an estimate or a run."""
    print_tables(heading(document), document_tables(document, verbose), file)
