"""The estimate as tables for a terminal of 80 columns or more, or for a pipe."""

from typing import TextIO

from rich.console import Console
from rich.table import Table

from hwsim.escape import visible
from hwsim.report import tables
from hwsim.report.comparison import ComparisonFigures
from hwsim.report.document import Document, RunFigures
from hwsim.report.text import calibration, megahertz
from hwsim.report.verification import Verification

LEAST_WIDTH = 80
UNLIMITED = 10_000


def print_document(document: Document, file: TextIO, verbose: bool = False) -> None:
    """Print every table. Numbers are never cut: a narrow terminal wraps lines instead."""
    console = Console(file=file, highlight=False, markup=False, emoji=False)
    console.width = max(LEAST_WIDTH, console.width)
    layers, totals = document.layers, document.totals
    print_lines(console, heading(document), "bold")
    console.print()
    print_table(
        console,
        "Operators: convolutions are priced; bias, rescale and these are fused into them",
        tables.operators(layers),
    )
    print_table(
        console,
        "Cycles against the roofline, and what the MAC array waits for most",
        tables.speed(layers, totals),
    )
    if verbose:
        title = "Where the cycles go: the MAC array is busy, or waits for"
        print_table(console, title, tables.waiting(layers, totals))
    title = "Bytes over the memory bus (beats x bus width), and average bandwidth"
    print_table(console, title, tables.traffic(layers, totals))
    if verbose:
        title = "Of them useful: no padding channels or lanes, no fourth byte per pixel"
        print_table(console, title, tables.useful_traffic(layers))
    print_table(console, "One frame", tables.totals(totals))
    if verbose:
        print_table(console, f"Gates per module, {calibration(totals)}", tables.gates(totals))
        title = "Sources of the energy coefficients: assumed, not calibrated"
        print_table(console, title, tables.energy_sources(totals))
    if document.comparison:
        _print_comparison(console, document.comparison)
    if document.run:
        _print_run(console, document.run)


def heading(document: Document | Verification) -> str:
    """What was priced on what, in one line."""
    network, config = document.network, document.config
    array = config["array"]
    return (
        f"{network.name} {network.input_width_pixels}x{network.input_height_pixels}, "
        f"{network.weight_bits}-bit weights, on {config['name']}: "
        f"{array['input_lanes']}x{array['output_lanes']} lanes, "
        f"{megahertz(config['clock']['clock_hz'])}"
    )


def price_lines(comparison: ComparisonFigures) -> list[str]:
    """What stands beside every comparison of A and C."""
    return [
        "C's condensed layers have k times A's weights, and compute k times A's MACs:",
        f"C moves {comparison.condensed_weight_ratio:.2f} times A's weight bytes "
        f"and {comparison.condensed_total_ratio:.2f} times A's bytes in all.",
        f"{comparison.paper} states a saving of {comparison.paper_saving_ratio:.1%}; how it counts "
        "is not known,",
        "and nothing here is fitted to it.",
    ]


def _print_comparison(console: Console, comparison: ComparisonFigures) -> None:
    title = "Bytes of the same detector, run four ways"
    print_table(console, title, tables.variants(comparison), space=False)
    for variant in comparison.variants:
        print_lines(console, f"{variant.key:2} {variant.description}")
    console.print()
    title = "Saving of virtual maps (C), beside the paper's figure"
    print_table(console, title, tables.savings(comparison), space=False)
    for line in price_lines(comparison):
        print_lines(console, line)
    console.print()


def _print_run(console: Console, run: RunFigures) -> None:
    print_table(
        console, "Stored tensors: codes used of 256, and share at the ends", tables.tensors(run)
    )
    for line in run_lines(run):
        print_lines(console, line)
    console.print()


def run_lines(run: RunFigures) -> list[str]:
    """What was executed, from which weights, and whether it was compared."""
    weights = (
        [
            "Weights are seeded, with batch-norm statistics of real photographs:",
            "values are spread as trained ones would be, detections mean nothing.",
        ]
        if run.weights == "seeded"
        else [f"Weights are those of {run.weights}."]
    )
    checked = (
        "every element equals the integer reference's."
        if run.is_checked
        else "not compared with the reference, as --check would."
    )
    return [*weights, f"Executed bit-exactly on {run.image}; {checked}"]


def print_table(console: Console, title: str, table: Table, space: bool = True) -> None:
    """Print a table that is as wide as its numbers need, under its title."""
    print_lines(console, title, "bold")
    usual = console.width
    unlimited = console.options.update(max_width=UNLIMITED)
    if table.show_header:  # prose may wrap, numbers may not
        console.width = max(usual, console.measure(table, options=unlimited).maximum)
    with console.capture() as capture:
        console.print(table)
    console.width = usual
    for line in capture.get().splitlines():
        console.file.write((line if console.is_terminal else line.rstrip()) + "\n")
    if space:
        console.print()


def print_lines(console: Console, text: str, style: str = "") -> None:
    """Print prose, which the terminal may wrap where it likes, and no control characters."""
    console.print(visible(text), style=style, soft_wrap=True)
