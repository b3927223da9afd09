"""The pixel sequencer in the Amaranth simulator against nested loops and a schedule in Python."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwsim import pipeline
from hwsim.config import ACCUMULATOR_BANKS, Config
from hwsim.program.error_codes import ErrorCode
from rtl.issue import Issue
from rtl.layouts import FIRST_LINE
from rtl.packing import packing
from tests.drawn import preset_with

MOST_CYCLES = 30_000
FIRST_TOKEN = 65_530  # so that the tokens wrap
TOKENS = 1 << 16

Tile = dict[str, int]


def config_of(lanes: int) -> Config:
    return preset_with(
        "nano",
        array={"input_lanes": lanes, "output_lanes": lanes},
        bus={"bus_bits": 8 * lanes},
        buffers={"feature_bytes": 10_000 * lanes, "accumulator_depth": 64},
    )


def drawn_tile(rng: np.random.Generator, config: Config, packed: bool) -> Tile:
    """A few rows and columns across the borders of a small input, in a ring that wraps."""

    def draw(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    ring_rows, input_width = draw(1, 7), draw(1, 9)
    least_words = -(-input_width // packing(config).pixels) if packed else 1
    return {
        "buffer_address": draw(100, 3000),
        "buffer_block_words": draw(0, 2000),
        "row_words": draw(least_words, 20),
        "ring_row": draw(0, ring_rows - 1),
        "ring_rows": ring_rows,
        "top": draw(-3, 6),
        "left": draw(-3, 6),
        "column_origin": draw(0, 7),
        "input_height": draw(1, 9),
        "input_width": input_width,
        "input_zero_point": draw(-128, 127),
        "rows": draw(1, 4),
        "columns": draw(1, 9 if packed else 5),
        "kernel_rows": 3 if packed else draw(1, 3),
        "kernel_columns": 3 if packed else draw(1, 3),
        "blocks": packing(config).passes if packed else draw(1, 3),
        "packed": int(packed),
    }


def drawn_tiles(rng: np.random.Generator, config: Config, count: int) -> list[Tile]:
    """Some packed, some not. Each waits for chunks that the ones before may have waited for."""
    tiles = []
    token = FIRST_TOKEN
    for number in range(count):
        tile = drawn_tile(rng, config, bool(rng.random() < 0.3))
        tile |= {"wait_chunks": token % TOKENS, "source": 1000 + number}
        token += int(rng.integers(tile["blocks"] + 1))
        tiles.append(tile)
    return tiles


def payload_of(tile: Tile) -> Tile:
    """With what the distributor adds."""
    return tile | {FIRST_LINE: tile["buffer_address"] + tile["ring_row"] * tile["row_words"]}


@dataclass(frozen=True)
class Step:
    """What one cycle of a weight block should say; `address` only of a pixel inside the input."""

    pixel: bool
    first: bool = False
    last: bool = False
    index: int = 0
    overwrite: bool = False
    y: int = 0
    x: int = 0
    inside: bool = False
    address: int = 0


def address_of(tile: Tile, block: int, row: int, x: int, pixels_per_word: int = 1) -> int:
    """Buffer word of column `x` in the row `row` below `top`."""
    line = (tile["ring_row"] + row) % tile["ring_rows"] * tile["row_words"]
    line += tile["buffer_address"] + block * tile["buffer_block_words"]
    return int(line + (x - tile["column_origin"]) // pixels_per_word)


def is_inside(tile: Tile, y: int, x: int) -> bool:
    return 0 <= y < tile["input_height"] and 0 <= x < tile["input_width"]


def weight_blocks(tile: Tile, config: Config) -> Iterator[tuple[int, int, int]]:
    """(block, tap row, tap column) in the order of the weights; packed: (pass, first row, 0)."""
    for block in range(tile["blocks"]):
        if tile["packed"]:
            yield block, packing(config).first_row(block), 0
            continue
        for tap_row in range(tile["kernel_rows"]):
            for tap_column in range(tile["kernel_columns"]):
                yield block, tap_row, tap_column


def steps_of(tile: Tile, config: Config) -> list[tuple[int, list[Step]]]:
    """Per weight block: its input block, and its cycles."""
    blocks = []
    order = list(weight_blocks(tile, config))
    fill = pipeline.packed_fill(config) if tile["packed"] else 0
    for number, (block, tap_row, tap_column) in enumerate(order):
        steps = []
        for row in range(tile["rows"]):
            steps += [Step(pixel=False)] * fill
            for column in range(tile["columns"]):
                y, x = tile["top"] + tap_row + row, tile["left"] + tap_column + column
                index = row * tile["columns"] + column
                ends = index + 1 == tile["rows"] * tile["columns"]
                steps.append(
                    Step(
                        True, index == 0, ends and number + 1 == len(order), index, number == 0,
                        y, x, is_inside(tile, y, x), address_of(tile, block, tap_row + row, x),
                    )
                )  # fmt: skip
        blocks.append((block, steps))
    return blocks


@dataclass(frozen=True)
class Chances:
    """Per cycle, of each thing that moves the sequencer on."""

    tile: float = 1.0
    shadow: float = 1.0
    chunk: float = 1.0
    drained: float = 1.0


@dataclass
class Trace:
    """Per cycle what went in and came out; `pixels` by cycle."""

    shadow_full: list[int] = field(default_factory=list)
    chunks: list[int] = field(default_factory=list)
    drained: list[int] = field(default_factory=list)
    offered: list[int] = field(default_factory=list)  # cycles
    accepted: list[int] = field(default_factory=list)
    shadow_taken: list[int] = field(default_factory=list)
    issued: list[int] = field(default_factory=list)
    waiting: list[int | None] = field(default_factory=list)
    pixels: dict[int, Any] = field(default_factory=dict)


def run(config: Config, tiles: list[Tile], chances: Chances, seed: int) -> Trace:
    dut = Issue(config)
    trace = Trace()
    rng = np.random.default_rng(seed)
    last_token = max(
        FIRST_TOKEN + (tile["wait_chunks"] - FIRST_TOKEN) % TOKENS + tile["blocks"]
        for tile in tiles
    )
    state = {"token": last_token if chances.chunk == 1 else FIRST_TOKEN, "shadow": 0, "offering": 0}

    def drive(ctx: Any, cycle: int) -> None:
        trace.chunks.append(state["token"])  # visible a cycle later
        if state["token"] < last_token:
            state["token"] += int(rng.random() < chances.chunk)
        state["shadow"] |= int(rng.random() < chances.shadow)
        drained = len(trace.issued) > sum(trace.drained) and rng.random() < chances.drained
        may_offer = not state["offering"] and len(trace.accepted) < len(tiles)
        if may_offer and rng.random() < chances.tile:
            state["offering"] = 1
            trace.offered.append(cycle)
            ctx.set(dut.tile.payload, payload_of(tiles[len(trace.accepted)]))
        ctx.set(dut.tile.valid, state["offering"])
        ctx.set(dut.next_chunks, state["token"] % TOKENS)
        ctx.set(dut.shadow_full, state["shadow"])
        ctx.set(dut.drained, bool(drained))
        trace.shadow_full.append(state["shadow"])
        trace.drained.append(int(drained))

    def record(ctx: Any, cycle: int) -> None:
        if state["offering"] and ctx.get(dut.tile.ready):
            trace.accepted.append(cycle)
            state["offering"] = 0
        if ctx.get(dut.shadow_taken):
            trace.shadow_taken.append(cycle)
            state["shadow"] = 0
        trace.issued += [cycle] * ctx.get(dut.issued)
        waiting = ctx.get(dut.waiting)
        trace.waiting.append(waiting.source if waiting.valid else None)
        if ctx.get(dut.o.valid):
            trace.pixels[cycle] = ctx.get(dut.o.payload)
        assert ctx.get(dut.fault.code) == ErrorCode.NONE, cycle

    async def bench(ctx: Any) -> None:
        for cycle in range(MOST_CYCLES):
            drive(ctx, cycle)
            record(ctx, cycle)
            await ctx.tick()
            if len(trace.issued) == len(tiles) and cycle > trace.issued[-1] + 3:
                return
        raise AssertionError(f"stuck behind {len(trace.issued)} of {len(tiles)} tiles")

    simulate(dut, bench)
    return trace


def simulate(dut: Issue, bench: Any) -> None:
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def check_pixel(seen: Any, step: Step, tile: Tile, bank: int) -> None:
    assert (seen.pixel, seen.packed.enable) == (step.pixel, tile["packed"])
    if not step.pixel:
        assert not seen.first
        return
    accumulate = seen.accumulate
    assert (accumulate.index, accumulate.bank) == (step.index, bank)
    assert (accumulate.overwrite, accumulate.last) == (step.overwrite, step.last)
    assert (seen.first, seen.zero_point) == (step.first, tile["input_zero_point"])
    if not tile["packed"]:
        assert seen.inside == step.inside
        if step.inside:
            assert seen.address == step.address


def check_trace(config: Config, tiles: list[Tile], trace: Trace) -> None:
    """Everything, in the very cycle that the contract names."""
    cycle = -1  # the last pixel so far
    begun: list[int] = []
    expected = Trace(waiting=[None] * len(trace.waiting))
    cycles = 0
    for number, tile in enumerate(tiles):
        accepted = max(trace.offered[number], cycle)  # taken with the last pixel at the earliest
        expected.accepted.append(accepted)
        begin = accepted + pipeline.ISSUE_START
        for part, (block, steps) in enumerate(steps_of(tile, config)):
            token = FIRST_TOKEN + (tile["wait_chunks"] - FIRST_TOKEN) % TOKENS + 1
            token += 0 if tile["packed"] else block
            while not (
                trace.shadow_full[begin]
                and trace.chunks[begin] >= token
                and (part or len(begun) - sum(trace.drained[:begin]) < ACCUMULATOR_BANKS)
            ):
                begin += 1
            if part == 0:
                begun.append(begin)
            for cycle, step in enumerate(steps, start=begin):
                where = (number, tile, part, step)
                assert cycle + Issue.LATENCY in trace.pixels, where
                try:
                    check_pixel(
                        trace.pixels[cycle + Issue.LATENCY], step, tile, number % ACCUMULATOR_BANKS
                    )
                except AssertionError as error:
                    raise AssertionError(f"{where}: {error}") from error
                expected.shadow_taken += [cycle] * step.first
                expected.issued += [cycle] * step.last
                cycles += 1
            begin = cycle + 1
        held = range(accepted + 1, cycle + 1)
        expected.waiting[held.start : held.stop] = [tile["source"]] * len(held)
    assert len(trace.pixels) == cycles
    for name in ("accepted", "shadow_taken", "issued", "waiting"):
        assert getattr(trace, name) == getattr(expected, name), name


CHANCES = [
    Chances(),
    Chances(tile=0.02),
    Chances(shadow=0.1),
    Chances(chunk=0.01),
    Chances(drained=0.005),
    Chances(tile=0.1, shadow=0.2, chunk=0.05, drained=0.02),
]


@pytest.mark.parametrize("chances", CHANCES, ids=str)
@pytest.mark.parametrize("lanes", [8, 16, 32])
def test_pixels_come_in_order_and_in_time(lanes: int, chances: Chances) -> None:
    config = config_of(lanes)
    tiles = drawn_tiles(np.random.default_rng(lanes), config, 14)
    trace = run(config, tiles, chances, seed=lanes)
    check_trace(config, tiles, trace)
    if chances == Chances():  # not a single bubble between blocks and tiles
        first = trace.accepted[0] + pipeline.ISSUE_START + Issue.LATENCY
        assert list(trace.pixels) == list(range(first, first + len(trace.pixels)))


def test_the_largest_tiles() -> None:
    """Sides and kernels at the end of their counters; exactly the depth is no fault."""
    config = preset_with("nano", buffers={"accumulator_depth": 512})
    base = drawn_tile(np.random.default_rng(0), config, False)
    base |= {"buffer_address": 4000, "wait_chunks": FIRST_TOKEN, "source": 1, "blocks": 1}
    sides = [(512, 1, 1, 1), (1, 512, 1, 1), (1, 1, 15, 15), (1, 1, 1, 1)]
    names = ("rows", "columns", "kernel_rows", "kernel_columns")
    tiles = [base | dict(zip(names, side, strict=True)) for side in sides]
    tiles += [base | {"rows": 1, "columns": 1, "blocks": 600, "buffer_block_words": 3}]
    check_trace(config, tiles, run(config, tiles, Chances(), seed=0))


@pytest.mark.parametrize("lanes", [8, 16, 32, 64])
def test_packed_words_are_there_when_their_pixel_comes(lanes: int) -> None:
    """Follow the words through current, next and spare of every stream, by their addresses."""
    config = config_of(lanes)
    shape = packing(config)
    rng = np.random.default_rng(lanes)
    tiles = [
        drawn_tile(rng, config, True) | {"wait_chunks": FIRST_TOKEN, "source": 1} for _ in range(50)
    ]
    trace = run(config, tiles, Chances(), seed=0)
    seen = iter(trace.pixels.values())
    held: list[list[int]] = [[-1, -1, -1] for _ in range(shape.streams)]
    checked = 0
    for tile in tiles:
        for number, steps in steps_of(tile, config):
            rows = [tap // 9 for tap in range(number * lanes, min(27, (number + 1) * lanes))]
            for step, pixel in zip(steps, seen, strict=False):
                if step.pixel:
                    checked += check_window(
                        tile, step, pixel.packed, sorted(set(rows)), held, shape
                    )
                    assert pixel.packed["pass"] == number
                follow(pixel, held, shape)
    assert checked > 600


def check_window(
    tile: Tile, step: Step, packed: Any, rows: list[int], held: list[list[int]], shape: Any
) -> int:
    """Three columns of the kernel rows of this pass; `step` is at the first of them."""
    checked = 0
    for entry, row in enumerate(rows):
        y = step.y + row - rows[0]
        below = y - tile["top"]
        for column in range(3):
            x = step.x + column
            place = packed.phase + column
            inside = packed.row_inside >> entry & packed.column_inside >> column & 1
            assert inside == is_inside(tile, y, x), (step, entry, column)
            if inside:
                wanted = address_of(tile, 0, below, x, shape.pixels)
                assert (x - tile["column_origin"]) % shape.pixels == place % shape.pixels
                assert held[entry][place // shape.pixels] == wanted, (tile, step, entry, column)
                checked += 1
    return checked


def follow(pixel: Any, held: list[list[int]], shape: Any) -> None:
    """What the operands do behind a cycle: move on, then take the word that was fetched."""
    packed = pixel.packed
    for number, words in enumerate(held):
        if packed.advance:
            words[0] = words[1]
            if shape.ahead == 2 and number != shape.streams - 1:
                words[1] = words[2]
        for place in range(1 + shape.ahead):
            if packed.capture[number] >> place & 1:
                words[place] = pixel.address
