"""Drawn tiles for the pixel sequencer and its parts, with the addresses of their pixels."""

from collections.abc import Iterator

import numpy as np

from hwsim.arch.chain import has_chain
from hwsim.arch.config import Config
from hwsim.rtl.operands.packing import packing
from tests.drawn import preset_with

FIRST_TOKEN = 65_530  # near the end of 16 bits, so that tokens wrap
TOKENS = 1 << 16

# The fields of a COMPUTE for the array; `buffer_address`, where ring row 0 lies, stands for
# those that follow from it.
Tile = dict[str, int]

UNIT_STEPS = {
    "stride_rows": 1,
    "stride_columns": 1,
    "dilation_rows": 1,
    "dilation_columns": 1,
    "upsample": 0,
}


def config_of(lanes: int) -> Config:
    return preset_with(
        "nano",
        array={"input_lanes": lanes, "output_lanes": lanes},
        bus={"bus_bits": 8 * lanes},
        buffers={"feature_bytes": 10_000 * lanes, "accumulator_depth": 64},
    )


def drawn_tile(rng: np.random.Generator, config: Config, packed: bool) -> Tile:
    """Return a tile across the borders of a small input, in a ring that wraps."""

    def draw(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    steps = drawn_steps(rng) if not packed else UNIT_STEPS
    least_rows = max(steps["stride_rows"], steps["dilation_rows"])
    ring_rows, input_width = draw(least_rows, max(7, least_rows)), draw(1, 9)
    least_words = -(-input_width // packing(config).pixels) if packed else 1
    kernel_rows, kernel_columns = (3, 3) if packed else (draw(1, 3), draw(1, 3))
    diagonal = not packed and draw(0, 2) == 0
    chained = diagonal and has_chain(config) and draw(0, 1) == 0
    if chained:
        kernel_rows, kernel_columns = 3, 3
        steps = UNIT_STEPS | {"stride_rows": draw(1, 2), "stride_columns": draw(1, 2)}
        ring_rows = max(ring_rows, steps["stride_rows"])
    elif diagonal:
        kernel_columns = min(kernel_columns, config.array.input_lanes // kernel_rows)
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
        "kernel_rows": kernel_rows,
        "kernel_columns": kernel_columns,
        "blocks": packing(config).tap_passes if packed else draw(1, 3),
        "packed": int(packed),
        "diagonal": int(diagonal),
        "chained": int(chained),
        "awaits_stores": int(draw(0, 3) == 0),
        "first": 1,
        "scale_sums": 0,
        "last": 1,
        **steps,
    }


def drawn_steps(rng: np.random.Generator) -> Tile:
    """Return strides and dilations, often 1 as in ordinary networks, or a doubled input."""
    if rng.random() < 0.2:
        return UNIT_STEPS | {"upsample": 1}
    return {
        name: int(rng.choice([1, 1, 2, 3, largest]))
        for name, largest in (
            ("stride_rows", 8),
            ("stride_columns", 8),
            ("dilation_rows", 16),
            ("dilation_columns", 16),
        )
    } | {"upsample": 0}


def drawn_tiles(rng: np.random.Generator, config: Config, count: int) -> list[Tile]:
    """Return COMPUTEs, some packed, some of several in one tile.

    Each waits for as many chunks as the ones before, or more.
    """
    tiles: list[Tile] = []
    token = FIRST_TOKEN
    for number in range(count):
        tile = drawn_tile(rng, config, bool(rng.random() < 0.3))
        if tiles and not tiles[-1]["last"]:
            scale = int(rng.integers(2))
            while tile["chained"] != tiles[-1]["chained"]:  # all of a tile are, or none
                tile = drawn_tile(rng, config, bool(rng.random() < 0.3))
            tile |= {"first": 0, "scale_sums": scale} | {
                side: tiles[-1][side] for side in ("rows", "columns")
            }
        tile["last"] = int(number + 1 == count or rng.random() < 0.6)
        tile |= {"wait_chunks": token % TOKENS, "source": 1000 + number}
        token += int(rng.integers(tile["blocks"] + 1))
        tiles.append(tile)
    return tiles


def payload_of(tile: Tile) -> Tile:
    """Return the fields of the COMPUTE."""
    payload = {name: value for name, value in tile.items() if name != "buffer_address"}
    words, ring_words = tile["row_words"], tile["ring_rows"] * tile["row_words"]
    payload["first_line"] = tile["buffer_address"] + tile["ring_row"] * words
    for kind in ("stride", "dilation"):
        payload[f"{kind}_words"] = tile[f"{kind}_rows"] * words
        payload[f"{kind}_wrap_words"] = ring_words - tile[f"{kind}_rows"] * words
    return payload


def address_of(tile: Tile, block: int, row: int, x: int, pixels_per_word: int = 1) -> int:
    """Return the buffer address of column `x` in the row that is `row` rows below `top`."""
    column = x - tile["column_origin"]
    if tile["upsample"]:
        row = (tile["top"] + row) // 2 - tile["top"] // 2
        column //= 2
    line = (tile["ring_row"] + row) % tile["ring_rows"] * tile["row_words"]
    line += tile["buffer_address"] + block * tile["buffer_block_words"]
    return int(line + column // pixels_per_word)


def is_inside(tile: Tile, y: int, x: int) -> bool:
    return 0 <= y < tile["input_height"] and 0 <= x < tile["input_width"]


def token_of(tile: Tile, block: int) -> int:
    """Return the count of chunks, or of STOREs, that an input block waits for."""
    first = FIRST_TOKEN + (tile["wait_chunks"] - FIRST_TOKEN) % TOKENS
    if tile["awaits_stores"]:
        return first
    return first + 1 + (0 if tile["packed"] else block)


def weight_blocks(tile: Tile, config: Config) -> Iterator[tuple[int, int, int]]:
    """Yield block, tap row and tap column in weight order; if packed, tap pass, first row and 0."""
    for block in range(tile["blocks"]):
        if tile["packed"]:
            yield block, packing(config).first_row(block), 0
            continue
        if tile["chained"]:
            yield block, 0, 0
            continue
        for tap_row in range(tile["kernel_rows"]):
            for tap_column in range(tile["kernel_columns"]):
                yield block, tap_row, tap_column
