"""What `hwsim synth` prints."""

from typing import TextIO

from rich.console import Console
from rich.table import Table

from hwsim.report.synthesis import GateSynthesis, Synthesis
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
    title = f"Gates in NAND2 equivalents ({document.gates.technology}), and bits of memory"
    print_table(console, title, gates_by_unit(document.gates))


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
