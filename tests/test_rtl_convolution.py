"""The array's sums are exact, and its weights change without a gap (Amaranth simulator)."""

from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator
from numpy.typing import NDArray

from hwsim.arch import pipeline
from hwsim.rtl.arithmetic.convolution import TAP_DELAYS, Convolution
from tests.drawn import preset_with

LANES_OUT = 16


def packed(weights: NDArray[np.int64], bits: int) -> int:
    """Return weights as one word, with the first weight in the lowest bits."""
    return sum((int(value) & ((1 << bits) - 1)) << bits * n for n, value in enumerate(weights))


def sums_of(
    values: NDArray[np.int64], weights: NDArray[np.int64], taps: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return `[blocks, pixels, O]`, of odd blocks each lane's own channel times the pixel's tap."""
    sums: NDArray[np.int64] = np.einsum("bpi,boi->bpo", values, weights)
    lanes = np.arange(LANES_OUT)
    for block, pixel in np.ndindex(*taps.shape):
        if block % 2:
            own = values[block, pixel, lanes % values.shape[-1]]
            sums[block, pixel] = own * weights[block, lanes, taps[block, pixel]]
    return sums


@pytest.mark.parametrize("more_pixels", [0, 3])
@pytest.mark.parametrize("weight_bits", [4, 8])
@pytest.mark.parametrize(("lanes_in", "multipliers"), [(8, "dsp"), (16, "dsp"), (8, "tree")])
def test_blocks_of_weights_follow_each_other_without_a_gap(
    lanes_in: int, multipliers: str, weight_bits: int, more_pixels: int
) -> None:
    config = preset_with(
        "nano",
        array={
            "input_lanes": lanes_in,
            "output_lanes": LANES_OUT,
            "multipliers": multipliers,
        },
        bus={"bus_bits": 8 * lanes_in},
        widths={"weight_bits": weight_bits},
    )
    dut = Convolution(config)
    assert dut.latency == pipeline.tree_stages(config) + 1
    rng = np.random.default_rng(lanes_in)
    words = config.weight_block_words
    pixels = words + more_pixels
    high = 1 << (weight_bits - 1)
    weights = rng.integers(-high, high, (4, LANES_OUT, lanes_in))
    weights[0] = -high  # the corner of the sum's range
    values = rng.integers(-128, 128, (4, pixels, lanes_in))
    values[0] = -128
    taps = rng.integers(lanes_in, size=(4, pixels))  # odd blocks are diagonal
    taps[:, 0] = 0
    expected = sums_of(values, weights, taps).reshape(-1, LANES_OUT)

    async def feed_weights(ctx: Any) -> None:
        """Words of a block one per cycle, and anything between two blocks."""
        for block in range(4):
            for part in np.array_split(weights[block].flatten(), words):
                ctx.set(dut.weights, packed(part, weight_bits))
                await ctx.tick()
            for _ in range(more_pixels):
                ctx.set(dut.weights, int(rng.integers(1 << 62)))
                await ctx.tick()
        ctx.set(dut.weights, 0)

    async def feed_pixels(ctx: Any) -> None:
        await ctx.tick().repeat(dut.WEIGHTS_AHEAD)
        for number, pixel in enumerate(values.reshape(-1, lanes_in)):
            block, place = divmod(number, pixels)
            payload = {
                "lanes": pixel.tolist(),
                "pixel": 1,
                "first": int(place == 0),
                "diagonal": block % 2,
                "tap": int(taps[block, place]),
                "accumulate": {"index": number},
            }
            ctx.set(dut.i.valid, 1)
            ctx.set(dut.i.payload, payload)
            await ctx.tick()
        ctx.set(dut.i.valid, 0)

    async def check(ctx: Any) -> None:
        """The lanes of every further weight word a cycle later."""
        ahead, lanes_per_word = dut.INDEX_AHEAD, LANES_OUT // words
        await ctx.tick().repeat(dut.WEIGHTS_AHEAD + dut.latency - ahead)
        for number in range(-ahead, len(expected) + pipeline.skew(config)):
            if number + ahead < len(expected):
                assert ctx.get(dut.index) == number + ahead
            assert ctx.get(dut.o.valid) == (0 <= number < len(expected))
            if 0 <= number < len(expected):
                assert ctx.get(dut.o.payload.accumulate.index) == number
            for place, lane in enumerate(dut.o.payload.lanes):
                pixel = number - place // lanes_per_word
                if 0 <= pixel < len(expected):
                    assert ctx.get(lane) == expected[pixel, place], (pixel, place)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for bench in (feed_weights, feed_pixels, check):
        simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("weight_bits", [4, 8])
@pytest.mark.parametrize(
    ("lanes_in", "lanes_out", "multipliers"), [(16, 16, "dsp"), (16, 32, "dsp"), (16, 16, "tree")]
)
def test_nine_taps_of_a_lane_come_out_of_the_words_before(
    lanes_in: int, lanes_out: int, multipliers: str, weight_bits: int
) -> None:
    """Words of a strip and plain pixels take turns, block by block, some without a sum."""
    config = preset_with(
        "nano",
        array={"input_lanes": lanes_in, "output_lanes": lanes_out, "multipliers": multipliers},
        bus={"bus_bits": 8 * lanes_in},
        widths={"weight_bits": weight_bits},
    )
    dut = Convolution(config)
    rng = np.random.default_rng(lanes_in + weight_bits)
    words = config.weight_block_words
    blocks, per_block, high = 4, words + 7, 1 << (weight_bits - 1)
    count = blocks * per_block
    weights = rng.integers(-high, high, (blocks, lanes_out, lanes_in))
    weights[::2, :, len(TAP_DELAYS) :] = 0  # even blocks are chained
    values = rng.integers(-128, 128, (count, lanes_in))
    pixels = rng.random(count) < 0.7
    assert TAP_DELAYS == (10, 6, 2, 9, 5, 1, 8, 4, 0)

    def expected(number: int, lane: int) -> int:
        block = number // per_block
        if block % 2:
            return int(values[number] @ weights[block, lane])
        own = values[[number - delay for delay in TAP_DELAYS], lane % lanes_in]
        return int(own @ weights[block, lane, : len(TAP_DELAYS)])

    async def feed_weights(ctx: Any) -> None:
        for block in range(blocks):
            for part in np.array_split(weights[block].flatten(), words):
                ctx.set(dut.weights, packed(part, weight_bits))
                await ctx.tick()
            await ctx.tick().repeat(per_block - words)

    async def feed_words(ctx: Any) -> None:
        await ctx.tick().repeat(dut.WEIGHTS_AHEAD)
        for number in range(count):
            block, place = divmod(number, per_block)
            payload = {
                "lanes": values[number].tolist(),
                "pixel": int(pixels[number]),
                "first": int(place == 0),
                "chained": int(block % 2 == 0),
            }
            ctx.set(dut.i.valid, 1)
            ctx.set(dut.i.payload, payload)
            await ctx.tick()
        ctx.set(dut.i.valid, 0)

    async def check(ctx: Any) -> None:
        await ctx.tick().repeat(dut.WEIGHTS_AHEAD + dut.latency)
        for cycle in range(count + words - 1):
            assert ctx.get(dut.o.valid) == (cycle < count and pixels[cycle])
            for place, lane in enumerate(dut.o.payload.lanes):
                number = cycle - place * words // lanes_out
                if TAP_DELAYS[0] <= number < count:
                    assert ctx.get(lane) == expected(number, place), (number, place)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for bench in (feed_weights, feed_words, check):
        simulator.add_testbench(bench)
    simulator.run()
