"""Prove claims with Yosys and ABC: the circuit becomes an and-inverter graph that PDR judges.

PDR (property-directed reachability: A. R. Bradley, SAT-Based Model Checking without Unrolling,
VMCAI 2011) finds an invariant by itself: what it proves holds in every cycle of every run, however
long. What is false comes back with inputs that break it.
"""

import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from amaranth.hdl import Signal

from formal.proof import Inputs, Proof
from hwsim.synthesis.yosys import run_passes, yosys_version

TOP = "proof"
GRAPH, NAMES, REDUCED, WITNESS = "proof.aig", "proof.aim", "reduced.aig", "proof.cex"
PASSES = (
    f"read_rtlil {TOP}.il",
    f"hierarchy -check -top {TOP}",
    "proc",
    "flatten",
    "memory -nomap",
    "memory_map",
    "techmap",
    "opt_clean",
    "dffunmap",
    "simplemap",
    "aigmap",
    f"write_aiger -zinit -map {NAMES} {GRAPH}",
)
INPUT = re.compile(r"^input (\d+) (\d+) (\S+)$", re.MULTILINE)
BIT = re.compile(r"pi0*(\d+)@(\d+)=([01])")
FRAMES = re.compile(r"-F (\d+)")
FALSE, PROVED = "was asserted in frame", "Property proved"  # what ABC prints of an output
BRIEF_S = 4  # for one bit of a claim by itself


@dataclass(frozen=True)
class Verdict:
    """The outcome of a proof: all is well where all three are empty."""

    unproved: tuple[str, ...] = ()  # claims on which time ran out
    unreached: tuple[str, ...] = ()  # situations that were not seen to happen
    breaks: tuple[Inputs, ...] = ()  # what breaks a claim in its last cycle


class _BrokenClaimError(Exception):
    def __init__(self, inputs: tuple[Inputs, ...]):
        self.inputs = inputs
        super().__init__()


def judge(proof: Proof, seconds: int) -> Verdict:
    """Prove or break a finished proof's claims, `seconds` at most for each thing that ABC is asked.

    Raises `InputError` where Yosys is not installed.
    """
    with TemporaryDirectory(prefix="hwsim-formal-") as temporary:
        folder = Path(temporary)
        (folder / f"{TOP}.il").write_text(proof.rtlil(TOP), "utf-8")
        run_passes(PASSES, folder)
        # Registers that are equal become one, which settles many claims.
        _abc(folder, f"read_aiger {GRAPH}; scorr; write_aiger {REDUCED}")
        places = _places(proof.broken | proof.reached)
        unreached = tuple(
            name
            for name in proof.reached
            if FALSE not in _ask(folder, places[name], f"pdr -T {seconds}")
        )
        claims = {name: places[name] for name in proof.broken}
        for_ever = {name: claims[name] for name in claims if name not in proof.cycles}
        try:
            unproved = _unproved_alone(folder, for_ever)
            # All of them as one: each helps the others.
            if unproved and _holds(folder, set().union(*for_ever.values()), f"pdr -T {seconds}"):
                unproved = []
            for name, cycles in proof.cycles.items():
                if not _holds(folder, claims[name], f"bmc3 -F {cycles} -T {seconds}"):
                    unproved.append(name)
        except _BrokenClaimError as broken:
            return Verdict(unreached=unreached, breaks=broken.inputs)
        return Verdict(tuple(unproved), unreached)


def _unproved_alone(folder: Path, claims: dict[str, set[int]]) -> list[str]:
    """Return the claims that stay unproved, each bit judged by itself."""
    varying = _varying_outputs(folder / REDUCED)
    method = f"pdr -T {BRIEF_S}"
    return [
        name
        for name, outputs in claims.items()
        if not all(_holds(folder, {output}, method) for output in outputs & varying)
    ]


def _holds(folder: Path, outputs: set[int], method: str) -> bool:
    """Return whether the method proves it; raise `_BrokenClaimError` where it is false."""
    printed = _ask(folder, outputs, method)
    if FALSE in printed:
        raise _BrokenClaimError(_inputs(folder))
    frames = FRAMES.search(method)
    return (f"No output asserted in {frames[1]} frames" if frames else PROVED) in printed


def _ask(folder: Path, outputs: set[int], method: str) -> str:
    """Return what ABC prints when a method is to make one of these outputs 1."""
    chosen = ",".join(map(str, sorted(outputs)))
    return _abc(
        folder, f"read_aiger {REDUCED}; cone -N {chosen}; orpos; {method}; write_cex -n {WITNESS}"
    )


def _abc(folder: Path, script: str) -> str:
    """Return what the ABC prints that comes with Yosys."""
    yosys_version()
    program = Path(str(import_module("pyosys").__file__)).with_name("yosys-abc")
    command = [str(program), "-c", script]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def _places(signals: dict[str, Signal]) -> dict[str, set[int]]:
    """Return the outputs that each signal has, in the order of the ports."""
    places, first = {}, 0
    for name, signal in signals.items():
        places[name] = set(range(first, first + len(signal)))
        first += len(signal)
    return places


def _varying_outputs(path: Path) -> set[int]:
    """Return the outputs of a binary AIGER file that are not constant 0."""
    with path.open("rb") as file:
        latches, outputs = map(int, file.readline().split()[3:5])
        literals = [file.readline().split() for _ in range(latches + outputs)][latches:]
    return {place for place, literal in enumerate(literals) if literal != [b"0"]}


def _inputs(folder: Path) -> tuple[Inputs, ...]:
    """Return the free signals in each cycle of the counterexample that ABC wrote."""
    bits = {
        int(place): (name, int(bit))
        for place, bit, name in INPUT.findall((folder / NAMES).read_text("utf-8"))
    }
    cycles: dict[int, Inputs] = defaultdict(lambda: defaultdict(int))
    for place, cycle, value in BIT.findall((folder / WITNESS).read_text("utf-8")):
        if int(place) in bits:  # and not the first output of a memory
            name, bit = bits[int(place)]
            cycles[int(cycle)][name] |= int(value) << bit
    return tuple(dict(cycles[cycle]) for cycle in range(len(cycles)))
