"""The walk over strips equals nested loops (Amaranth simulator)."""

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import pytest
from amaranth.sim import Simulator

from hwsim.arch.chain import strip_cycles
from hwsim.rtl.operands.strip_walk import StripWalk
from tests.tiles import config_of

BELOW = {"line": 7, "until_wrap": -1, "y": 1}  # from an input row to the next, mark by mark


class Word(NamedTuple):
    """The input row of a word, and the pixels that need it."""

    y: int
    column: int  # of pixels, or -1
    row: int  # of pixels, which this word completes, or -1
    unneeded: bool


def words(rows: int, columns: int, stride: tuple[int, int]) -> Iterator[Word]:
    """Yield the words of a block, up to its last pixel."""
    of_strip = 2 // stride[0]
    for first in range(0, rows, of_strip):
        last = min(first + of_strip, rows)
        for x in range((columns - 1) * stride[1] + 3):
            column, between = divmod(x - 2, stride[1])
            has_pixels = x >= 2 and not between
            for number in range(4):
                row = first + number - 2
                completes = has_pixels and number >= 2 and row < last
                yield Word(first * stride[0] + number, column if has_pixels else -1,
                           row if completes else -1, number == 3 and row >= last)  # fmt: skip
                if completes and (row, column) == (rows - 1, columns - 1):
                    return


@pytest.mark.parametrize("stride", [*product((1, 2), repeat=2)], ids=str)
def test_words_come_down_the_columns_of_strips(stride: tuple[int, int]) -> None:
    """Blocks of every small size follow each other, with pauses in front of some."""
    dut = StripWalk(config_of(16))
    sizes = list(product(range(1, 6), range(1, 4)))

    async def walk(ctx: Any, rows: int, columns: int) -> None:
        expected = list(words(rows, columns, stride))
        assert len(expected) == strip_cycles(rows, columns, stride)
        for number, word in enumerate(expected):
            here = {name: 1000 + step * word.y for name, step in BELOW.items()}
            ctx.set(dut.block, fields | here)
            ctx.set(dut.below, {name: here[name] + step for name, step in BELOW.items()})
            ctx.set(dut.last_column, word.column == columns - 1)
            ends = number + 1 == len(expected)
            ctx.set(dut.take, ends)
            ctx.set(dut.step, 1)
            assert ctx.get(dut.unneeded) == word.unneeded, (number, word)
            assert ctx.get(dut.has_pixels) == (word.column >= 0)
            assert ctx.get(dut.ends_block) == ends
            if not ends:
                following = expected[number + 1]
                assert ctx.get(dut.next_pixel) == (following.row >= 0), (number, following)
                assert ctx.get(dut.row.y) == 1000 + following.y
                assert ctx.get(dut.row.line) == 1000 + BELOW["line"] * following.y
                assert ctx.get(dut.row.until_wrap) == 1000 - following.y
                assert ctx.get(dut.ends_column) == (following.y < word.y)
                assert ctx.get(dut.ends_strip) == (following.y == word.y - 1)
            if word.row >= 0:
                assert ctx.get(dut.is_second) == (stride[0] == 1 and word.row % 2)
            await ctx.tick()
        ctx.set(dut.step, 0)
        ctx.set(dut.take, 0)

    fields: dict[str, int] = {}

    async def bench(ctx: Any) -> None:
        for number, (rows, columns) in enumerate(sizes):
            fields.update(rows=rows, wide_rows=stride[0] - 1, stride_columns=stride[1])
            first = dict.fromkeys(BELOW, 1000)
            ctx.set(dut.offered, fields | first)
            if number == 0:
                ctx.set(dut.take, 1)
                await ctx.tick()
                ctx.set(dut.take, 0)
            for _ in range(number % 3):
                await ctx.tick()
            following = sizes[number + 1 : number + 2] or [(1, 1)]
            ctx.set(dut.offered, fields | first | {"rows": following[0][0]})
            await walk(ctx, rows, columns)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
