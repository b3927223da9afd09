"""The cost of gates: static CMOS counted in transistors, or the cells of a Liberty library."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

# Of the cells that logic is mapped to, as static CMOS builds them. Four are a NAND2.
TRANSISTORS = {
    "$_NOT_": 2,
    "$_NAND_": 4,
    "$_NOR_": 4,
    "$_AOI3_": 6,
    "$_OAI3_": 6,
    "$_AOI4_": 8,
    "$_OAI4_": 8,
    "$_MUX_": 12,
    "$_XOR_": 12,
    "$_XNOR_": 12,
    "$_DFF_P_": 16,
}
NAND2_TRANSISTORS = 4
FLIP_FLOP = "$_DFF_P_"  # enable and reset are logic in front of it
LIBRARY = "library.lib"
GATES = "cmos4,MUX,XOR,XNOR"  # NAND, NOR, AOI and OAI up to four inputs, and these


class Technology(Protocol):
    """The way from generic logic to cells, and the size of these cells."""

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str:
        """A text that differs wherever the resulting cells may differ."""
        ...

    @property
    def files(self) -> Mapping[str, bytes]:
        """The files that the Yosys passes read, by name."""
        ...

    @property
    def mapping(self) -> tuple[str, ...]:
        """Yosys passes from generic cells to those of the technology."""
        ...

    @property
    def statistics(self) -> str:
        """The Yosys pass that counts the cells."""
        ...

    def size(self, cells: Mapping[str, int], area: float) -> float:
        """Return the size of cells whose areas add up to `area`, in the technology's own unit."""
        ...

    def is_known(self, cell: str) -> bool:
        """Return True if `size` counts this cell."""
        ...


class StaticCmos:
    """No library: the transistors of every cell."""

    name = "static CMOS: transistors / 4"
    files: Mapping[str, bytes] = {}
    mapping: tuple[str, ...] = (
        f"dfflegalize -cell {FLIP_FLOP} x",
        "opt_expr",
        "opt_merge",
        "opt_clean",
        f"abc -g {GATES}",
        "opt_clean",
    )
    statistics = "stat -json"
    fingerprint = "\n".join(mapping)

    def size(self, cells: Mapping[str, int], area: float) -> float:  # noqa: ARG002
        return sum(TRANSISTORS[cell] * count for cell, count in cells.items())

    def is_known(self, cell: str) -> bool:
        return cell in TRANSISTORS


@dataclass(frozen=True)
class Liberty:
    """The cells of a library, by their areas."""

    name: str
    content: bytes

    mapping = (f"dfflibmap -liberty {LIBRARY}", f"abc -liberty {LIBRARY}", "opt_clean")
    statistics = f"stat -json -liberty {LIBRARY}"

    @cached_property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def files(self) -> Mapping[str, bytes]:
        return {LIBRARY: self.content}

    def size(self, cells: Mapping[str, int], area: float) -> float:  # noqa: ARG002
        return area

    def is_known(self, cell: str) -> bool:
        return not cell.startswith("$")
