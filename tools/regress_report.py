"""Report what a regression has seen: `python -m tools.regress_report --set quick|full`.

Reads build/coverage/functional/*.jsonl and build/coverage/verilator/*.dat, prints tables, writes
build/coverage/report.json and report.md, and ends with status 1 where something is missing: a bin
that the set requires, and for the full set too few lines, a line that ran in no build and has no
reason for it, or an exclusion that excuses nothing.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from hwsim.errors import InputError
from hwsim.testbenches.coverage import BINS, GROUPS, Bin, Regression, missing, recorded
from tools.verilog_coverage import (
    Exclusion,
    Line,
    ModuleCoverage,
    by_module,
    ran_nowhere,
    read_counts,
    read_exclusions,
    share,
    without,
)

ROOT = Path(__file__).resolve().parents[1]
EXCLUSIONS = Path(__file__).with_name("coverage_exclusions.toml")
LEAST_LINES = 0.95  # share of the lines that the full set must reach
SHOWN = 40  # lines that ran in no build, on a terminal; the report has all


@dataclass(frozen=True)
class Report:
    """The bins and lines that a regression has seen, and those that it must still see."""

    regression: Regression
    seen: dict[str, list[str]]  # bin -> tests
    missing: list[Bin]
    modules: dict[str, ModuleCoverage]  # none where no lines were counted
    unused: list[Exclusion]

    @property
    def line_share(self) -> float:
        return share(count for module in self.modules.values() for count in module.lines.values())

    @property
    def uncovered(self) -> list[Line]:
        return [line for module in self.modules.values() for line in module.uncovered]

    @property
    def ran_nowhere(self) -> list[Line]:
        return ran_nowhere(self.modules)

    @property
    def complaints(self) -> list[str]:
        """One line for each thing that is missing; empty for a regression that holds."""
        found = [f"no run saw '{bin_.name}': {bin_.meaning}" for bin_ in self.missing]
        if self.regression is Regression.FULL:
            if not self.modules:
                found.append("no lines were counted: run with VERILOG_COVERAGE=1")
            elif self.line_share < LEAST_LINES:
                found.append(f"{self.line_share:.1%} of the lines ran, not {LEAST_LINES:.0%}")
            if self.ran_nowhere:
                found.append(f"{len(self.ran_nowhere)} lines ran in no build, without a reason")
            found += [
                f"exclusion excuses no line: module '{entry.module}', text '{entry.text}'"
                for entry in self.unused
            ]
        return found


def collect(folder: Path, regression: Regression, exclusions: Path = EXCLUSIONS) -> Report:
    """Merge what all processes left in a folder."""
    seen = recorded(folder / "functional")
    paths = sorted((folder / "verilator").glob("*.dat"))
    modules, unused = without(by_module(read_counts(paths)), read_exclusions(exclusions))
    lacking = missing(seen, regression)
    return Report(regression, seen, lacking, dict(sorted(modules.items())), unused)


# --- as tables, and as files --------------------------------------------------------------------


def bin_rows(report: Report) -> list[tuple[str, str, str, str]]:
    """(bin, meaning, set, by how many tests it was seen)."""
    lacking = set(report.missing)
    rows = []
    for name, bin_ in BINS.items():
        tests = len(report.seen.get(name, ()))
        count = f"{tests} test{'s' * (tests != 1)}" if tests else "-"
        count = "MISSING" if bin_ in lacking else count
        rows.append((name, bin_.meaning, bin_.required.value, count))
    return rows


def module_rows(report: Report) -> list[tuple[str, str, str, str, str]]:
    """(module, lines, and the shares of lines, branches, toggles), the total last."""
    total = ModuleCoverage()
    rows = []
    for name, module in report.modules.items():
        rows.append(_module_row(name, module))
        total.lines |= module.lines
        total.branches |= module.branches
        total.toggles |= module.toggles
    return [*rows, _module_row("total", total)]


def _module_row(name: str, module: ModuleCoverage) -> tuple[str, str, str, str, str]:
    counts = (module.lines, module.branches, module.toggles)
    shares = [f"{share(part.values()):.1%}" if part else "-" for part in counts]
    return name, str(len(module.lines)), shares[0], shares[1], shares[2]


BIN_COLUMNS = ("bin", "seen where", "set", "seen by")
MODULE_COLUMNS = ("module", "lines", "lines run", "branches", "toggles")


def show(report: Report, console: Console) -> None:
    """Print the tables, and what is missing last."""
    table = Table(*BIN_COLUMNS, title="What the tests have seen", title_justify="left")
    last = {group[-1].name for group in GROUPS.values()}
    for row in bin_rows(report):
        style = "bold red" if row[-1] == "MISSING" else None
        table.add_row(*row, style=style, end_section=row[0] in last)
    console.print(table)
    if report.modules:
        table = Table(*MODULE_COLUMNS, title="What of the Verilog ran", title_justify="left")
        for module in module_rows(report):
            table.add_row(*module)
        console.print(table)
        for line in report.ran_nowhere[:SHOWN]:
            text = f"ran in no build: {line.module}: {line.text}"
            console.print(text, markup=False, highlight=False, soft_wrap=True)
        if len(report.ran_nowhere) > SHOWN:
            console.print(f"... and {len(report.ran_nowhere) - SHOWN} lines more, in report.md")
    for complaint in report.complaints:
        console.print(complaint, style="red", markup=False, highlight=False, soft_wrap=True)


def markdown(report: Report) -> str:
    parts = [f"# What the {report.regression.value} regression has seen", ""]
    parts += [f"* **{complaint}**" for complaint in report.complaints] + [""]
    parts += _markdown_table(BIN_COLUMNS, bin_rows(report))
    if report.modules:
        parts += ["", "## Verilog", "", *_markdown_table(MODULE_COLUMNS, module_rows(report))]
        nowhere = report.ran_nowhere
        parts += ["", "## Lines that ran in no build", "", *map(_listed, nowhere)]
        parts += ["", "## Lines that did not run in one build", "", *map(_listed, report.uncovered)]
    return "\n".join(parts) + "\n"


def _listed(line: Line) -> str:
    return f"    {line.module} {line.design}:{line.number}: {line.text}"


def _markdown_table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    lines = [columns, ("---",) * len(columns), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def as_json(report: Report) -> str:
    modules = {
        name: {
            "lines": len(module.lines),
            "line_share": share(module.lines.values()),
            "branch_share": share(module.branches.values()),
            "toggle_share": share(module.toggles.values()),
            "never_run": [line._asdict() for line in module.uncovered],
        }
        for name, module in report.modules.items()
    }
    data = {
        "set": report.regression.value,
        "complaints": report.complaints,
        "bins": {name: report.seen.get(name, []) for name in BINS},
        "line_share": report.line_share if report.modules else None,
        "modules": modules,
    }
    return json.dumps(data, indent=1) + "\n"


@click.command(help=__doc__)
@click.option(
    "--set", "name", type=click.Choice([each.value for each in Regression]), required=True
)
@click.option(
    "--folder", type=click.Path(path_type=Path), default=ROOT / "build" / "coverage", hidden=True
)
def main(name: str, folder: Path) -> None:
    try:
        report = collect(folder, Regression(name))
    except InputError as error:
        raise click.ClickException(str(error)) from None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(as_json(report), "utf-8")
    (folder / "report.md").write_text(markdown(report), "utf-8")
    show(report, Console())
    sys.exit(1 if report.complaints else 0)


if __name__ == "__main__":
    main()
