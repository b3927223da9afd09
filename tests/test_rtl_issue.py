"""The pixel sequencer equals nested loops and a schedule in Python (Amaranth simulator)."""

from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwsim.arch import pipeline
from hwsim.arch.config import ACCUMULATOR_BANKS, Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.rtl.operands.issue import Issue
from hwsim.rtl.operands.weight_blocks import WeightBlocks
from tests.drawn import preset_with
from tests.tiles import (
    FIRST_TOKEN,
    TOKENS,
    UNIT_STEPS,
    Tile,
    address_of,
    config_of,
    drawn_tile,
    drawn_tiles,
    is_inside,
    payload_of,
    token_of,
    weight_blocks,
)

MOST_CYCLES = 30_000


@dataclass(frozen=True)
class Step:
    """The expected outputs in one cycle of a weight block; `address` is for pixels inside only."""

    pixel: bool
    read: bool = False  # a pixel, or a word of a strip
    first: bool = False  # of its weight block
    tap: int = 0
    last: bool = False
    index: int = 0
    overwrite: bool = False
    y: int = 0
    x: int = 0
    inside: bool = False
    address: int = 0


def takes_weights(tile: Tile, tap_row: int, tap_column: int) -> bool:
    """Return whether a tap has weights of its own, or is the first that shares a block's."""
    return not tile["diagonal"] or tap_row == tap_column == 0


def strip_steps(tile: Tile, block: int, overwrite: bool, ends: bool) -> list[Step]:
    """Return the words of a chained weight block, some of which make a pixel."""
    rows, columns = tile["rows"], tile["columns"]
    of_strip = 2 // tile["stride_rows"]
    steps: list[Step] = []
    for first_row in range(0, rows, of_strip):
        for column in range((columns - 1) * tile["stride_columns"] + 3):
            pixel_column, between = divmod(column - 2, tile["stride_columns"])
            for word in range(4):
                row = first_row + word - 2
                there = row < min(first_row + of_strip, rows)
                below = first_row * tile["stride_rows"] + word
                y, x = tile["top"] + below, tile["left"] + column
                pixel = word >= 2 and column >= 2 and not between and there
                index = row * columns + pixel_column if pixel else -1
                last = index == rows * columns - 1
                steps.append(
                    Step(
                        pixel, True, not steps, 0, last and ends, index, overwrite, y, x,
                        (there or word < 3) and is_inside(tile, y, x),
                        address_of(tile, block, below, x),
                    )
                )  # fmt: skip
                if last:
                    return steps
    raise AssertionError("no last pixel")


def steps_of(tile: Tile, config: Config) -> list[tuple[int, list[Step]]]:
    """Return the input block and the cycles of every weight block."""
    blocks = []
    order = list(weight_blocks(tile, config))
    fill = pipeline.packed_fill(config) if tile["packed"] else 0
    for number, (block, tap_row, tap_column) in enumerate(order):
        if tile["chained"]:
            overwrite = number == 0 and bool(tile["first"])
            blocks.append((block, strip_steps(tile, block, overwrite, number + 1 == len(order))))
            continue
        steps = []
        for row in range(tile["rows"]):
            steps += [Step(pixel=False)] * fill
            for column in range(tile["columns"]):
                below = tap_row * tile["dilation_rows"] + row * tile["stride_rows"]
                beside = tap_column * tile["dilation_columns"] + column * tile["stride_columns"]
                y, x = tile["top"] + below, tile["left"] + beside
                index = row * tile["columns"] + column
                ends = index + 1 == tile["rows"] * tile["columns"]
                steps.append(
                    Step(
                        True, True, index == 0 and takes_weights(tile, tap_row, tap_column),
                        tap_row * tile["kernel_columns"] + tap_column,
                        ends and number + 1 == len(order), index,
                        number == 0 and bool(tile["first"]), y, x, is_inside(tile, y, x),
                        address_of(tile, block, below, x),
                    )
                )  # fmt: skip
        blocks.append((block, steps))
    return blocks


@dataclass(frozen=True)
class Chances:
    """The probabilities per cycle of each event that the sequencer waits for."""

    tile: float = 1.0
    weights: float = 1.0
    chunk: float = 1.0
    drained: float = 1.0


