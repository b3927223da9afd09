"""The pixel sequencer reports tiles past their bank and pixels past the feature buffer."""

from typing import Any

import pytest

from hwsim.arch.config import Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.rtl.operands.issue import Issue
from hwsim.rtl.operands.packing import packing
from tests.test_rtl_issue import simulate
from tests.tiles import UNIT_STEPS, Tile, config_of, payload_of


def first_fault(
    config: Config, tile: Tile, code: ErrorCode = ErrorCode.BUFFER
) -> tuple[int, int] | None:
    """Return the number of the first pixel that comes with the fault, and the fault's source."""
    dut = Issue(config)
    found: list[tuple[int, int]] = []

    async def bench(ctx: Any) -> None:
        ctx.set(dut.tile.payload, payload_of(tile))
        ctx.set(dut.tile.valid, 1)
        ctx.set(dut.weights.next_ready, 1)
        ctx.set(dut.chunks.count, tile["wait_chunks"] + 4000)
        await ctx.tick()
        ctx.set(dut.tile.valid, 0)
        ctx.set(dut.tile.payload.source, 0)
        pixels = -1
        for _ in range(2000):
            pixels += ctx.get(dut.o.valid) and ctx.get(dut.o.payload.pixel)
            fault = ctx.get(dut.fault)
            if fault.code != ErrorCode.NONE:
                assert fault.code == code
                assert ctx.get(dut.o.valid)
                found.append((pixels, fault.source))
                return
            await ctx.tick()

    simulate(dut, bench)
    return found[0] if found else None


PLAIN: Tile = {
    "wait_chunks": 0, "awaits_stores": 0, "source": 77, "buffer_address": 0,
    "buffer_block_words": 0, "row_words": 8,
    "ring_row": 0, "ring_rows": 100, "top": 0, "left": 0, "column_origin": 0, "input_height": 100,
    "input_width": 100, "input_zero_point": 0, "rows": 2, "columns": 8, "kernel_rows": 1,
    "kernel_columns": 1, "blocks": 1, "packed": 0, "first": 1, "last": 1, **UNIT_STEPS,
}  # fmt: skip
PACKED: Tile = PLAIN | {"packed": 1, "columns": 10, "kernel_rows": 3, "kernel_columns": 3}


@pytest.mark.parametrize(
    ("change", "pixel"),
    [
        ({"rows": 8, "columns": 8}, None),  # the whole bank
        ({"rows": 13, "columns": 5}, 63),  # a pixel more
        ({"rows": 1, "columns": 65}, 63),
        ({"rows": 65, "columns": 1}, 63),
        ({"rows": 1023, "columns": 1023}, 63),
        ({"buffer_address": 10_000 - 16}, None),  # to the last word
        ({"buffer_address": 10_000 - 15}, 15),
        ({"buffer_address": 10_000 - 3}, 3),
        ({"buffer_address": 10_000}, 0),
        ({"buffer_address": (1 << 20) - 1}, 0),
        ({"buffer_address": 9_999, "top": -1}, 8),  # not where the input is not
        ({"buffer_address": 9_999, "left": -3}, 4),
        ({"buffer_address": 9_984, "stride_columns": 2, "rows": 1}, None),
        ({"buffer_address": 9_985, "stride_columns": 2, "rows": 1}, None),
        ({"buffer_address": 9_986, "stride_columns": 2, "rows": 1}, 7),
        ({"buffer_address": 9_976, "stride_rows": 2}, None),
        ({"buffer_address": 9_977, "stride_rows": 2}, 15),
        ({"buffer_address": 9_976, "upsample": 1, "rows": 4}, None),
        ({"buffer_address": 9_990, "upsample": 1, "rows": 4}, 20),
        ({"buffer_address": 9_968, "kernel_rows": 2, "dilation_rows": 3}, 24),
        ({"buffer_address": 9_960, "kernel_rows": 2, "dilation_rows": 3}, None),
        ({"buffer_address": 9_990, "input_width": 3}, 10),
        ({"buffer_address": 9_999, "top": 100}, None),
        ({"buffer_address": 9_984, "blocks": 2, "buffer_block_words": 4}, 28),
        ({"buffer_address": 9_984, "kernel_columns": 2}, 31),
        ({"buffer_address": 9_984, "ring_row": 1, "ring_rows": 2}, None),  # wraps in time
        ({"buffer_address": 9_985, "ring_row": 1, "ring_rows": 2}, 7),
    ],
    ids=str,
)
def test_a_tile_past_its_bank_or_past_the_buffer_is_the_fault(
    change: Tile, pixel: int | None
) -> None:
    expected = None if pixel is None else (pixel, PLAIN["source"])
    assert first_fault(config_of(8), PLAIN | change) == expected


