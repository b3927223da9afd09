"""Write `docs/gates.md`: what synthesis found, the model fitted to it, and its error."""

from collections.abc import Iterator
from typing import Any

from hwsim.cost.gates import calibration
from hwsim.synthesis.calibration import (
    CALIBRATED,
    HELD_OUT,
    LEAST_SHARE,
    PRICED,
    Measured,
    configuration,
    errors,
)

INTRODUCTION = """\
<!-- Written by `make docs` from hwsim/cost/gate_coefficients.json. Do not edit. -->
# Gates

This page has the gates of whole accelerators, as `hwsim synth --target gates` counts them. They are
NAND2 equivalents: transistors of static CMOS divided by four. ABC maps the logic for area, without
delay constraints. A flip-flop counts four, plus the gates of its enable and reset. Memories with
synchronous read, also those of descriptor queues, count as bits instead of gates. Every module is
synthesized by itself, so that the units add up to the whole. A multiplier is `*` as Yosys maps it,
with a row for each bit of a factor; in arrays of *trees* it is built with `array.multipliers =
"tree"`.

`hwsim estimate` takes gates from a model that is fitted to these figures. `make calibrate`
synthesizes every configuration below, fits anew, and writes the coefficients.
"""


def gates_document() -> str:
    found = calibration()
    measured = found["measured"]
    parts = (
        INTRODUCTION,
        f"Made with {' and '.join(found['tools'])}.\n",
        price(),
        "## The model beside synthesis\n",
        *_errors(measured, found["error"]),
        "## The model\n",
        *_formulas(found["units"]),
    )
    return "\n".join(parts)


def price() -> str:
    """The section on what the channel pool costs, for more than one document."""
    found = calibration()
    return "\n".join(_price(found["measured"], found["memory_bits"]))


def _price(measured: Measured, memory_bits: dict[str, int]) -> Iterator[str]:
    yield "## The price of virtual feature maps\n"
    yield "Each preset with the channel pool, k up to 8, and built without it:\n"
    yield "| preset | gates with | without | more | memory with | without | more |"
    yield "|---|---|---|---|---|---|---|"
    for preset, (with_pool, without) in PRICED.items():
        gates = [sum(measured[name].values()) for name in (with_pool, without)]
        bits = [memory_bits[name] for name in (with_pool, without)]
        yield (
            f"| `{preset}` | {gates[0]:,.0f} | {gates[1]:,.0f} | {gates[0] / gates[1] - 1:.2%} "
            f"| {bits[0]:,} | {bits[1]:,} | {bits[0] / bits[1] - 1:.2%} |"
        )
    yield ""
    yield (
        "Without it k is 1, and only the register in which the pool's results would stand\n"
        "remains, so that a program takes the same cycles. The paper's abstract states 1.0 % of\n"
        "gates and 0.2 % of memory.\n"
    )


def _errors(measured: Measured, error: dict[str, Any]) -> Iterator[str]:
    yield (
        "On configurations that it was not fitted to, the model is within "
        f"**{error['total']:.1%}** in total and {error['unit']:.1%} on every unit of at least "
        f"{LEAST_SHARE:.0%} of the whole. `hwsim estimate` states this error where an array of the "
        "same lanes stands below and every other number lies between those below; elsewhere it "
        "says that no synthesis was compared.\n"
    )
    yield "| configuration | | NAND2 | per MAC | model, total | worst unit |"
    yield "|---|---|---|---|---|---|"
    for kind, names in (("fitted", CALIBRATED), ("not fitted", HELD_OUT)):
        for name in filter(measured.__contains__, names):
            total, *units = errors(measured, [name])
            worst = max(units, key=lambda unit: abs(unit.ratio))
            yield (
                f"| {name} | {kind} | {total.gates:,.0f} "
                f"| {total.gates / configuration(name).macs_per_cycle:,.0f} "
                f"| {total.ratio:+.1%} | {worst.unit} {worst.ratio:+.1%} |"
            )
    yield ""
    yield (
        "`nano`, `edge` and `mid` are the presets. What others do not name is as in `edge`, but "
        "for their rescale lanes, which `synthesis/calibration.py` has.\n"
    )


def _formulas(units: dict[str, dict[str, float]]) -> Iterator[str]:
    yield "| unit | NAND2 |"
    yield "|---|---|"
    for unit, coefficients in units.items():
        terms = (
            f"{value:,.1f}" + ("" if feature == "unit" else f" x {feature}")
            for feature, value in coefficients.items()
        )
        yield f"| {unit} | {' + '.join(terms).replace('+ -', '- ')} |"
    yield ""
