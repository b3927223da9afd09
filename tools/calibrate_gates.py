"""`make calibrate`: synthesizes configurations, fits the gate model to them, and says its error."""

import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from hwsim.cli.options import Verbosity
from hwsim.cli.progress import progress
from hwsim.cost.gates import COEFFICIENTS, numbers
from hwsim.rtl.accelerator import accelerator_verilog
from hwsim.synthesis.calibration import (
    ALL,
    CALIBRATED,
    HELD_OUT,
    LEAST_SHARE,
    TOTAL,
    Measured,
    configuration,
    errors,
    fitted,
)
from hwsim.synthesis.gates import synthesize_gates
from hwsim.synthesis.modules import separate_modules
from hwsim.synthesis.technology import StaticCmos
from hwsim.synthesis.units import UnitGates, by_unit
from hwsim.synthesis.yosys import yosys_version

FILE = Path(__file__).parents[1] / "hwsim" / "cost" / COEFFICIENTS
TOP = "accelerator"


def measure() -> Iterator[tuple[str, list[UnitGates]]]:
    """Synthesize every configuration."""
    for name in ALL:
        modules = separate_modules(accelerator_verilog(configuration(name), TOP), TOP)
        with progress(Verbosity.NORMAL)(name, len(modules)) as advance:
            units = by_unit(synthesize_gates(modules, StaticCmos(), advance))
        yield name, units


def document(measured: Measured, memory_bits: dict[str, int]) -> dict[str, object]:
    """Return the document that the gate model reads, with the measurements behind it."""
    found = list(errors(measured, HELD_OUT))
    totals = [abs(error.ratio) for error in found if error.unit == TOTAL]
    units = [abs(error.ratio) for error in found if error.unit != TOTAL]
    return {
        "tools": [yosys_version(), f"Amaranth {version('amaranth')}"],
        "error": {
            "total": round(max(totals), 4),
            "unit": round(max(units), 4),
            "least_share": LEAST_SHARE,
        },
        "synthesized": {name: numbers(configuration(name)) for name in measured},
        "units": fitted(measured),
        "measured": measured,
        "memory_bits": memory_bits,
    }


def main() -> None:
    measured: dict[str, dict[str, float]] = {}
    memory_bits: dict[str, int] = {}
    for name, units in measure():
        measured[name] = {unit.name: round(unit.nand2, 2) for unit in units}
        memory_bits[name] = sum(memory.bits for unit in units for memory in unit.memories)
        gates = sum(measured[name].values())
        print(f"{name}: {gates:,.0f} NAND2, {memory_bits[name]:,} bits of memory", flush=True)
    for kind, names in (("fitted", CALIBRATED), ("held out", HELD_OUT)):
        print(f"\n{kind}: total, and the worst unit")
        for name in names:
            total, *others = errors(measured, [name])
            worst = max(others, key=lambda found: abs(found.ratio))
            print(
                f"  {name:34}{total.gates:12,.0f}  {total.ratio:+6.1%}   "
                f"{worst.unit} {worst.ratio:+.1%}"
            )
    FILE.write_text(json.dumps(document(measured, memory_bits), indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
