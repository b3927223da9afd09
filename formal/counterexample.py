"""Run what breaks a claim once more in the Amaranth simulator, to name claims and see waves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amaranth.sim import Simulator

from formal.proof import Inputs, Proof

PERIOD_S = 10e-9


def broken_claims(proof: Proof, inputs: Sequence[Inputs], waves: Path | None = None) -> list[str]:
    """Return the claims of a finished proof that are broken in the last cycle of these inputs.

    `waves` gets the run as VCD.
    """
    found: list[str] = []

    async def bench(ctx: Any) -> None:
        for cycle in inputs:
            await_tick = ctx.tick()
            for signal in proof.free:
                ctx.set(signal, cycle.get(signal.name, 0))
            if cycle is inputs[-1]:
                found.extend(name for name, bits in proof.broken.items() if ctx.get(bits))
            await await_tick

    simulator = Simulator(proof.module)
    simulator.add_clock(PERIOD_S)
    simulator.add_testbench(bench)
    if waves is None:
        simulator.run()
    else:
        with simulator.write_vcd(str(waves)):
            simulator.run()
    return found
