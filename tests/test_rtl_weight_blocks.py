"""The walk over a tile's weight blocks equals nested loops (Amaranth simulator)."""

import numpy as np
import pytest

from hwsim.arch.chain import has_chain
from hwsim.arch.config import Config
from hwsim.rtl.operands.packing import packing
from hwsim.rtl.operands.pixel import KEPT
from hwsim.rtl.operands.weight_blocks import WeightBlocks
from tests.streams import Sink, Source, step
from tests.tiles import (
    TOKENS,
    Tile,
    address_of,
    config_of,
    drawn_tiles,
    payload_of,
    token_of,
    weight_blocks,
)


def expected_blocks(tile: Tile, config: Config) -> list[dict[str, int]]:
    blocks = []
    fields = payload_of(tile)
    order = list(weight_blocks(tile, config))
    for number, (block, tap_row, tap_column) in enumerate(order):
        stored = 0 if tile["packed"] else block
        below, beside = tap_row * tile["dilation_rows"], tap_column * tile["dilation_columns"]
        ring_rows_below = below
        if tile["upsample"]:
            ring_rows_below = (tile["top"] + below) // 2 - tile["top"] // 2
        ring_row = (tile["ring_row"] + ring_rows_below) % tile["ring_rows"]
        blocks.append(
            {name: fields[name] for name in KEPT}
            | {
                name.replace("dilation", "stride"): fields[name]
                for name in ("dilation_rows", "dilation_words", "dilation_wrap_words")
                if tile["chained"]
            }
            | {
                "wait_chunks": token_of(tile, block) % TOKENS,
                "line": address_of(tile, stored, below, tile["column_origin"]),
                "until_wrap": tile["ring_rows"] - ring_row,
                "last_line": config.feature_words - tile["row_words"],
                "y": tile["top"] + below,
                "x": tile["left"] + beside - tile["column_origin"],
                "low": -tile["column_origin"],
                "high": tile["input_width"] - tile["column_origin"],
                "wide_rows": int(has_chain(config) and tile["stride_rows"] > 1),
                "takes_weights": int(not tile["diagonal"] or tap_row == tap_column == 0),
                "tap_pass": block % max(packing(config).tap_passes, 2),
                "first": int(number == 0 and tile["first"]),
                "scale_sums": int(number == 0 and tile["scale_sums"]),
                "last": int(number + 1 == len(order)),
                "ends_tile": tile["last"],
                "mismatched": 0,
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
        for place, block in enumerate(blocks):
            tap = sink.payloads[number].pop("tap")
            assert sink.payloads[number] == block, (tile, number)
            if tiles[tile]["diagonal"] and not tiles[tile]["chained"]:
                taps = tiles[tile]["kernel_rows"] * tiles[tile]["kernel_columns"]
                assert tap == place % taps
            assert sink.offered[number] == offered
            taken = sink.taken[number]
            offered = taken + WeightBlocks.PERIOD
            number += 1


@pytest.mark.parametrize(
    ("before", "change", "mismatched"),
    [
        ({"last": 0}, {"first": 0}, 0),
        ({"last": 0}, {"first": 1}, 1),
        ({"last": 1}, {"first": 0}, 1),
        ({"last": 1}, {"first": 1, "rows": 3}, 0),
        ({"last": 0}, {"first": 0, "rows": 3}, 1),
        ({"last": 0}, {"first": 0, "columns": 3}, 1),
        ({"last": 0, "diagonal": 1}, {"first": 0, "diagonal": 1, "chained": 1}, 1),
        ({"last": 0, "chained": 1}, {"first": 0, "chained": 1}, 0),
        ({"last": 0, "chained": 1}, {"first": 1, "chained": 0}, 1),
        ({"last": 1, "chained": 1}, {"first": 1, "chained": 0}, 0),
        (None, {"first": 0}, 1),
    ],
    ids=str,
)
def test_a_compute_that_does_not_belong_to_its_tile_is_mismatched(
    before: Tile | None, change: Tile, mismatched: int
) -> None:
    config = config_of(16)
    rng = np.random.default_rng(0)
    sides = {"rows": 2, "columns": 2, "blocks": 1, "kernel_rows": 1, "kernel_columns": 1}
    modes = {"packed": 0, "diagonal": 0, "chained": 0}
    tile = drawn_tiles(rng, config, 1)[0] | sides | modes
    tiles = [tile | change] if before is None else [tile | before, tile | change]
    dut = WeightBlocks(config)
    source, sink = Source(dut.tile, [*map(payload_of, tiles)], rng, 0.5), Sink(dut.o, rng)
    step(dut, [source, sink], lambda: len(sink.payloads) == len(tiles))
    assert [block["mismatched"] for block in sink.payloads][-1] == mismatched