@dataclass
class Trace:
    """The inputs and outputs of every cycle; the keys of `pixels` are cycles."""

    weights_ready: list[int] = field(default_factory=list)
    chunks: list[int] = field(default_factory=list)
    staged: list[int] = field(default_factory=list)
    drained: list[int] = field(default_factory=list)
    offered: list[int] = field(default_factory=list)  # cycles
    accepted: list[int] = field(default_factory=list)
    weights_taken: list[int] = field(default_factory=list)
    issued: list[int] = field(default_factory=list)
    completed: list[int] = field(default_factory=list)
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
    first_token = last_token if chances.chunk == 1 else FIRST_TOKEN
    state = {"token": first_token, "staged": first_token, "weights": 0, "offering": 0}

    def drive(ctx: Any, cycle: int) -> None:
        trace.staged.append(state["staged"])
        trace.chunks.append(state["token"])  # later changes are visible in the next cycle
        trace.weights_ready.append(state["weights"])
        if ctx.get(dut.weights.taken):
            trace.weights_taken.append(cycle)
            state["weights"] = 0
        arrives = state["token"] < last_token and rng.random() < chances.chunk
        if state["staged"] < last_token:
            state["staged"] += int(rng.random() < chances.chunk)
        state["weights"] |= int(rng.random() < chances.weights)
        drained = len(trace.completed) > sum(trace.drained) and rng.random() < chances.drained
        may_offer = not state["offering"] and len(trace.accepted) < len(tiles)
        if may_offer and rng.random() < chances.tile:
            state["offering"] = 1
            trace.offered.append(cycle)
            ctx.set(dut.tile.payload, payload_of(tiles[len(trace.accepted)]))
        ctx.set(dut.tile.valid, state["offering"])
        ctx.set(dut.chunks.count, state["token"] % TOKENS)
        ctx.set(dut.chunks.event, bool(arrives))
        state["token"] += int(arrives)
        ctx.set(dut.staged, state["staged"] % TOKENS)
        ctx.set(dut.weights.next_ready, state["weights"])
        ctx.set(dut.drained, bool(drained))
        trace.drained.append(int(drained))

    def record(ctx: Any, cycle: int) -> None:
        if state["offering"] and ctx.get(dut.tile.ready):
            trace.accepted.append(cycle)
            state["offering"] = 0
        trace.issued += [cycle] * ctx.get(dut.issued)
        trace.completed += [cycle] * ctx.get(dut.completed)
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
    assert (seen.diagonal, seen.chained) == (
        tile["diagonal"] and not tile["chained"],
        tile["chained"],
    )
    assert not tile["diagonal"] or seen.tap == step.tap
    assert seen.first == step.first
    if not step.read:
        return
    assert seen.zero_point == tile["input_zero_point"]
    if not tile["packed"]:
        assert seen.inside == step.inside
        assert not step.inside or seen.address == step.address
    if not step.pixel:
        return
    accumulate = seen.accumulate
    assert (accumulate.index, accumulate.bank) == (step.index, bank)
    assert (accumulate.overwrite, accumulate.last) == (step.overwrite, step.last and tile["last"])


def check_trace(config: Config, tiles: list[Tile], trace: Trace) -> None:
    """Check that every output has the cycle that the contract names."""
    taken = -WeightBlocks.PERIOD  # the cycle in which a block follows the one before
    end = -1  # and in which that had its last pixel
    begin = -pipeline.REVISIT
    begun: list[int] = []
    expected = Trace(waiting=[None] * len(trace.waiting))
    cycles = 0
    for number, tile in enumerate(tiles):
        accepted = max(trace.offered[number], taken + WeightBlocks.PERIOD)
        expected.accepted.append(accepted)
        bank = len(expected.completed) % ACCUMULATOR_BANKS
        for part, (block, steps) in enumerate(steps_of(tile, config)):
            offered = taken + WeightBlocks.PERIOD if part else accepted + WeightBlocks.LATENCY
            taken = max(offered, end)  # with the last pixel at the earliest
            begin = max(taken + 1, begin + pipeline.REVISIT)
            needs_weights = any(step.first for step in steps)
            counted = trace.staged if tile["awaits_stores"] else trace.chunks
            while not (
                (trace.weights_ready[begin] or not needs_weights)
                and counted[begin] >= token_of(tile, block)
                and (
                    part
                    or not tile["first"]
                    or len(begun) - sum(trace.drained[:begin]) < ACCUMULATOR_BANKS
                )
            ):
                begin += 1
            if part == 0 and tile["first"]:
                begun.append(begin)
            for cycle, step in enumerate(steps, start=begin):
                where = (number, tile, part, step)
                assert cycle + Issue.LATENCY in trace.pixels, where
                try:
                    check_pixel(trace.pixels[cycle + Issue.LATENCY], step, tile, bank)
                except AssertionError as error:
                    raise AssertionError(f"{where}: {error}") from error
                expected.weights_taken += [cycle] * step.first
                expected.issued += [cycle] * step.last
                expected.completed += [cycle] * (step.last and tile["last"])
            end = begin + len(steps) - 1
            cycles += len(steps)
            held = range(taken + 1, end + 1)
            expected.waiting[held.start : held.stop] = [tile["source"]] * len(held)
    assert len(trace.pixels) == cycles
    for name in ("accepted", "weights_taken", "issued", "completed", "waiting"):
        assert getattr(trace, name) == getattr(expected, name), name