@pytest.mark.parametrize("lanes", [8, 16, 32])
@pytest.mark.parametrize(
    ("change", "row"),
    [
        ({"buffer_address": 10_000}, 0),
        ({"buffer_address": 10_000 - 8}, 0),  # the second of two rows starts past the buffer
        ({"buffer_address": 10_000 - 8, "top": -1}, 0),
        # The input has one row, and that fits.
        ({"buffer_address": 10_000 - 8, "rows": 1, "input_height": 1}, None),
    ],
    ids=str,
)
def test_a_packed_row_past_the_buffer_is_the_fault(
    change: Tile, row: int | None, lanes: int
) -> None:
    config = config_of(lanes)
    tile = PACKED | {"blocks": packing(config).tap_passes} | change
    expected = None if row is None else (row * tile["columns"], PACKED["source"])
    assert first_fault(config, tile) == expected


@pytest.mark.parametrize("lanes", [8, 16, 32])
def test_a_packed_column_past_its_row_is_the_fault(lanes: int) -> None:
    config = config_of(lanes)
    tile = PACKED | {"blocks": packing(config).tap_passes, "rows": 1}
    pixels = packing(config).pixels
    fits = tile | {"row_words": 4, "input_width": 4 * pixels}
    assert first_fault(config, fits) is None
    assert first_fault(config, fits | {"left": 4 * pixels - 11, "input_width": 100}) == (9, 77)
    assert first_fault(config, fits | {"left": 32_767, "input_width": 65_535}) == (0, 77)


def test_a_compute_that_does_not_begin_its_tile_is_the_fault() -> None:
    found = first_fault(config_of(8), PLAIN | {"first": 0}, ErrorCode.TILE)
    assert found == (0, PLAIN["source"])


def test_a_block_that_would_wrap_around_the_address_is_the_fault() -> None:
    tile = PLAIN | {"blocks": 2, "buffer_address": 64, "buffer_block_words": (1 << 20) - 64}
    assert first_fault(config_of(8), tile) == (16, PLAIN["source"])


@pytest.mark.parametrize("lanes", [8, 16, 32])
def test_every_row_that_a_packed_pass_fetches_counts(lanes: int) -> None:
    config = config_of(lanes)
    shape = packing(config)
    tile = PACKED | {"blocks": shape.tap_passes}
    window_rows = max(shape.first_row(number) + shape.streams for number in range(shape.tap_passes))
    fetched = tile["row_words"] * (tile["rows"] - 1 + window_rows)
    assert first_fault(config, tile | {"buffer_address": 10_000 - fetched}) is None
    found = first_fault(config, tile | {"buffer_address": 10_000 - fetched + tile["row_words"]})
    assert found is not None
    assert found[1] == PACKED["source"]


CHAINED: Tile = PLAIN | {"kernel_rows": 3, "kernel_columns": 3, "diagonal": 1, "chained": 1}


@pytest.mark.parametrize(
    ("change", "pixel"),
    [
        ({"rows": 8, "columns": 8}, None),  # the whole bank
        ({"rows": 64, "columns": 1}, None),
        ({"rows": 13, "columns": 5}, 63),  # the fourth of the odd row
        ({"rows": 1, "columns": 65}, 63),
        ({"rows": 65, "columns": 1}, 63),
        ({"rows": 2, "columns": 33}, 61),
        ({"rows": 2, "columns": 65}, 1),  # that below the first
        ({"rows": 1023, "columns": 1023}, 1),
        # Eight columns are read, of four rows or of three.
        ({"buffer_address": 10_000 - 32, "columns": 6}, None),
        ({"buffer_address": 10_000 - 31, "columns": 6}, 11),
        ({"buffer_address": 10_000 - 30, "columns": 6}, 9),
        ({"buffer_address": 10_000 - 24, "columns": 6, "rows": 1}, None),
        ({"buffer_address": 10_000 - 24, "columns": 6, "rows": 1, "stride_rows": 2}, None),
        ({"buffer_address": 10_000 - 23, "columns": 6, "rows": 1}, 5),
        ({"buffer_address": 10_000}, -1),  # in front of the first pixel
    ],
    ids=str,
)
def test_a_strip_past_its_bank_or_past_the_buffer_is_the_fault(
    change: Tile, pixel: int | None
) -> None:
    expected = None if pixel is None else (pixel, CHAINED["source"])
    assert first_fault(config_of(16), CHAINED | change) == expected
