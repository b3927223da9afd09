"""Put a finished document where the options say: into files, onto standard output, into tables."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from hwsim.cli.options import STANDARD_OUTPUT, Verbosity
from hwsim.cli.outputs import Outputs
from hwsim.escape import visible
from hwsim.flows.results import EstimateResult, RunResult

PAGE = "index.html"


@dataclass(frozen=True)
class JsonFile:
    """The destination of `--json`: none, a file, or standard output, which then has only JSON."""

    name: str | None

    @property
    def _path(self) -> str | None:
        return None if self.name == STANDARD_OUTPUT else self.name

    def reserve(self, outputs: Outputs) -> None:
        """Refuse a file that cannot be written, before the long work begins."""
        if self.name is not None:
            outputs.reserve(self.name)

    def contents(self, text: str) -> dict[str, str]:
        """Return what to write into files: nothing, or the text under its name."""
        return {} if self._path is None else {self._path: text}

    def show(self, text: str, verbosity: Verbosity, print_tables: Callable[[], None]) -> None:
        """Print JSON alone, or tables, or nothing to standard output."""
        if self.name == STANDARD_OUTPUT:
            sys.stdout.write(text)
        elif verbosity is not Verbosity.QUIET:
            print_tables()


@dataclass(frozen=True)
class Wanted:
    """The names of the files that a command must write; `json` may be standard output."""

    page: str | None = None
    json: str | None = None
    csv: str | None = None
    trace: str | None = None
    arrays: str | None = None  # of the outputs of a run

    def reserve(self, outputs: Outputs) -> None:
        """Refuse a file that cannot be written, before the long work begins."""
        if self.page is not None:
            from hwsim.report.web_page import plotly_script

            plotly_script()  # refuse early if this extra is missing
        for file in (self.page, self.json, self.csv, self.trace, self.arrays):
            if file is not None:
                outputs.reserve(file)

    def contents(self, found: EstimateResult) -> dict[str, str | bytes]:
        """Return the content of every file."""
        contents: dict[str, str | bytes] = {}
        if self.json is not None and self.json != STANDARD_OUTPUT:
            from hwsim.report.json_text import json_text

            contents[self.json] = json_text(found.document)
        if self.csv is not None:
            from hwsim.report.csv_rows import csv_text

            contents[self.csv] = csv_text(found.document)
        if self.trace is not None:
            from hwsim.report.perfetto import trace_text

            contents[self.trace] = trace_text(found.estimate, found.file)
        if self.page is not None:
            from hwsim.report.web_page import page_text

            contents[self.page] = page_text(found.document, found.estimate)
        if self.arrays is not None and isinstance(found, RunResult):
            from hwsim.flows.array_files import npz_bytes

            contents[self.arrays] = npz_bytes(found.outputs, _comment(found))
        return contents

    def show(self, found: EstimateResult, verbosity: Verbosity) -> None:
        """Print JSON alone, or tables, or nothing to standard output, and warnings to stderr."""
        if self.json == STANDARD_OUTPUT:
            from hwsim.report.json_text import json_text

            sys.stdout.write(json_text(found.document))
        elif verbosity is not Verbosity.QUIET:
            from hwsim.report.terminal import print_document

            print_document(found.document, sys.stdout, verbose=verbosity is Verbosity.VERBOSE)
        if isinstance(found, RunResult):
            from hwsim.report.text import warning_lines

            for line in warning_lines(found.run):
                click.echo(f"hwsim: warning: {visible(line)}", err=True)


def _comment(found: RunResult) -> str:
    """Return what a file of outputs says of the arithmetic, and of what an image became."""
    parts = [f"kernels: {found.file.kernels}"] if found.file else []
    if found.file and found.file.fast_rescale:
        parts.append("fast rescale")
    if found.run.image_as is not None:
        parts.append(f"image: {found.run.image_as}")
    return "; ".join(parts)


def page_in(folder: str | None, outputs: Outputs) -> str | None:
    """Make the folder that `--html` names, and return the path of the page in it."""
    if folder is None:
        return None
    outputs.create_folder(folder)
    return str(Path(folder) / PAGE)