CHANCES = [
    Chances(),
    Chances(tile=0.02),
    Chances(weights=0.1),
    Chances(chunk=0.01),
    Chances(drained=0.005),
    Chances(tile=0.1, weights=0.2, chunk=0.05, drained=0.02),
]


@pytest.mark.parametrize("chances", CHANCES, ids=str)
@pytest.mark.parametrize("lanes", [8, 16, 32])
def test_pixels_come_in_order_and_in_time(lanes: int, chances: Chances) -> None:
    config = config_of(lanes)
    tiles = drawn_tiles(np.random.default_rng(lanes), config, 14)
    trace = run(config, tiles, chances, seed=lanes)
    check_trace(config, tiles, trace)


@pytest.mark.parametrize("chances", [CHANCES[0], CHANCES[-1]], ids=str)
def test_words_of_strips_come_in_order_and_in_time(chances: Chances) -> None:
    """Tiles of every small size, with both strides, in one tile of two COMPUTEs too."""
    config, rng = config_of(16), np.random.default_rng(3)
    tiles: list[Tile] = []
    sizes = product(range(1, 5), range(1, 4), (1, 2), (1, 2))
    for number, (rows, columns, stride_rows, stride_columns) in enumerate(sizes):
        tile = drawn_tile(rng, config, False) | UNIT_STEPS
        tile |= {"rows": rows, "columns": columns, "kernel_rows": 3, "kernel_columns": 3}
        tile |= {"stride_rows": stride_rows, "stride_columns": stride_columns}
        tile |= {"ring_rows": 1 + stride_rows + number % 6, "ring_row": number % 2}
        tile |= {"diagonal": 1, "chained": 1, "wait_chunks": FIRST_TOKEN, "source": number}
        tiles += [tile] if number % 3 else [tile | {"last": 0}, tile | {"first": 0}]
    check_trace(config, tiles, run(config, tiles, chances, seed=4))


@pytest.mark.parametrize("lanes", [8, 16, 32])
def test_blocks_and_tiles_follow_without_a_gap(lanes: int) -> None:
    config = config_of(lanes)
    tiles = [
        tile
        for tile in drawn_tiles(np.random.default_rng(lanes), config, 20)
        if tile["rows"] * tile["columns"] >= Issue.SHORTEST_BLOCK
    ]
    tiles = [tile | {"first": 1, "last": 1} for tile in tiles]
    assert len(tiles) > 10
    trace = run(config, tiles, Chances(), seed=0)
    first = trace.accepted[0] + Issue.TILE_START + Issue.LATENCY
    assert list(trace.pixels) == list(range(first, first + len(trace.pixels)))


def test_the_largest_tiles() -> None:
    """The largest sides and kernels work; a tile of exactly the bank's depth is no fault."""
    config = preset_with("nano", buffers={"accumulator_depth": 512})
    base = drawn_tile(np.random.default_rng(0), config, False)
    base |= {"buffer_address": 4000, "wait_chunks": FIRST_TOKEN, "source": 1, "blocks": 1}
    sides = [(512, 1, 1, 1), (1, 512, 1, 1), (1, 1, 15, 15), (1, 1, 1, 1)]
    names = ("rows", "columns", "kernel_rows", "kernel_columns")
    tiles = [base | dict(zip(names, side, strict=True)) for side in sides]
    tiles += [base | {"rows": 1, "columns": 1, "blocks": 600, "buffer_block_words": 3}]
    check_trace(config, tiles, run(config, tiles, Chances(), seed=0))
