"""The operands are right: plain words alone, and packed taps together with the sequencer."""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator
from numpy.typing import NDArray

from hwsim.arch.config import Config
from hwsim.rtl.operands.chain import Operands
from hwsim.rtl.operands.issue import Issue
from hwsim.rtl.operands.packing import packing
from tests.drawn import preset_with
from tests.tiles import UNIT_STEPS, payload_of

TAPS, CHANNELS, KERNEL, PIXEL_BYTES = 27, 3, 3, 4
BUFFER_WORDS = 400


def config_of(lanes: int) -> Config:
    return preset_with(
        "nano",
        array={"input_lanes": lanes, "output_lanes": lanes},
        bus={"bus_bits": 8 * lanes},
        buffers={"feature_bytes": BUFFER_WORDS * lanes},
    )


def simulate(dut: Any, bench: Any) -> None:
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("idle", [0.0, 0.4])
@pytest.mark.parametrize("lanes", [8, 16])
def test_words_or_zero_points_come_after_the_latency(lanes: int, idle: float) -> None:
    config = config_of(lanes)
    dut = Operands(config)
    rng = np.random.default_rng(lanes)
    cycles = 400
    valid, pixel = rng.random(cycles) >= idle, rng.random(cycles) >= idle
    inside, first = rng.random(cycles) < 0.6, rng.random(cycles) < 0.2
    chained = rng.random(cycles) < 0.2
    diagonal, taps = rng.integers(2, size=cycles), rng.integers(lanes, size=cycles)
    zero_points = rng.integers(-128, 128, cycles)
    words = rng.integers(-128, 128, (cycles, lanes)).astype(np.int8)

    async def bench(ctx: Any) -> None:
        for cycle in range(cycles):
            payload = dut.i.payload
            ctx.set(dut.i.valid, bool(valid[cycle]))
            ctx.set(payload.pixel, bool(pixel[cycle]))
            ctx.set(payload.inside, bool(inside[cycle]))
            ctx.set(payload.first, bool(first[cycle]))
            ctx.set(payload.diagonal, int(diagonal[cycle]))
            ctx.set(payload.chained, bool(chained[cycle]))
            ctx.set(payload.tap, int(taps[cycle]))
            ctx.set(payload.zero_point, int(zero_points[cycle]))
            ctx.set(payload.accumulate.index, cycle)
            ctx.set(payload.accumulate.last, bool(first[cycle]))
            assert ctx.get(dut.features.enable) == valid[cycle]
            then = cycle - dut.LATENCY
            if then >= 0:  # the answer to the address
                ctx.set(dut.features.data, int.from_bytes(words[then].tobytes(), "little"))
            expected = then >= 0 and valid[then] and (pixel[then] or chained[then])
            assert ctx.get(dut.o.valid) == expected, cycle
            if expected:
                out = ctx.get(dut.o.payload)
                wanted = words[then] if inside[then] else np.full(lanes, zero_points[then])
                assert list(out.lanes) == wanted.tolist(), then
                assert (out.first, out.accumulate.last) == (first[then], first[then])
                assert out.accumulate.index == then
                assert (out.pixel, out.chained) == (pixel[then], chained[then])
                assert (out.diagonal, out.tap) == (diagonal[then], taps[then])
            await ctx.tick()

    simulate(dut, bench)


def drawn_tile(rng: np.random.Generator, config: Config, number: int) -> dict[str, int]:
    """Return a tile across an image's borders, at any place in the word, in a ring of rows."""
    ring_rows = int(rng.integers(1, 8))
    rows, columns = (int(value) for value in rng.integers(1, [4, 12]))
    return {
        "wait_chunks": 0, "source": 0, "buffer_address": int(rng.integers(20, 200)),
        "buffer_block_words": int(rng.integers(100)), "row_words": int(rng.integers(1, 12)),
        "ring_row": int(rng.integers(ring_rows)), "ring_rows": ring_rows,
        "top": int(rng.integers(-3, 6)), "left": int(rng.integers(-3, 9)),
        "column_origin": number % 8, "input_height": int(rng.integers(1, 10)),
        "input_width": int(rng.integers(1, 20)), "input_zero_point": int(rng.integers(-128, 128)),
        "rows": rows, "columns": columns, "kernel_rows": KERNEL, "kernel_columns": KERNEL,
        "blocks": packing(config).tap_passes, "packed": 1, "diagonal": 0, "first": 1,
        "awaits_stores": 0, "last": 1,
        **UNIT_STEPS,
    }  # fmt: skip


