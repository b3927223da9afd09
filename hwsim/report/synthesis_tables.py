"""The tables that `hwsim synth` prints."""

from typing import TextIO

from hwsim.report.synthesis import FpgaSynthesis, GateSynthesis, Synthesis
from hwsim.report.table import Table
from hwsim.report.terminal import Terminal
from hwsim.report.text import multipliers


def print_synthesis(document: Synthesis, file: TextIO) -> None:
    """Print the gates or the resources, and the tools that found them."""
    terminal = Terminal(file)
    array, widths = document.config["array"], document.config["widths"]
    terminal.print_line(
        f"{document.config['name']}: {array['input_lanes']}x{array['output_lanes']} lanes, "
        f"{widths['weight_bits']}-bit weights; {', '.join(document.tools)}",
        "bold",
    )
    terminal.print_line()
    if found := document.gates:
        terminal.print_table(gates_by_unit(found, multipliers(document.config)))
    if fpga := document.fpga:
        terminal.print_table(resources(fpga))
        for line in clock_lines(fpga):
            terminal.print_line(line)


def clock_lines(found: FpgaSynthesis) -> tuple[str, ...]:
    """Return the clock, and the path that limits it."""
    if found.clock_hz is None or found.critical_path is None:
        return ("Not placed: no clock.",)
    path = found.critical_path
    return (
        f"Placed with seed {found.seed} and routed: {found.clock_hz / 1e6:.1f} MHz, limited by",
        f"  {path.start}",
        f"  to {path.end}: {path.logic_ns:.1f} ns logic, {path.routing_ns:.1f} ns routing",
    )


def resources(found: FpgaSynthesis) -> Table:
    rows = tuple(
        (
            resource.name,
            f"{resource.used:,}",
            "" if resource.available is None else f"{resource.available:,}",
            "" if resource.available is None else f"{resource.used / resource.available:.1%}",
        )
        for resource in found.resources
    )
    title = f"Resources of {found.device}"
    return Table(title, ("resource",), ("used", "available", "share"), rows)


def gates_by_unit(found: GateSynthesis, assumed: str) -> Table:
    macs = found.gates_nand2 / found.gates_per_mac_nand2
    rows = tuple(
        (
            unit.name,
            f"{unit.gates_nand2:,.0f}",
            f"{unit.gates_nand2 / found.gates_nand2:.1%}",
            f"{unit.gates_nand2 / macs:,.1f}",
            f"{unit.flip_flops:,}",
            f"{unit.memory_bits:,}",
        )
        for unit in found.units
    )
    total = (
        "total",
        f"{found.gates_nand2:,.0f}",
        "",
        f"{found.gates_per_mac_nand2:,.1f}",
        f"{found.flip_flops:,}",
        f"{found.memory_bits:,}",
    )
    return Table(
        f"Gates in NAND2 equivalents ({found.technology}; {assumed}), and bits of memory",
        ("unit",),
        ("gates", "share", "per MAC", "flip-flops", "memory bits"),
        rows,
        (total,),
    )
