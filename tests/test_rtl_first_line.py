"""The first line is computed without losing a bit of the product (Amaranth simulator)."""

from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwsim.isa.descriptor import FIELDS, Compute, Load, encode
from hwsim.isa.fields import OPCODE, Opcode
from hwsim.rtl.program.first_line import FirstLine

COUNT = 300


def drawn(opcode: Opcode, rng: np.random.Generator) -> dict[str, int]:
    """Return fields with any values, often the largest or the least."""
    return {
        field.name: [field.low, field.high, int(rng.integers(field.low, field.high + 1))][
            rng.integers(0, 3)
        ]
        for field in FIELDS[opcode]
        if field is not OPCODE
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_the_first_line_of_a_load_and_a_compute(seed: int) -> None:
    """The first lines of LOAD and COMPUTE are right, with one descriptor per cycle."""
    rng = np.random.default_rng(seed)
    descriptors = [
        Load(**drawn(Opcode.LOAD, rng)) if is_load else Compute(**drawn(Opcode.COMPUTE, rng))
        for is_load in rng.integers(0, 2, COUNT)
    ]
    dut = FirstLine()
    found: list[int] = []

    async def bench(ctx: Any) -> None:
        for descriptor in descriptors + descriptors[: FirstLine.LATENCY]:
            found.append(ctx.get(dut.line))
            ctx.set(dut.descriptor, int.from_bytes(encode(descriptor), "little"))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert found[FirstLine.LATENCY :] == [
        one.buffer_address + one.ring_row * one.row_words for one in descriptors
    ]
