"""The walk over a tile's weight blocks equals nested loops (Amaranth simulator)."""

import numpy as np
import pytest

from hwsim.arch.config import Config
from hwsim.rtl.operands.packing import packing
from hwsim.rtl.operands.pixel import KEPT
from hwsim.rtl.operands.weight_blocks import WeightBlocks
from tests.streams import Sink, Source, step
from tests.tiles import TOKENS, Tile, address_of, config_of, drawn_tiles, payload_of, weight_blocks


def expected_blocks(tile: Tile, config: Config) -> list[dict[str, int]]:
    blocks = []
    order = list(weight_blocks(tile, config))
    for number, (block, tap_row, tap_column) in enumerate(order):
        stored = 0 if tile["packed"] else block
        blocks.append(
            {name: tile[name] for name in KEPT}
            | {
                "wait_chunks": (tile["wait_chunks"] + stored + 1) % TOKENS,
                "block_line": tile["buffer_address"] + stored * tile["buffer_block_words"],
                "line": address_of(tile, stored, tap_row, tile["column_origin"]),
                "until_wrap": tile["ring_rows"] - (tile["ring_row"] + tap_row) % tile["ring_rows"],
                "last_line": config.feature_words - tile["row_words"],
                "y": tile["top"] + tap_row,
                "x": tile["left"] + tap_column - tile["column_origin"],
                "low": -tile["column_origin"],
                "high": tile["input_width"] - tile["column_origin"],
                "tap_pass": block % max(packing(config).tap_passes, 2),
                "first": int(number == 0),
                "last": int(number + 1 == len(order)),
                "misplaced": 0,
            }
        )
    return blocks


@pytest.mark.parametrize(("idle", "stall"), [(0, 0), (0.9, 0), (0, 0.8), (0.5, 0.5)])
@pytest.mark.parametrize("lanes", [8, 16, 32])
def test_blocks_come_in_the_order_of_the_weights_and_in_time(
    lanes: int, idle: float, stall: float
) -> None:
    config = config_of(lanes)
    rng = np.random.default_rng(lanes)
    tiles = drawn_tiles(rng, config, 40)
    expected = [expected_blocks(tile, config) for tile in tiles]
    dut = WeightBlocks(config)
    source, sink = Source(dut.tile, [*map(payload_of, tiles)], rng, idle), Sink(dut.o, rng, stall)
    step(dut, [source, sink], lambda: len(sink.payloads) == sum(map(len, expected)))
    taken = -WeightBlocks.PERIOD
    number = 0
    for tile, blocks in enumerate(expected):
        assert source.taken[tile] == max(source.offered[tile], taken + WeightBlocks.PERIOD)
        offered = source.taken[tile] + WeightBlocks.LATENCY
        for block in blocks:
            assert sink.payloads[number] == block, (tile, number)
            assert sink.offered[number] == offered
            taken = sink.taken[number]
            offered = taken + WeightBlocks.PERIOD
            number += 1


@pytest.mark.parametrize(("ring_row", "misplaced"), [(9, 0), (10, 1), (4195, 1)])
def test_a_tile_whose_first_row_lies_past_the_buffer_is_misplaced(
    ring_row: int, misplaced: int
) -> None:
    """A tile whose first row lies past the buffer is misplaced, even if its line wraps around."""
    config = config_of(8)
    rng = np.random.default_rng(0)
    tile = drawn_tiles(rng, config, 1)[0]
    tile |= {"buffer_address": 16, "row_words": config.feature_words // 10}
    tile |= {"ring_row": ring_row, "ring_rows": 65_535}
    dut = WeightBlocks(config)
    source, sink = Source(dut.tile, [payload_of(tile)], rng), Sink(dut.o, rng)
    step(dut, [source, sink], lambda: bool(sink.payloads))
    assert sink.payloads[0]["misplaced"] == misplaced
