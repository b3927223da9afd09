"""What `hwsim verify` prints."""

from dataclasses import astuple
from typing import TextIO

from rich.console import Console
from rich.table import Table

from hwsim.program.traffic import ByteCounts
from hwsim.report.tables import new_table
from hwsim.report.terminal import LEAST_WIDTH, heading, print_lines, print_table
from hwsim.report.verification import Verification, VerifiedProgram, unequal


def print_verification(document: Verification, file: TextIO) -> None:
    """Print every program's tables, and at the end what is out of bounds."""
    console = Console(file=file, highlight=False, markup=False, emoji=False)
    console.width = max(LEAST_WIDTH, console.width)
    memory = document.config["memory"]
    print_lines(console, heading(document), "bold")
    print_lines(
        console,
        f"memory of {memory['latency_cycles']} cycles latency, "
        f"{memory['bandwidth_bytes_per_cycle']} bytes per cycle; "
        f"{document.weights} weights; on {document.image}",
    )
    console.print()
    for program in document.programs:
        _print_program(console, program)
    if document.saving:
        print_lines(console, "Saving of virtual maps, as counted on the bus", "bold")
        features, total = document.saving.feature_saving_ratio, document.saving.total_saving_ratio
        print_lines(console, f"(B - C) / B: features {features:.1%}, all traffic {total:.1%}")
        console.print()
    if document.failures:
        print_lines(console, "Out of bounds", "bold")
        for failure in document.failures:
            print_lines(console, failure)
    else:
        print_lines(console, "Values and bytes are equal, cycles within their bounds.")


def _print_program(console: Console, program: VerifiedProgram) -> None:
    title = f"{program.variant}, {program.description}: stored bytes beside golden's, and cycles"
    print_table(console, title, values_and_cycles(program))
    print_table(console, f"{program.variant}: bytes over the memory bus", bytes_by_class(program))


def values_and_cycles(program: VerifiedProgram) -> Table:
    table = new_table(("layer", "machine and Verilog"), ("bytes", "Verilog", "timeline", "off"))
    for layer in program.layers:
        table.add_row(
            layer.name,
            "; ".join(map(str, layer.differences)) or "equal",
            f"{layer.stored_bytes:,}",
            "never" if layer.verilog_cycles is None else f"{layer.verilog_cycles:,}",
            f"{layer.timeline_cycles:,}",
            _percent(layer.error_ratio),
        )
    table.add_section()
    table.add_row(
        "total",
        "",
        f"{sum(layer.stored_bytes for layer in program.layers):,}",
        f"{program.verilog_cycles:,}",
        f"{program.timeline_cycles:,}",
        _percent(program.error_ratio),
    )
    return table


def bytes_by_class(program: VerifiedProgram) -> Table:
    """The bus's, layer by layer; then each witness's totals."""
    table = new_table(("",), ("program", "weights", "read", "written", "total", "timeline"))

    def add(name: str, found: ByteCounts, timeline: ByteCounts) -> None:
        verdict = "unequal" if any(unequal(name, found, timeline)) else "equal"
        table.add_row(name, *(f"{count:,}" for count in (*astuple(found), found.total)), verdict)

    for layer in program.layers:
        add(layer.name, layer.bus_bytes, layer.timeline_bytes)
    table.add_section()
    for name, found in (
        ("bus monitor", program.monitor_bytes),
        ("counters", program.counter_bytes),
        ("machine", program.machine_bytes),
        ("timeline", program.timeline_bytes),
    ):
        add(name, found, program.timeline_bytes)
    return table


def _percent(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:+.3%}"
