"""Gates of generated Verilog, module by module, from Yosys and ABC.

Every module is synthesized by itself, with its submodules as black boxes. So its
count is its own, the counts add up to the whole, and what two configurations share is done once.
"""

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwsim.interrupts import temporary_folder
from hwsim.synthesis.kept import Kept
from hwsim.synthesis.modules import VerilogModule
from hwsim.synthesis.technology import StaticCmos, Technology
from hwsim.synthesis.yosys import SynthesisError, run_passes, yosys_version

MEMORY = "$mem_v2"
GENERIC, MEMORIES, MAPPED = "generic.json", "memories.json", "mapped.json"
# A memory that answers in the same cycle is no RAM macro: it becomes flip-flops, before a register
# behind it can be taken for its own. A table becomes logic. All others stay, counted in bits.
ASYNCHRONOUS = (
    f"select -set asynchronous t:{MEMORY} r:RD_CLK_ENABLE=1'0 %i",
    "memory_map @asynchronous",
)
TO_LOGIC = (
    "proc",
    "opt_clean",
    "opt_dff",
    "opt_clean",
    "memory -nomap",
    *ASYNCHRONOUS,
    "flatten -noscopeinfo",
    "synth -run coarse:fine",
    "memory_map -rom-only",
    *ASYNCHRONOUS,
    "opt -fast -full",
    "techmap",
    "attrmap -remove init",  # no reset state comes from a register's initial value
    "opt -fast",
)


NAND2 = VerilogModule(
    "",
    "nand2",
    frozenset(),
    "module nand2(input a, input b, output y);\n  assign y = ~(a & b);\nendmodule\n",
)


@dataclass(frozen=True)
class SynthesizedMemory:
    """A memory with synchronous read."""

    name: str
    words: int
    width_bits: int

    @property
    def bits(self) -> int:
        return self.words * self.width_bits


@dataclass(frozen=True)
class SynthesizedModule:
    """The gates and memories of one module, without those of its submodules."""

    path: str  # below the top, whose own is empty
    nand2: float  # equivalents, of logic and flip-flops
    flip_flops: int
    memories: tuple[SynthesizedMemory, ...]


def synthesize_gates(
    modules: Iterable[VerilogModule], technology: Technology, advance: Callable[[], None]
) -> list[SynthesizedModule]:
    """Return the count of every module, ordered by path. `advance` is called as each one ends.

    Raises `SynthesisError` where Yosys refuses, or leaves a cell that has no size.
    """
    kept = Kept("gates", (yosys_version(), *TO_LOGIC, technology.fingerprint))

    def counts(module: VerilogModule) -> dict[str, Any]:
        found: dict[str, Any] = kept.get(module.text, lambda: _counts(module, technology))
        return found

    nand2 = counts(NAND2)
    unit = technology.size(**_cells(nand2))
    if sum(nand2["cells"].values()) != 1 or unit <= 0:
        raise SynthesisError("it has no NAND2 with an area")

    def synthesize(instances: list[VerilogModule]) -> list[SynthesizedModule]:
        count = counts(instances[0])
        for _ in instances:
            advance()
        size = technology.size(**_cells(count)) / unit
        memories = tuple(SynthesizedMemory(*memory) for memory in count["memories"])
        return [
            SynthesizedModule(instance.path, size, count["flip_flops"], memories)
            for instance in instances
        ]

    equal: dict[str, list[VerilogModule]] = defaultdict(list)
    for module in modules:
        equal[module.text].append(module)
    # The longest first, so that no core waits for one at the end.
    queue = [equal[text] for text in sorted(equal, key=len, reverse=True)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            found = [module for some in pool.map(synthesize, queue) for module in some]
        finally:  # of an interrupted run nothing more is begun
            pool.shutdown(wait=False, cancel_futures=True)
    return sorted(found, key=lambda module: module.path)


def gate_netlist(verilog: str, top: str) -> str:
    """Return the netlist of `verilog` in static CMOS: gates and flip-flops, in one module."""
    with temporary_folder("hwsim-") as folder:
        (folder / "module.v").write_text(verilog, "utf-8")
        passes = (f"hierarchy -top {top}", *TO_LOGIC, *StaticCmos.mapping)
        # Bit by bit, or a simulator sees loops between bits of one vector.
        written = ("splitnets", "opt_clean", "write_verilog -noattr netlist.v")
        run_passes(("read_verilog module.v", *passes, *written), folder)
        return (folder / "netlist.v").read_text("utf-8")


def _cells(counts: dict[str, Any]) -> dict[str, Any]:
    return {"cells": counts["cells"], "area": counts["area"]}


def _counts(module: VerilogModule, technology: Technology) -> dict[str, Any]:
    """Return one module's cells by type, their area, its flip-flops and its memories."""
    with temporary_folder("hwsim-") as folder:
        (folder / "module.v").write_text(module.text, "utf-8")
        for file, content in technology.files.items():
            (folder / file).write_bytes(content)
        run_passes(
            (
                "read_verilog module.v",
                f"hierarchy -top {module.identifier}",
                *TO_LOGIC,
                f"tee -o {GENERIC} stat -json",
                f"select t:{MEMORY}",
                f"write_json -selected {MEMORIES}",
                "select -clear",
                *technology.mapping,
                f"tee -o {MAPPED} {technology.statistics}",
            ),
            folder,
        )
        before, after = (
            _statistics(path, module.identifier) for path in (folder / GENERIC, folder / MAPPED)
        )
        mapped = {
            cell: count
            for cell, count in after["num_cells_by_type"].items()
            if cell != MEMORY and cell not in module.inside
        }
        if unknown := [cell for cell in mapped if not technology.is_known(cell)]:
            raise SynthesisError(f"{module.path} has cells without a size: {', '.join(unknown)}")
        return {
            "cells": mapped,
            "area": after.get("area", 0.0),
            "flip_flops": sum(
                count for cell, count in before["num_cells_by_type"].items() if "DFF" in cell
            ),
            "memories": _memories(folder / MEMORIES),
        }


def _statistics(path: Path, identifier: str) -> dict[str, Any]:
    text = path.read_text("utf-8")
    modules: dict[str, dict[str, Any]] = json.loads(text[text.index("{") :])["modules"]
    return modules["\\" + identifier.removeprefix("\\")]


def _memories(path: Path) -> list[tuple[str, int, int]]:
    design = json.loads(path.read_text("utf-8"))
    return [
        (name, int(cell["parameters"]["SIZE"], 2), int(cell["parameters"]["WIDTH"], 2))
        for module in design["modules"].values()
        for name, cell in module["cells"].items()
        if cell["type"] == MEMORY
    ]
