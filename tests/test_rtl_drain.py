"""The drain stores in staging what numpy computes, in the right cycles (Amaranth simulator)."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwsim.arch import pipeline
from hwsim.arch.config import ACCUMULATOR_BANKS, TABLE_BYTES, Config
from hwsim.graph import Rounding
from hwsim.isa.error_codes import ErrorCode
from hwsim.rtl.arithmetic.accumulators import Accumulators
from hwsim.rtl.arithmetic.drain import Drain
from hwsim.rtl.operands.weights import PARAMETER_BANKS
from tests.drained import (
    STAGING_WORDS,
    Chances,
    Fields,
    Gate,
    config_of,
    drawn_fields,
    number_of_reads,
)
from tests.loops import rounded
from tests.streams import Each, step

FACTORS = ("multiplier", "negative_multiplier")


@dataclass(frozen=True)
class Tile:
    """The drain's fields of a COMPUTE, with the contents of its banks."""

    fields: Fields
    sums: NDArray[np.int64]  # [rows, columns, lanes]
    parameters: list[dict[str, int]]
    table: NDArray[np.int8]  # of its bank

    def windows(self, axis: str) -> list[slice]:
        """Return the rows or columns of each window, as far as they lie in the tile."""
        fields = self.fields
        outside = fields["window_top" if axis == "rows" else "window_left"]
        step, size = fields[f"window_stride_{axis}"], fields[f"window_{axis}"]
        starts = [number * step - outside for number in range(fields[f"pooled_{axis}"])]
        return [slice(max(start, 0), start + size) for start in starts]

    @property
    def k(self) -> int:
        return 1 << self.fields["channel_pool"]


def drawn_tile(
    rng: np.random.Generator, config: Config, number: int, tables: NDArray[np.int8]
) -> Tile:
    fields = drawn_fields(rng, config, number)
    lanes = config.array.output_lanes
    factor_bits = 31 if fields["wide_factors"] else min(config.widths.multiplier_bits, 31)
    is_pooled = fields["window_rows"] * fields["window_columns"] > 1
    parameters = [
        {
            "bias": int(rng.integers(-(2**18), 2**18)),
            "multiplier": int(rng.integers(2**factor_bits)),
            "negative_multiplier": int(rng.integers(2**factor_bits)),
            "shift": int(rng.integers(factor_bits + 10, factor_bits + 16)),
            "negative_shift": int(rng.choice([0, factor_bits + int(rng.integers(10, 16))])),
            "negative_sign": 0 if is_pooled else int(rng.integers(2)),
        }
        for _ in range(lanes)
    ]
    sums = rng.integers(-(2**20), 2**20, (fields["rows"], fields["columns"], lanes))
    return Tile(fields, sums, parameters, tables[number % PARAMETER_BANKS])


def rescaled(total: int, lane: dict[str, int], fields: Fields) -> int:
    biased = total + lane["bias"]
    factor, shift = lane["multiplier"], lane["shift"]
    if biased < 0:
        factor, shift = lane["negative_multiplier"], lane["negative_shift"] or shift
    nearest = rounded(Fraction(biased * factor, 1 << shift), shift, Rounding(fields["rounding"]))
    if biased < 0 and lane["negative_sign"]:
        nearest = -nearest
    low, high = -128 + fields["clamp_low"], 127 - fields["clamp_high"]
    return min(max(nearest + fields["output_zero_point"], low), high)


