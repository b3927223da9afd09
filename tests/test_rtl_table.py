"""Every rescale lane looks its value up in the table of its bank (Amaranth simulator)."""

from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwsim.arch.config import TABLE_BYTES
from hwsim.rtl.arithmetic.table import Table
from hwsim.rtl.operands.weights import PARAMETER_BANKS
from tests.drained import config_of

READS = 300


@pytest.mark.parametrize(
    ("lanes_in", "lanes_out", "rescale"), [(8, 8, 1), (8, 16, 2), (16, 16, 4), (64, 64, 8)]
)
def test_values_are_looked_up_in_the_table_of_their_bank(
    lanes_in: int, lanes_out: int, rescale: int
) -> None:
    config = config_of(lanes_in, lanes_out, rescale)
    rng = np.random.default_rng(lanes_in)
    tables = rng.integers(-128, 128, (PARAMETER_BANKS, TABLE_BYTES)).astype(np.int8)
    dut = Table(config)

    async def write(ctx: Any, bank: int, entries: np.ndarray[Any, Any]) -> None:
        words = entries.reshape(config.table_words, config.word_bytes)
        payload = dut.words.payload
        for row, word in enumerate(words):
            # Words of parameters, and cycles without a word, change nothing.
            for valid, is_table in ((1, 0), (0, 1), (1, 1)):
                ctx.set(dut.words.valid, valid)
                ctx.set(payload.table, is_table)
                ctx.set(payload.parameters, 1 - is_table)
                ctx.set(payload.bank, bank)
                ctx.set(payload.index, config.parameter_words + row)
                is_given = valid and is_table
                data = word.tobytes() if is_given else rng.bytes(config.word_bytes)
                ctx.set(payload.data, int.from_bytes(data, "little"))
                await ctx.tick()
        ctx.set(dut.words.valid, 0)

    async def read(ctx: Any) -> None:
        values = rng.integers(-128, 128, (READS, rescale))
        values[:3] = [[-128], [127], [0]]
        banks = rng.integers(PARAMETER_BANKS, size=READS)
        for cycle in range(READS + dut.LATENCY):
            if cycle >= dut.LATENCY:
                own, bank = values[cycle - dut.LATENCY], banks[cycle - dut.LATENCY]
                assert [ctx.get(dut.o[lane]) for lane in range(rescale)] == [
                    int(tables[bank, value + 128]) for value in own
                ]
            if cycle < READS:
                ctx.set(dut.bank, int(banks[cycle]))
                for lane in range(rescale):
                    ctx.set(dut.i[lane], int(values[cycle, lane]))
            await ctx.tick()

    async def bench(ctx: Any) -> None:
        for bank in range(PARAMETER_BANKS):
            await write(ctx, bank, tables[bank])
        await read(ctx)
        tables[1] = tables[1, ::-1]
        await write(ctx, 1, tables[1])
        await read(ctx)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
