"""What gates cost: static CMOS counted in transistors, or the cells of a Liberty library."""

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
    """How generic logic becomes cells, and what they are worth."""

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str:
        """Of everything that decides which cells come out."""
        ...

    @property
    def files(self) -> Mapping[str, bytes]:
        """What the passes read, by the name that they use."""
        ...

    @property
    def mapping(self) -> tuple[str, ...]:
        """Yosys passes from generic cells to those of the technology."""
        ...

    @property
    def statistics(self) -> str:
        """The pass that counts them."""
        ...

    def size(self, cells: Mapping[str, int], area: float) -> float:
        """Of cells that together have this area, in a unit of its own."""
        ...

    def is_known(self, cell: str) -> bool:
        """Whether `size` counts this cell."""
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
