"""Write `docs/formal.md`: what is proved of the hardware, in which surroundings, and how far."""

import sys
from functools import partial
from inspect import cleandoc

from formal.proof import Proof
from formal.proofs import FEW, PROOFS, proof_of

INTRODUCTION = f"""\
<!-- Written by `make docs` from formal/. Do not edit. -->
# What is proved

Each component stands in surroundings that do as they like, except for what is said of them. Yosys
makes an and-inverter graph of it, and ABC's PDR finds an invariant: a claim holds in every cycle of
every run after a reset, unless it says for how many cycles. `make formal` proves all of it,
`python -m formal NAME` one proof, and what breaks a claim becomes a waveform. Every proof also
shows that what it speaks of can happen: something waits, something leaves.

What the components have for ever, they have together: `bursts` cuts within 4 KiB, the guards pass
on what lies in the windows, and the managers put on the bus what they are handed, unchanged. The
two paths show the same end to end, wires included, for the first cycles only. Progress is claimed
where it says "offered within" or "taken where there is room"; of the rest, no proof excludes that
it waits for ever.

The configuration is `nano`; the managers have bursts of {FEW} beats, and few bursts outstanding,
which is all that the solver can follow. No proof looks at what is computed: that is what the
testbenches are for.
"""


def formal_document() -> str:
    return "\n".join((INTRODUCTION, *(_section(name, build) for name, build in PROOFS.items())))


def _section(name: str, build: partial[Proof]) -> str:
    about = sys.modules[build.func.__module__].__doc__ or ""
    surroundings = cleandoc(build.func.__doc__ or "")
    proof = proof_of(name)
    claims = [f"* {claim}{_span(proof.cycles.get(claim))}" for claim in proof.broken]
    return "\n".join((f"## {name}\n", f"{cleandoc(about)} {surroundings}\n", *claims, ""))


def _span(cycles: int | None) -> str:
    return "" if cycles is None else f" (in the first {cycles} cycles)"
