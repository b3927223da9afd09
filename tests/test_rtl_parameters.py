"""The rescale parameters are right in two banks, for every shape of word and slice."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator
from numpy.typing import NDArray

from hwsim.arch.config import PARAMETER_BYTES
from hwsim.rtl.arithmetic.parameters import Parameters
from tests.drawn import preset_with

BANKS = 2
FACTORS = ("multiplier", "negative_multiplier")
SHAPES = [(8, 8, 1), (8, 8, 8), (8, 64, 4), (16, 16, 4), (16, 32, 1), (32, 32, 16), (64, 64, 2)]


def drawn_records(
    rng: np.random.Generator, lanes: int, factor_bits: int
) -> tuple[list[dict[str, int]], NDArray[np.uint8]]:
    """Return the parameters of one tile, and their bytes with noise between the fields."""
    records = [
        {
            "bias": int(rng.integers(-(2**31), 2**31)),
            "multiplier": int(rng.integers(0, 2**factor_bits)),
            "negative_multiplier": int(rng.integers(0, 2**factor_bits)),
            "shift": int(rng.integers(0, 64)),
            "negative_shift": int(rng.integers(0, 64)),
            "negative_sign": int(rng.integers(2)),
        }
        for _ in range(lanes)
    ]
    data = rng.integers(0, 256, (lanes, PARAMETER_BYTES)).astype(np.uint8)
    sizes = ((4, 32), (4, factor_bits), (4, factor_bits), (1, 6), (1, 6), (1, 1))  # bytes, bits
    first = 0
    for name, (size, bits) in zip(records[0], sizes, strict=True):
        rubbish = rng.integers(0, 2 ** (8 * size), lanes) >> bits << bits
        values = np.array([record[name] for record in records]) & (2**bits - 1)
        written = (rubbish | values).astype("<u4").view(np.uint8).reshape(lanes, 4)
        data[:, first : first + size] = written[:, :size]
        first += size
    return records, data.reshape(-1)


@pytest.mark.parametrize("multiplier_bits", [16, 32])
@pytest.mark.parametrize(("lanes_in", "lanes_out", "rescale"), SHAPES)
def test_every_slice_of_every_bank(
    lanes_in: int, lanes_out: int, rescale: int, multiplier_bits: int
) -> None:
    config = preset_with(
        "edge",
        array={"input_lanes": lanes_in, "output_lanes": lanes_out, "rescale_lanes": rescale},
        bus={"bus_bits": 8 * lanes_in},
        widths={"multiplier_bits": multiplier_bits},
    )
    dut = Parameters(config)
    halves = (0, 1) if multiplier_bits == 16 else (0,)
    rng = np.random.default_rng(lanes_in + rescale)
    expected: dict[int, list[dict[str, int]]] = {}

    async def write(ctx: Any, bank: int) -> None:
        """Write a bank's words in order, with idle cycles and words of weights between."""
        expected[bank], data = drawn_records(rng, lanes_out, factor_bits=31)
        assert data.size == lanes_out * PARAMETER_BYTES
        ctx.set(dut.i.payload.bank, bank)
        for index, word in enumerate(data.reshape(-1, config.word_bytes)):
            for valid, parameters in ((0, 1), (1, 0)):
                ctx.set(dut.i.valid, valid)
                ctx.set(dut.i.payload.parameters, parameters)
                ctx.set(dut.i.payload.index, int(rng.integers(config.parameter_words)))
                ctx.set(dut.i.payload.data, int(rng.integers(2**63)))
                if rng.random() < 0.5:
                    await ctx.tick()
            ctx.set(dut.i.valid, 1)
            ctx.set(dut.i.payload.parameters, 1)
            ctx.set(dut.i.payload.index, index)
            ctx.set(dut.i.payload.data, int.from_bytes(word.tobytes(), "little"))
            await ctx.tick()
        ctx.set(dut.i.valid, 0)

    async def read(ctx: Any, banks: list[int]) -> None:
        """Read a slice every cycle, right after the last write; the last word's slice first."""
        slices = range(config.rescale_slices)
        reads = list(product(banks, reversed(slices), halves))
        for cycle in range(len(reads) + dut.READ_LATENCY):
            if cycle >= dut.READ_LATENCY:
                bank, lane_slice, half = reads[cycle - dut.READ_LATENCY]
                for lane in range(rescale):
                    wanted = dict(expected[bank][lane_slice * rescale + lane])
                    got = {name: ctx.get(dut.read.data[lane][name]) for name in wanted}
                    if len(halves) > 1:
                        wanted |= {name: wanted[name] >> 16 * half & 0xFFFF for name in FACTORS}
                    assert got == wanted, (bank, lane_slice, lane, half)
            if cycle < len(reads):
                ctx.set(dut.read.address.bank, reads[cycle][0])
                ctx.set(dut.read.address.lane_slice, reads[cycle][1])
                ctx.set(dut.read.address.upper_half, reads[cycle][2])
            await ctx.tick()

    async def bench(ctx: Any) -> None:
        await write(ctx, 0)
        await read(ctx, [0])
        await write(ctx, 1)
        await read(ctx, [1, 0, 1])  # the other bank is untouched
        await write(ctx, 0)
        await read(ctx, [0, 1])

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