def expected_operands(
    tile: dict[str, int], memory: NDArray[np.int8], lanes: int
) -> list[list[int]]:
    """Return the lanes of every pixel of every tap pass: taps in order, then lanes of 0."""
    pixels = memory.reshape(-1, PIXEL_BYTES)
    per_word = lanes // PIXEL_BYTES
    windows = []
    for row, column in np.ndindex(tile["rows"], tile["columns"]):
        taps: list[int] = []
        for tap_row, tap_column in np.ndindex(KERNEL, KERNEL):
            y, x = tile["top"] + row + tap_row, tile["left"] + column + tap_column
            if 0 <= y < tile["input_height"] and 0 <= x < tile["input_width"]:
                ring = (tile["ring_row"] + row + tap_row) % tile["ring_rows"]
                line = tile["buffer_address"] + ring * tile["row_words"]
                taps += pixels[line * per_word + x - tile["column_origin"], :CHANNELS].tolist()
            else:
                taps += [tile["input_zero_point"]] * CHANNELS
        windows.append(taps + [0] * (tile["blocks"] * lanes - TAPS))
    return [
        window[lanes * number : lanes * (number + 1)]
        for number in range(tile["blocks"])
        for window in windows
    ]


@pytest.mark.parametrize("stall", [0.0, 0.3])
@pytest.mark.parametrize("lanes", [8, 16, 32, 64])
def test_packed_taps_fill_the_lanes(lanes: int, stall: float) -> None:
    """Packed taps fill the lanes, tile after tile, with waits for weights between tap passes."""
    config = config_of(lanes)
    assert packing(config).supported
    rng = np.random.default_rng(lanes)
    memory = rng.integers(-128, 128, (BUFFER_WORDS, lanes)).astype(np.int8)
    tiles = [drawn_tile(rng, config, number) for number in range(16)]
    expected = [lane for tile in tiles for lane in expected_operands(tile, memory, lanes)]
    around_the_buffer = Module()
    around_the_buffer.submodules.issue = issue = Issue(config)
    around_the_buffer.submodules.operands = operands = Operands(config)
    wiring.connect(around_the_buffer, issue.o, operands.i)

    async def bench(ctx: Any) -> None:
        ctx.set(issue.chunks.count, 1)
        seen, taken = 0, 0
        addresses = [0] * Operands.LATENCY  # the addresses that were read
        for _ in range(12_000):
            ctx.set(issue.tile.valid, taken < len(tiles))
            if taken < len(tiles):
                ctx.set(issue.tile.payload, payload_of(tiles[taken]))
            ctx.set(issue.weights.next_ready, bool(rng.random() >= stall))
            address = addresses.pop(0)
            # Past its end the buffer answers with anything.
            answer = memory[address] if address < BUFFER_WORDS else memory[rng.integers(99)]
            ctx.set(operands.features.data, int.from_bytes(answer.tobytes(), "little"))
            ctx.set(issue.drained, ctx.get(issue.issued))
            taken += ctx.get(issue.tile.ready)
            addresses.append(ctx.get(operands.features.address))
            if ctx.get(operands.o.valid):
                out = ctx.get(operands.o.payload)
                assert list(out.lanes) == expected[seen], (seen, lanes)
                seen += 1
            await ctx.tick()
            if seen == len(expected):
                return
        raise AssertionError(f"{seen} of {len(expected)} pixels")

    simulate(around_the_buffer, bench)
