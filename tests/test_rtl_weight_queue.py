"""The weight queue hands out every word in the cycle of a schedule (Amaranth simulator)."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.rtl.operands.weight_queue import WeightQueue
from hwsim.rtl.operands.weights import PARAMETER_BANKS
from tests.drawn import preset_with
from tests.streams import values

CAPACITY = 45  # words: no power of two, and a few blocks
SOURCE = 0x2A5A5
MOST_CYCLES = 20_000


def small_config(
    lanes: int = 8, weight_bits: int = 8, capacity: int = CAPACITY, tables: bool = False
) -> Config:
    return preset_with(
        "nano",
        tables=tables,
        array={"input_lanes": lanes, "output_lanes": lanes},
        bus={"bus_bits": 8 * lanes, "burst_beats": 16},
        widths={"weight_bits": weight_bits},
        buffers={"weight_bytes": lanes * capacity},
    )


@dataclass(frozen=True)
class Tile:
    kernel_rows: int
    kernel_columns: int
    blocks: int
    packed: int
    weight_offset: int
    release: int
    last: int = 1  # parameters follow the weights
    diagonal: int = 0
    table: int = 0  # and a table follows these

    @property
    def weight_blocks(self) -> int:
        taps = 1 if self.packed or self.diagonal else self.kernel_rows * self.kernel_columns
        return self.blocks * taps

    def words(self, config: Config) -> int:
        behind = self.words_behind(config) if self.last else 0
        return self.weight_blocks * config.weight_block_words + behind

    def words_behind(self, config: Config) -> int:
        """Return the words of parameters and table that follow the weights."""
        return config.parameter_words + self.table * config.table_words


def drawn_tiles(rng: np.random.Generator, config: Config, count: int) -> list[Tile]:
    """Return tiles whose weights fit the queue, all at once or block by block with `release`."""
    tiles: list[Tile] = []
    while len(tiles) < count:
        tile = Tile(
            kernel_rows=int(rng.integers(1, 4)),
            kernel_columns=int(rng.integers(1, 4)),
            blocks=int(rng.integers(1, 3)),
            packed=int(rng.random() < 0.2),
            weight_offset=int(rng.integers(config.weight_words) * (rng.random() < 0.3)),
            release=int(rng.random() < 0.6),
            last=int(len(tiles) + 1 == count or rng.random() < 0.7),
            diagonal=int(rng.random() < 0.3),
            table=int(config.tables and rng.random() < 0.4),
        )
        longest = max(config.weight_block_words, tile.words_behind(config))
        needs = longest if tile.release else tile.words(config)
        if tile.weight_offset + needs <= config.weight_words:
            tiles.append(tile)
    return tiles


@dataclass(frozen=True)
class Chances:
    """The probabilities per cycle of each event; no tile comes before `tiles_from`."""

    write: float = 1.0
    tile: float = 1.0
    taken: float = 1.0
    drained: float = 1.0
    tiles_from: int = 0


@dataclass
class Trace:
    """The cycles of all events."""

    written: list[int] = field(default_factory=list)
    offered: list[int] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    drained: list[int] = field(default_factory=list)
    released: list[int] = field(default_factory=list)
    block_ready: list[int] = field(default_factory=list)
    parameters_full: list[int] = field(default_factory=list)
    words: list[tuple[int, ...]] = field(default_factory=list)  # cycle, payload


def offer(ctx: Any, dut: WeightQueue, tile: Tile) -> None:
    ctx.set(dut.tile.valid, 1)
    ctx.set(dut.tile.payload.source, SOURCE)
    for name, value in vars(tile).items():
        ctx.set(dut.tile.payload[name], value)


class Feeder:
    """Drives the queue as load, array and drain may do, and records its outputs."""

    def __init__(self, config: Config, tiles: list[Tile], chances: Chances, seed: int):
        self.dut = WeightQueue(config)
        self.trace = Trace()
        self._config = config
        self._tiles = tiles
        self._chances = chances
        self._rng = np.random.default_rng(seed)
        heads = np.cumsum([0, *(tile.words(config) * tile.release for tile in tiles)])
        needed = [
            int(head) + tile.weight_offset + tile.words(config)
            for head, tile in zip(heads, tiles, strict=False)
        ]
        bits = config.word_bits
        self.stream = [
            int.from_bytes(self._rng.bytes(bits // 8), "little") for _ in range(max(needed))
        ]
        self._room = config.weight_words
        self._block_ready = self._parameters_full = False
        self._blocks = sum(tile.weight_blocks for tile in tiles)
        self._drains = sum(tile.last for tile in tiles)
        self._offering = False

    def _chance(self, name: str) -> bool:
        return bool(self._rng.random() < getattr(self._chances, name))

    def _drive(self, ctx: Any, cycle: int) -> None:
        dut, trace = self.dut, self.trace
        writes = len(trace.written) < len(self.stream) and self._room > 0 and self._chance("write")
        ctx.set(dut.words.valid, writes)
        if writes:
            ctx.set(dut.words.payload, self.stream[len(trace.written)])
            trace.written.append(cycle)
            self._room -= 1
        left = len(trace.accepted) < len(self._tiles) and cycle >= self._chances.tiles_from
        if left and not self._offering and self._chance("tile"):
            self._offering = True
            trace.offered.append(cycle)
            offer(ctx, dut, self._tiles[len(trace.accepted)])
        ctx.set(dut.tile.valid, self._offering)
        taken = self._block_ready and self._chance("taken")
        ctx.set(dut.block.taken, taken)
        drained = self._parameters_full and self._chance("drained")
        ctx.set(dut.parameter_bank.taken, drained)
        trace.taken += [cycle] * taken
        trace.drained += [cycle] * drained

    def _record(self, ctx: Any, cycle: int) -> None:
        dut, trace = self.dut, self.trace
        trace.released += [cycle] * ctx.get(dut.released)
        self._parameters_full = bool(ctx.get(dut.parameter_bank.next_ready))
        trace.parameters_full += [cycle + 1] * self._parameters_full
        self._block_ready = bool(ctx.get(dut.block.next_ready))
        trace.block_ready += [cycle + 1] * self._block_ready
        if self._offering and ctx.get(dut.tile.ready):
            trace.accepted.append(cycle)
            self._offering = False
        if ctx.get(dut.o.valid):
            names = ("data", "index", "parameters", "table", "bank")
            payload = values(ctx, dut.o.payload)
            trace.words.append((cycle, *(payload.get(name, 0) for name in names)))
        assert ctx.get(dut.fault.code) == ErrorCode.NONE, cycle
        self._room += ctx.get(dut.released)

    async def bench(self, ctx: Any) -> None:
        for cycle in range(MOST_CYCLES):
            self._drive(ctx, cycle)
            self._record(ctx, cycle)
            await ctx.tick()
            taken, drained = len(self.trace.taken), len(self.trace.drained)
            if taken == self._blocks and drained == self._drains:
                return
        raise AssertionError(f"stuck: {self.trace}")

    def run(self) -> Trace:
        simulator = Simulator(self.dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(self.bench)
        simulator.run()
        return self.trace


def expected_trace(config: Config, tiles: list[Tile], stream: list[int], driven: Trace) -> Trace:
    """Return the expected cycles of outputs, computed from the cycles of inputs."""
    trace = Trace(driven.written, driven.offered, taken=driven.taken, drained=driven.drained)
    head = free = begun = block = filled = 0
    for number, tile in enumerate(tiles):
        # With the beginning of the last block or parameters of the tile before.
        accepted = max(driven.offered[number], begun)
        trace.accepted.append(accepted)
        free = max(free, accepted + pipeline.ISSUE_START)
        position = head + tile.weight_offset
        for part in range(tile.weight_blocks + tile.last):
            parameters = part == tile.weight_blocks
            words = tile.words_behind(config) if parameters else config.weight_block_words
            there = driven.written[position + words - 1] + 1
            if parameters:
                begun = max(free, there + pipeline.PARAMETERS_VISIBLE)
                if filled >= PARAMETER_BANKS:
                    begun = max(
                        begun, driven.drained[filled - PARAMETER_BANKS] + pipeline.BANK_VISIBLE
                    )
                full = range(begun + words + pipeline.PARAMETERS_FILL, driven.drained[filled] + 1)
                trace.parameters_full += full
            else:
                ready = max(free, there + pipeline.BLOCK_VISIBLE)
                begun = driven.taken[block]
                trace.block_ready += range(ready, begun + 1)
                block += 1
            free = begun + words
            reads = range(begun + pipeline.FIRST_READ, free + pipeline.FIRST_READ)
            if tile.release:
                trace.released += reads
            trace.words += [
                (cycle + WeightQueue.READ_LATENCY, stream[position + index], index,
                 int(parameters and index < config.parameter_words),
                 int(parameters and index >= config.parameter_words), filled % PARAMETER_BANKS)
                for index, cycle in enumerate(reads)
            ]  # fmt: skip
            filled += parameters
            position += words
        if tile.release:
            head += tile.words(config)
    trace.parameters_full = sorted(set(trace.parameters_full))
    return trace


CHANCES = [
    Chances(),
    Chances(write=0.3),
    Chances(taken=0.05),
    Chances(drained=0.02, taken=0.5),
    Chances(write=0.6, tile=0.1, taken=0.3, drained=0.1),
]


@pytest.mark.parametrize("chances", CHANCES, ids=str)
@pytest.mark.parametrize(
    ("lanes", "weight_bits", "tables"),
    [(8, 8, False), (8, 4, False), (16, 4, False), (8, 8, True), (16, 8, True)],
)
def test_words_come_in_order_and_in_time(
    lanes: int, weight_bits: int, tables: bool, chances: Chances
) -> None:
    config = small_config(lanes, weight_bits, CAPACITY + 40 * tables, tables)
    tiles = drawn_tiles(np.random.default_rng(lanes + weight_bits), config, 16)
    assert {tile.release for tile in tiles} == {0, 1}
    assert {tile.diagonal for tile in tiles if tile.kernel_rows > 1} == {0, 1}
    assert {tile.table for tile in tiles if tile.last} == {0, 1} if tables else {0}
    feeder = Feeder(config, tiles, chances, seed=weight_bits)
    driven = feeder.run()
    expected = expected_trace(config, tiles, feeder.stream, driven)
    for name, wanted in vars(expected).items():
        assert getattr(driven, name) == wanted, name


def test_no_cycle_is_lost_while_nothing_waits() -> None:
    """No cycle is lost between blocks, parameters and tiles that are taken as they are ready."""
    config = small_config(capacity=200)
    tiles = [Tile(1, 1, 2, 0, 0, 1)] * 4
    driven = Feeder(config, tiles, Chances(tiles_from=config.weight_words), seed=1).run()
    cycles = [word[0] for word in driven.words]
    assert cycles == list(range(cycles[0], cycles[0] + len(cycles)))


@pytest.mark.parametrize(
    ("tile", "fits"),
    [
        (Tile(1, 1, 1, 0, CAPACITY - 24, 0), 24),  # to the last word: no fault
        (Tile(1, 1, 3, 0, CAPACITY - 16, 1), 40),
        (Tile(1, 1, 1, 0, CAPACITY - 23, 0), 8),  # the parameters' last word is past it
        (Tile(1, 1, 6, 0, 0, 0), 40),  # the sixth block
        (Tile(1, 1, 1, 0, CAPACITY - 7, 1), 0),
        (Tile(1, 1, 1, 0, CAPACITY, 0), 0),
        (Tile(1, 1, 1, 0, 128, 1), 0),  # a multiple of a power of two
        (Tile(1, 1, 1, 0, 1 << 19, 0), 0),
        (Tile(1, 1, 1, 0, (1 << 20) - 1, 1), 0),
    ],
)
def test_a_tile_past_the_capacity_waits_for_ever_as_the_fault(tile: Tile, fits: int) -> None:
    """A tile past the capacity is a fault: `fits` words are read, and the next block never is."""
    config = small_config()
    dut = WeightQueue(config)
    words = tile.words(config)

    async def bench(ctx: Any) -> None:
        for _ in range(CAPACITY):
            ctx.set(dut.words.valid, 1)
            await ctx.tick()
        ctx.set(dut.words.valid, 0)
        offer(ctx, dut, tile)
        assert ctx.get(dut.tile.ready)
        await ctx.tick()
        ctx.set(dut.tile.valid, 0)
        ctx.set(dut.tile.payload.source, 0)
        seen = released = block_ready = 0
        faulty: list[int] = []
        for cycle in range(200):
            refill = bool(ctx.get(dut.released))
            released += refill
            ctx.set(dut.words.valid, refill)  # a word for a word
            ctx.set(dut.block.taken, block_ready)
            block_ready = ctx.get(dut.block.next_ready)
            seen += ctx.get(dut.o.valid)
            code = ErrorCode(ctx.get(dut.fault.code))
            if code != ErrorCode.NONE:
                assert code == ErrorCode.BUFFER
                assert ctx.get(dut.fault.source) == SOURCE
                faulty.append(cycle)
            await ctx.tick()
        assert seen == fits
        assert released == fits * tile.release
        # From the cycle in which the block would come, to the end.
        assert faulty == ([] if fits == words else list(range(faulty[0], 200)))
        if not fits:
            assert faulty[0] == 0

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
