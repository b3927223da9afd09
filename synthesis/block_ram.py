"""Block RAMs of an ECP5 take the registers behind them, as the vendor's tools let them do.

Yosys leaves these registers in the fabric, where they wait for memories that answer late.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

MEMORY, REGISTER = "DP16KD", "TRELLIS_FF"
READ_DATA = re.compile(r"DO[AB]\d+")
Cell = dict[str, Any]  # of a netlist in Yosys' JSON


class _Readers(NamedTuple):
    """The inputs that a net drives, as (name of the cell, port)."""

    by_net: dict[int, list[tuple[str, str]]]

    def register(self, net: int, cells: dict[str, Cell], clock: list[int]) -> str | None:
        """Return the one register that the net drives, if it takes every word, whatever happens."""
        readers = self.by_net[net]
        if len(readers) != 1 or readers[0][1] != "DI":
            return None
        name = readers[0][0]
        parameters, connections = cells[name]["parameters"], cells[name]["connections"]
        is_plain = (
            cells[name]["type"] == REGISTER
            and parameters["CEMUX"].strip() == "1"
            and connections["LSR"] == ["0"]
            and connections["CLK"] == clock
        )
        return name if is_plain else None


def take_registers(netlist: dict[str, Any], top: str) -> int:
    """Let each block RAM hold the registers behind all bits that it reads; return how many it was.

    A memory of which any bit goes elsewhere, or into a register with an enable or a reset, stays as
    it is, with its registers. Its words come in the same cycle either way.
    """
    cells: dict[str, Cell] = netlist["modules"][top]["cells"]
    readers = _Readers(defaultdict(list))
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input":
                for bit in bits:
                    readers.by_net[bit].append((name, port))
    for port in netlist["modules"][top]["ports"].values():
        for bit in port["bits"]:
            readers.by_net[bit].append(("", ""))
    taken = 0
    for memory in [cell for cell in cells.values() if cell["type"] == MEMORY]:
        read = dict(_bits_read(memory, readers))
        clock = memory["connections"]["CLKB"]
        registers = {port: readers.register(net, cells, clock) for port, net in read.items()}
        behind = {port: name for port, name in registers.items() if name is not None}
        if not read or len(behind) < len(read) or memory["connections"]["CLKA"] != clock:
            continue
        for port, register in behind.items():
            memory["connections"][port] = cells.pop(register)["connections"]["Q"]
        for side in "AB":
            if any(port.startswith(f"DO{side}") for port in behind):
                memory["parameters"][f"REGMODE_{side}"] = "OUTREG"
                memory["connections"][f"OCE{side}"] = ["1"]
        taken += len(behind)
    return taken


def _bits_read(memory: Cell, readers: _Readers) -> Iterator[tuple[str, int]]:
    """Yield the port and the net of every bit of a memory that drives anything."""
    for port, (net, *_) in memory["connections"].items():
        if READ_DATA.fullmatch(port) and net in readers.by_net:
            yield port, net
