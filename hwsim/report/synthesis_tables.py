"""What `hwsim synth` prints."""

from typing import TextIO

from rich.console import Console
from rich.table import Table

from hwsim.report.synthesis import FpgaSynthesis, GateSynthesis, Synthesis
from hwsim.report.tables import new_table
from hwsim.report.terminal import LEAST_WIDTH, print_lines, print_table


def print_synthesis(document: Synthesis, file: TextIO) -> None:
    """Print what was found, and with what."""
    console = Console(file=file, highlight=False, markup=False, emoji=False)
    console.width = max(LEAST_WIDTH, console.width)
    array, widths = document.config["array"], document.config["widths"]
    print_lines(
        console,
        f"{document.config['name']}: {array['input_lanes']}x{array['output_lanes']} lanes, "
        f"{widths['weight_bits']}-bit weights; {', '.join(document.tools)}",
        "bold",
    )
    console.print()
    if found := document.gates:
        title = f"Gates in NAND2 equivalents ({found.technology}), and bits of memory"
        print_table(console, title, gates_by_unit(found))
    if fpga := document.fpga:
        print_table(console, f"Resources of {fpga.device}", resources(fpga))
        _print_clock(console, fpga)


def _print_clock(console: Console, found: FpgaSynthesis) -> None:
    if found.clock_hz is None or found.critical_path is None:
        print_lines(console, "Not placed: no clock.")
        return
    path = found.critical_path
    print_lines(
        console,
        f"Placed with seed {found.seed} and routed: {found.clock_hz / 1e6:.1f} MHz, limited by",
    )
    print_lines(console, f"  {path.start}")
    print_lines(
        console, f"  to {path.end}: {path.logic_ns:.1f} ns logic, {path.routing_ns:.1f} ns routing"
    )


def resources(found: FpgaSynthesis) -> Table:
    table = new_table(("resource",), ("used", "available", "share"))
    for resource in found.resources:
        total = resource.available
        table.add_row(
            resource.name,
            f"{resource.used:,}",
            "" if total is None else f"{total:,}",
            "" if total is None else f"{resource.used / total:.1%}",
        )
    return table


def gates_by_unit(found: GateSynthesis) -> Table:
    table = new_table(("unit",), ("gates", "share", "per MAC", "flip-flops", "memory bits"))
    macs = found.gates_nand2 / found.gates_per_mac_nand2
    for unit in found.units:
        table.add_row(
            unit.name,
            f"{unit.gates_nand2:,.0f}",
            f"{unit.gates_nand2 / found.gates_nand2:.1%}",
            f"{unit.gates_nand2 / macs:,.1f}",
            f"{unit.flip_flops:,}",
            f"{unit.memory_bits:,}",
        )
    table.add_section()
    table.add_row(
        "total",
        f"{found.gates_nand2:,.0f}",
        "",
        f"{found.gates_per_mac_nand2:,.1f}",
        f"{found.flip_flops:,}",
        f"{found.memory_bits:,}",
    )
    return table
