"""Each pixel reads the right words: plain ones by formula, packed ones followed in streams."""

from typing import Any

import numpy as np
import pytest

from hwsim.arch.config import Config
from hwsim.isa.fields import BUFFER_ADDRESS_BITS
from hwsim.rtl.operands.feature_read import FeatureRead
from hwsim.rtl.operands.packing import Packing, packing
from hwsim.rtl.operands.pixel import LINE_BITS
from tests import streams
from tests.test_rtl_issue import Chances, Step, run, steps_of
from tests.tiles import FIRST_TOKEN, Tile, address_of, config_of, drawn_tile, is_inside


def drawn_read(rng: np.random.Generator, config: Config) -> dict[str, int]:
    """Return a read near the edges of the input and of the buffer."""
    low = -int(rng.integers(0, 20))
    high = low + int(rng.integers(1, 20))
    return {
        "line": int(rng.integers(-40, 40) + rng.choice([40, config.feature_words, 1 << 20])),
        "y": int(rng.integers(-3, 12)),
        "x": int(rng.integers(low - 3, high + 3)),
        "low": low,
        "high": high,
        "input_height": int(rng.integers(1, 10)),
    }


def test_a_plain_read_is_line_plus_column() -> None:
    config = config_of(8)
    rng = np.random.default_rng(0)
    reads = [drawn_read(rng, config) for _ in range(3000)]
    dut = FeatureRead(config)
    seen: list[tuple[int, int, int]] = []

    def drive(ctx: Any, cycle: int) -> None:
        read = dict(reads[min(cycle, len(reads) - 1)])
        ctx.set(dut.x, read.pop("x"))
        ctx.set(dut.block, read)

    def sample(ctx: Any, _cycle: int) -> None:
        seen.append((ctx.get(dut.address), ctx.get(dut.inside), ctx.get(dut.beyond)))

    streams.step(
        dut, [streams.Each(drive, sample)], lambda: len(seen) == len(reads) + FeatureRead.LATENCY
    )
    for read, found in zip(reads, seen[FeatureRead.LATENCY :], strict=True):
        place = (read["line"] + read["x"]) % (1 << LINE_BITS)
        inside = 0 <= read["y"] < read["input_height"] and read["low"] <= read["x"] < read["high"]
        beyond = inside and place >= config.feature_words
        assert found == (place % (1 << BUFFER_ADDRESS_BITS), inside, beyond), read
    assert {found[1:] for found in seen} == {(0, 0), (1, 0), (1, 1)}


@pytest.mark.parametrize("lanes", [8, 16, 32, 64])
def test_packed_words_are_there_when_their_pixel_comes(lanes: int) -> None:
    """Packed words are there for their pixel, followed through all registers of every stream."""
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
                    assert pixel.packed.tap_pass == number
                follow(pixel, held, shape)
    assert checked > 600


def check_window(
    tile: Tile, step: Step, packed: Any, rows: list[int], held: list[list[int]], shape: Packing
) -> int:
    """Check three columns of the kernel rows of a tap pass; `step` is at the first of them."""
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


def follow(pixel: Any, held: list[list[int]], shape: Packing) -> None:
    """Update the model of the operands after a cycle: shift, then take the fetched word."""
    packed = pixel.packed
    for number, words in enumerate(held):
        if packed.advance:
            words[0] = words[1]
            if shape.ahead == 2 and number != shape.streams - 1:
                words[1] = words[2]
        for place in range(1 + shape.ahead):
            if packed.capture[number] >> place & 1:
                words[place] = pixel.address
