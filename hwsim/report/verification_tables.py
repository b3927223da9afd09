"""The tables that `hwsim verify` prints."""

from collections.abc import Sequence
from dataclasses import astuple
from typing import TextIO

from hwsim.program.traffic import ByteCounts
from hwsim.report.deviations import deviation_table
from hwsim.report.file_figures import step_tables
from hwsim.report.input_array import inputs_text
from hwsim.report.table import Table
from hwsim.report.terminal import Terminal
from hwsim.report.text import heading
from hwsim.report.verification import (
    Verification,
    VerifiedLayer,
    VerifiedOutput,
    VerifiedProgram,
    unequal,
)

PLAIN_VARIANT = "A"  # which is not compared with others
UNBOUND = (
    "The timeline's error was not measured for such a configuration and memory: docs/model.md "
    "has the range."
)


def print_verification(document: Verification, file: TextIO) -> None:
    """Print every program's tables, and then every figure that is out of bounds."""
    terminal = Terminal(file)
    memory = document.config["memory"]
    terminal.print_line(heading(document), "bold")
    terminal.print_line(
        f"memory of {memory['latency_cycles']} cycles latency, "
        f"{memory['bandwidth_bytes_per_cycle']} bytes per cycle"
        f"{' for both directions' if memory['shared'] else ''}; "
        f"{_weights(document.weights)}; on {inputs_text(document.image, document.arrays)}",
    )
    if document.image_as is not None:
        terminal.print_line(f"image: {document.image_as}")
    terminal.print_line()
    for table in step_tables(document.file):
        terminal.print_table(table)
    for program in document.programs:
        terminal.print_table(values_and_cycles(program))
        terminal.print_table(bytes_by_class(program))
    if document.file_outputs:
        terminal.print_table(file_outputs(document.file_outputs))
    if document.deviations:
        terminal.print_table(deviation_table(document.deviations))
    if document.saving:
        terminal.print_line("Saving of virtual maps, as counted on the bus", "bold")
        features, total = document.saving.feature_saving_ratio, document.saving.total_saving_ratio
        terminal.print_line(f"(B - C) / B: features {features:.1%}, all traffic {total:.1%}")
        terminal.print_line()
    only_cycles = set(document.failures) <= set(document.cycles_off)
    if only_cycles and document.layer_bound_ratio is None:
        terminal.print_line(f"Values and bytes are equal. {UNBOUND}")
    elif only_cycles and document.cycles_off:
        terminal.print_line(
            "Values and bytes are equal; the timeline's cycles are out of bounds", "bold"
        )
    elif document.failures:
        terminal.print_line("Out of bounds", "bold")
    else:
        terminal.print_line("Values and bytes are equal, cycles within their bounds.")
    for line in document.cycles_off if only_cycles else document.failures:
        terminal.print_line(line)


def values_and_cycles(program: VerifiedProgram) -> Table:
    rows = tuple(
        (
            layer.name,
            "; ".join(map(str, layer.differences)) or "equal",
            f"{layer.stored_bytes:,}",
            _cycles(layer),
            f"{layer.timeline_cycles:,}",
            _percent(layer.error_ratio),
        )
        for layer in program.layers
    )
    total = (
        "total",
        "",
        f"{sum(layer.stored_bytes for layer in program.layers):,}",
        f"{program.verilog_cycles:,}",
        f"{program.timeline_cycles:,}",
        _percent(program.error_ratio),
    )
    return Table(
        _title(program, program.description, "stored bytes beside golden's, and cycles"),
        ("layer", "machine and Verilog"),
        ("bytes", "Verilog", "timeline", "off"),
        rows,
        (total,),
    )


def _cycles(layer: VerifiedLayer) -> str:
    if layer.on_chip:
        return "on chip"
    return "never" if layer.verilog_cycles is None else f"{layer.verilog_cycles:,}"


def _weights(origin: str) -> str:
    """Return a text of the weights: seeded ones, the network's own, or those of a file's name."""
    known = {"seeded": "seeded weights", "graph": "the network's own constants"}
    return known.get(origin, f"weights of {origin}")


def _title(program: VerifiedProgram, description: str, text: str) -> str:
    """Return a table's title, with variant and program where there may be several."""
    if program.title == PLAIN_VARIANT:
        return text[0].upper() + text[1:]
    return f"{', '.join(filter(None, (program.title, description)))}: {text}"


def file_outputs(outputs: Sequence[VerifiedOutput]) -> Table:
    """Return the outputs of a file's network, end to end."""
    return Table(
        "Outputs of Verilog and host, beside what is expected of them",
        ("output", "verdict"),
        ("elements",),
        tuple(
            (
                each.name,
                f"{each.different_elements:,} differ" if each.different_elements else "equal",
                f"{each.elements:,}",
            )
            for each in outputs
        ),
    )


def bytes_by_class(program: VerifiedProgram) -> Table:
    """Return the bytes on the bus layer by layer, then each witness's totals."""

    def row(name: str, found: ByteCounts, timeline: ByteCounts) -> tuple[str, ...]:
        verdict = "unequal" if any(unequal(name, found, timeline)) else "equal"
        return (name, *(f"{count:,}" for count in (*astuple(found), found.total)), verdict)

    witnesses = {
        "bus monitor": program.monitor_bytes,
        "counters": program.counter_bytes,
        "machine": program.machine_bytes,
        "timeline": program.timeline_bytes,
    }
    return Table(
        _title(program, "", "bytes over the memory bus"),
        ("",),
        ("program", "weights", "read", "written", "total", "timeline"),
        tuple(row(layer.name, layer.bus_bytes, layer.timeline_bytes) for layer in program.layers),
        tuple(row(name, found, program.timeline_bytes) for name, found in witnesses.items()),
    )


def _percent(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:+.3%}"
