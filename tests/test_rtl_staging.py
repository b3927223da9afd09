"""Staging writes single bytes, returns them right after the write, and holds a word it has read."""

from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwsim.rtl.memory.staging import Staging
from tests.drawn import preset_with

WORDS = 24  # no power of two


@pytest.mark.parametrize("seed", range(3))
def test_reads_see_every_write_of_the_cycles_before(seed: int) -> None:
    config = preset_with("edge", buffers={"staging_bytes": 16 * WORDS})
    word_bytes = config.word_bytes
    dut = Staging(config)
    rng = np.random.default_rng(seed)
    memory = np.zeros((WORDS, word_bytes), np.uint8)
    read: list[int] = [0] * word_bytes

    async def bench(ctx: Any) -> None:
        nonlocal read
        last_written = 0
        for _ in range(1500):
            assert ctx.get(dut.read.data) == int.from_bytes(read, "little")
            address = int(rng.integers(WORDS))
            values = rng.integers(0, 256, word_bytes)
            enable = rng.random(word_bytes) < rng.choice([0.0, 0.3, 1.0])
            valid = bool(rng.random() < 0.7)
            ctx.set(dut.i.valid, valid)
            ctx.set(dut.i.payload.address, address)
            ctx.set(dut.i.payload.data, int.from_bytes(values.tolist(), "little"))
            ctx.set(dut.i.payload.enable, sum(1 << int(byte) for byte in np.flatnonzero(enable)))
            # Often the word of the cycle before; a word that is being written has no defined value.
            wanted = last_written if rng.random() < 0.5 else int(rng.integers(WORDS))
            reads = bool(rng.random() < 0.6) and not (valid and wanted == address)
            ctx.set(dut.read.enable, reads)
            ctx.set(dut.read.address, wanted)
            if reads:
                read = memory[wanted].tolist()
            if valid:
                memory[address, enable] = values[enable]
                last_written = address
            await ctx.tick().repeat(Staging.READ_LATENCY)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