def stored_bytes(tile: Tile) -> NDArray[np.int64]:
    """Return the results [pooled rows, pooled columns, lanes / k], before they are placed."""
    fields = tile.fields
    rows, columns, lanes = tile.sums.shape
    values = np.array([
        rescaled(int(total), tile.parameters[place % lanes], fields)
        for place, total in enumerate(tile.sums.flatten())
    ]).reshape(rows, columns, lanes // tile.k, tile.k).max(axis=3)  # fmt: skip
    result = np.empty((fields["pooled_rows"], fields["pooled_columns"], lanes // tile.k), int)
    for row, column in np.ndindex(result.shape[:2]):
        window = tile.windows("rows")[row], tile.windows("columns")[column]
        result[row, column] = values[window].max(axis=(0, 1))
    return tile.table[result + 128].astype(int) if fields["table"] else result


def store(staging: NDArray[np.int64], tile: Tile) -> None:
    """Store results in staging, one plane per block; byte 0 clears a word's other bytes."""
    word_bytes, offset = staging.shape[1], tile.fields["byte_offset"]
    values = stored_bytes(tile).reshape(-1, tile.sums.shape[2] // tile.k)
    pixels = len(values)
    for pixel, lanes in enumerate(values):
        for block in range(0, len(lanes), word_bytes):
            part = lanes[block : block + word_bytes]
            word = staging[tile.fields["staging_address"] + block // word_bytes * pixels + pixel]
            if offset == 0:
                word[:] = 0
            word[offset : offset + len(part)] = part


def number_of_writes(config: Config, tile: Tile) -> int:
    """Return the writes of a tile's results: one for each slice, or for several that are pooled."""
    slices_of_result = max(tile.k // config.array.rescale_lanes, 1)
    pixels = tile.fields["pooled_rows"] * tile.fields["pooled_columns"]
    return pixels * (config.rescale_slices // slices_of_result)


@dataclass
class Port:
    """The answer to a read of the tile at hand, the reads so far, and answers under way."""

    answer: Callable[[Any, Tile], Any]
    reads: int = 0
    answers: list[Any] = field(default_factory=lambda: [None] * Accumulators.READ_LATENCY)


class Memories:
    """Answers the drain's reads of sums and parameters, and records its writes."""

    def __init__(self, dut: Drain, config: Config, tiles: list[Tile], staging: NDArray[np.int64]):
        self.dut, self.config, self.tiles, self.staging = dut, config, tiles, staging
        self.lasts: list[int] = []  # cycles of the writes that end a tile
        self.writes = 0
        self._ends = list(accumulate(number_of_reads(config, tile.fields) for tile in tiles))
        self._ports = {
            dut.accumulators: Port(self._sums),
            dut.parameters: Port(self._parameters),
        }

    def drive(self, ctx: Any, _cycle: int) -> None:
        for memory, port in self._ports.items():
            answer = port.answers.pop(0)
            if answer is not None:
                ctx.set(memory.data, answer)

    def sample(self, ctx: Any, cycle: int) -> None:
        for memory, port in self._ports.items():
            answer = None
            if ctx.get(memory.enable):
                number = bisect_right(self._ends, port.reads)
                tile = self.tiles[number]
                assert ctx.get(memory.address.bank) == number % ACCUMULATOR_BANKS, cycle
                port.reads += 1
                answer = port.answer(ctx, tile)
            port.answers.append(answer)
        assert ctx.get(self.dut.fault.code) == ErrorCode.NONE, cycle
        if ctx.get(self.dut.o.valid):
            self.writes += 1
            out = ctx.get(self.dut.o.payload)
            word = np.frombuffer(out.data.to_bytes(self.config.word_bytes, "little"), np.int8)
            for byte in range(self.config.word_bytes):
                if out.enable >> byte & 1:
                    self.staging[out.address, byte] = word[byte]
            self.lasts += [cycle] * out.last

    def _sums(self, ctx: Any, tile: Tile) -> list[int]:
        index = ctx.get(self.dut.accumulators.address.index)
        sums = tile.sums.reshape(-1, tile.sums.shape[2])
        # A tap past the tile is masked, so its value must not matter.
        answer = sums[index] if index < len(sums) else [2**31 - 1] * sums.shape[1]
        return [int(value) for value in answer]

    def _parameters(self, ctx: Any, tile: Tile) -> list[dict[str, int]]:
        address = self.dut.parameters.address
        first = ctx.get(address.lane_slice) * self.config.array.rescale_lanes
        lowest = 16 * ctx.get(address.upper_half)
        most = (1 << min(self.config.widths.multiplier_bits, 31)) - 1
        return [
            lane | {name: lane[name] >> lowest & most for name in FACTORS}
            for lane in tile.parameters[first : first + self.config.array.rescale_lanes]
        ]


class TableWords:
    """Writes the tables of both banks, word by word from the first cycle on."""

    def __init__(self, dut: Drain, config: Config, tables: NDArray[np.int8]) -> None:
        self.dut = dut
        self.words = [
            {"data": int.from_bytes(word.tobytes(), "little"), "table": 1, "bank": bank,
             "parameters": 0, "index": config.parameter_words + row}
            for bank, own in enumerate(tables)
            for row, word in enumerate(own.reshape(-1, config.word_bytes))
        ] * config.tables  # fmt: skip

    def drive(self, ctx: Any, cycle: int) -> None:
        if self.words:
            ctx.set(self.dut.table_words.valid, cycle < len(self.words))
        if cycle < len(self.words):
            ctx.set(self.dut.table_words.payload, self.words[cycle])

    def sample(self, ctx: Any, cycle: int) -> None:
        pass


def check_tiles(config: Config, count: int, chances: Chances, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tables = rng.integers(-128, 128, (PARAMETER_BANKS, TABLE_BYTES)).astype(np.int8)
    tiles = [drawn_tile(rng, config, number, tables) for number in range(count)]
    expected = rng.integers(-128, 128, (STAGING_WORDS, config.word_bytes))
    dut = Drain(config)
    words = TableWords(dut, config, tables)
    gate = Gate(dut, [tile.fields for tile in tiles], chances, rng, len(words.words))
    memories = Memories(dut, config, tiles, expected.copy())
    step(dut, [words, gate, memories], lambda: len(memories.lasts) == count)
    gate.check(config)
    # There for reads a cycle after the write.
    assert memories.lasts == [cycle + pipeline.DRAIN - 1 for cycle in gate.drained]
    for tile in tiles:
        store(expected, tile)
    assert memories.writes == sum(number_of_writes(config, tile) for tile in tiles)
    assert memories.staging.tolist() == expected.tolist()


SHAPES = [(8, 8, 1), (8, 8, 2), (8, 8, 8), (16, 16, 4), (8, 16, 2), (8, 32, 8), (16, 32, 16)]


@pytest.mark.parametrize(("lanes_in", "lanes_out", "rescale"), SHAPES)
def test_every_k_and_pool_reach_their_bytes(lanes_in: int, lanes_out: int, rescale: int) -> None:
    check_tiles(config_of(lanes_in, lanes_out, rescale), 16, Chances(), seed=rescale)


@pytest.mark.parametrize(("lanes_out", "rescale"), [(8, 1), (8, 8), (16, 8)])
def test_idle_cycles_change_nothing(lanes_out: int, rescale: int) -> None:
    check_tiles(config_of(8, lanes_out, rescale), 14, Chances(accumulated=0.02), seed=lanes_out)


@pytest.mark.parametrize("multiplier_bits", [16, 32])
def test_without_the_channel_pool(multiplier_bits: int) -> None:
    widths = {"multiplier_bits": multiplier_bits}
    check_tiles(config_of(16, 16, 4, channel_pool=False, widths=widths), 8, Chances(), seed=1)


def test_without_tables() -> None:
    check_tiles(config_of(16, 16, 4, tables=False), 8, Chances(), seed=1)


@pytest.mark.parametrize(
    ("lanes_out", "address", "sides"),
    [
        (8, STAGING_WORDS - 6, (2, 3)),  # to the last word
        (8, STAGING_WORDS - 5, (2, 3)),
        (8, STAGING_WORDS, (2, 3)),
        (8, 0xFFF0, (2, 3)),
        (16, STAGING_WORDS - 12, (2, 3)),
        (16, STAGING_WORDS - 11, (2, 3)),  # the second block's last word
        (16, STAGING_WORDS - 6, (2, 3)),
        (32, 0, (256, 256)),  # a plane of 2^16 words
    ],
)
def test_a_byte_past_staging_is_the_fault(
    lanes_out: int, address: int, sides: tuple[int, int]
) -> None:
    """A byte past staging is a fault and is not written; the bytes before it are written."""
    dut = Drain(config_of(8, lanes_out, 8))
    words, pixels = lanes_out // 8, min(sides[0] * sides[1], 8)
    fields = {
        "rows": sides[0], "columns": sides[1], "pooled_rows": sides[0], "pooled_columns": sides[1],
        "window_rows": 1, "window_columns": 1, "window_stride_rows": 1, "window_stride_columns": 1,
        "source": 0x1234, "staging_address": address,
    }  # fmt: skip
    places = [
        address + block * sides[0] * sides[1] + pixel
        for pixel in range(pixels)
        for block in range(words)
    ]
    faulty: list[int] = []
    written: list[int] = []

    def drive(ctx: Any, cycle: int) -> None:
        ctx.set(dut.accumulated, cycle == 0)
        ctx.set(dut.parameter_bank.next_ready, 1)
        ctx.set(dut.tile.valid, cycle == 0)
        ctx.set(dut.tile.payload, fields if cycle == 0 else dict.fromkeys(fields, 0))

    def sample(ctx: Any, cycle: int) -> None:
        """The read of place n is in cycle n + 1."""
        if ctx.get(dut.fault.code) != ErrorCode.NONE:
            assert ctx.get(dut.fault.code) == ErrorCode.BUFFER
            assert ctx.get(dut.fault.source) == fields["source"]
            faulty.append(cycle - 1 - Drain.FAULT)
        if ctx.get(dut.o.valid):
            assert ctx.get(dut.o.payload.address) == places[cycle - Drain.DRAIN]
            written.append(cycle - Drain.DRAIN)

    step(dut, [Each(drive, sample)], lambda: True, len(places) + Drain.DRAIN - 1)
    outside = [number for number, place in enumerate(places) if place >= STAGING_WORDS]
    assert [number for number in faulty if number < len(places)] == outside
    assert written == [number for number in range(len(places)) if number not in outside]
