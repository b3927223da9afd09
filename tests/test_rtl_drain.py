"""The drain in the Amaranth simulator: what it leaves in staging and when, against numpy."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator
from numpy.typing import NDArray

from hwsim import pipeline
from hwsim.config import ACCUMULATOR_BANKS, Config
from hwsim.graph import SpatialPool as Pool
from hwsim.program.error_codes import ErrorCode
from rtl.accumulators import Accumulators
from rtl.drain import Drain
from tests.drawn import preset_with

MOST_CYCLES = 30_000
FIRST_TOKEN = 65_533  # so that the tokens wrap
TOKENS = 1 << 16
STAGING_WORDS = 200
DEPTH = 32


def config_of(lanes_in: int, lanes_out: int, rescale: int, **more: Any) -> Config:
    return preset_with(
        "nano",
        array={"input_lanes": lanes_in, "output_lanes": lanes_out, "rescale_lanes": rescale},
        bus={"bus_bits": 8 * lanes_in},
        buffers={"accumulator_depth": DEPTH, "staging_bytes": STAGING_WORDS * lanes_in},
        **more,
    )


@dataclass(frozen=True)
class Tile:
    """The drain's fields of a COMPUTE, and what stands in its banks."""

    fields: dict[str, int]
    sums: NDArray[np.int64]  # [rows, columns, lanes]
    parameters: list[dict[str, int]]

    @property
    def pool(self) -> Pool:
        return Pool(self.fields["spatial_pool"])

    @property
    def k(self) -> int:
        return 1 << self.fields["channel_pool"]


def drawn_tile(rng: np.random.Generator, config: Config, number: int) -> Tile:
    """Every k and pool in turn; odd sides; sometimes fewer pixels stored than there are windows."""
    lanes = config.array.output_lanes
    factors = [factor for factor in range(4) if config.channel_pool and 1 << factor <= lanes] or [0]
    factor, pool = factors[number % len(factors)], list(Pool)[number // len(factors) % len(Pool)]
    rows, columns = (int(value) for value in rng.integers(1, [5, 8]))
    pooled = [pool.pooled(rows), pool.pooled(columns)]
    if rng.random() < 0.3:
        pooled = [int(rng.integers(1, side + 1)) for side in pooled]
    step = lanes >> factor  # byte_offset is a multiple of it
    offsets = range(0, config.word_bytes, step)
    words = pooled[0] * pooled[1] * max(step // config.word_bytes, 1)
    fields = {
        "wait_stores": (FIRST_TOKEN + number // 2) % TOKENS,
        "rows": rows,
        "columns": columns,
        "channel_pool": factor,
        "spatial_pool": int(pool),
        "pooled_rows": pooled[0],
        "pooled_columns": pooled[1],
        "output_zero_point": int(rng.integers(-128, 128)),
        "staging_address": int(rng.integers(STAGING_WORDS - words + 1)),
        "byte_offset": int(rng.choice(offsets)),
        "source": 500 + number,
    }
    factor_bits = config.widths.multiplier_bits - 1
    parameters = [
        {
            "bias": int(rng.integers(-(2**18), 2**18)),
            "multiplier": int(rng.integers(2**factor_bits)),
            "negative_multiplier": int(rng.integers(2**factor_bits)),
            "shift": int(rng.integers(factor_bits + 10, factor_bits + 16)),
        }
        for _ in range(lanes)
    ]
    return Tile(fields, rng.integers(-(2**20), 2**20, (rows, columns, lanes)), parameters)


def rescaled(total: int, lane: dict[str, int], zero_point: int) -> int:
    biased = total + lane["bias"]
    factor = lane["negative_multiplier"] if biased < 0 else lane["multiplier"]
    rounded = (biased * factor + (1 << (lane["shift"] - 1))) >> lane["shift"]
    return int(min(max(rounded + zero_point, -128), 127))


def stored_bytes(tile: Tile) -> NDArray[np.int64]:
    """[pooled rows, pooled columns, lanes / k], before they find their place in a word."""
    fields = tile.fields
    rows, columns, lanes = tile.sums.shape
    values = np.array([
        rescaled(int(total), tile.parameters[place % lanes], fields["output_zero_point"])
        for place, total in enumerate(tile.sums.flatten())
    ]).reshape(rows, columns, lanes // tile.k, tile.k).max(axis=3)  # fmt: skip
    size, stride = tile.pool.window, tile.pool.stride
    result = np.empty((fields["pooled_rows"], fields["pooled_columns"], lanes // tile.k), int)
    for row, column in np.ndindex(result.shape[:2]):
        top, left = row * stride, column * stride
        result[row, column] = values[top : top + size, left : left + size].max(axis=(0, 1))
    return result


def store(staging: NDArray[np.int64], tile: Tile) -> None:
    """Blocks of a word each, plane behind plane; at byte 0 a word's other bytes become 0."""
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


@dataclass(frozen=True)
class Chances:
    """Per cycle, of each thing that a tile waits for."""

    tile: float = 1.0
    accumulated: float = 1.0
    parameters: float = 1.0
    store: float = 1.0


@dataclass
class Trace:
    """Per cycle what was there, and the cycles in which things happened."""

    accumulated: list[int] = field(default_factory=list)  # tiles, up to the cycle
    parameters: list[int] = field(default_factory=list)
    stores: list[int] = field(default_factory=list)
    offered: list[int] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)
    drained: list[int] = field(default_factory=list)
    waiting: list[int | None] = field(default_factory=list)
    lasts: list[int] = field(default_factory=list)
    staging: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, int))


class Feeder:
    """Drives the drain cycle by cycle, answers its reads, and keeps what it stores."""

    def __init__(self, config: Config, tiles: list[Tile], chances: Chances, seed: int):
        self.dut = Drain(config)
        self.trace = Trace()
        self._config, self._tiles, self._chances = config, tiles, chances
        self._rng = np.random.default_rng(seed)
        self.trace.staging = self._rng.integers(-128, 128, (STAGING_WORDS, config.word_bytes))
        self.before = self.trace.staging.copy()
        self._accumulated = self._parameters = 0
        self._stores = FIRST_TOKEN - 1
        self._offering = False
        self._questions: list[tuple[bool, int, int, int]] = []

    def _chance(self, name: str) -> bool:
        return bool(self._rng.random() < getattr(self._chances, name))

    def _bounded(self, name: str, count: int) -> bool:
        """Another tile's sums or parameters, if one of the two banks is free."""
        free = count < min(len(self.trace.drained) + ACCUMULATOR_BANKS, len(self._tiles))
        return free and self._chance(name)

    def _drive(self, ctx: Any, cycle: int) -> None:
        dut, trace = self.dut, self.trace
        self._parameters += self._bounded("parameters", self._parameters)
        trace.stores.append(self._stores)  # visible a cycle later
        self._stores += self._stores < FIRST_TOKEN + len(self._tiles) and self._chance("store")
        trace.accumulated.append(self._accumulated)  # visible a cycle later
        accumulated = self._bounded("accumulated", self._accumulated)
        self._accumulated += accumulated
        trace.parameters.append(self._parameters)
        if not self._offering and len(trace.accepted) < len(self._tiles) and self._chance("tile"):
            self._offering = True
            trace.offered.append(cycle)
            ctx.set(dut.tile.payload, self._tiles[len(trace.accepted)].fields)
        ctx.set(dut.tile.valid, self._offering)
        ctx.set(dut.accumulated, accumulated)
        ctx.set(dut.parameters_full, self._parameters > len(trace.drained))
        ctx.set(dut.next_stores, self._stores % TOKENS)

    def _answer(self, ctx: Any) -> None:
        """Sums and parameters of the read before the latency; with none, anything."""
        dut = self.dut
        self._questions.append(
            tuple(ctx.get(port) for port in (dut.enable, dut.index, dut.bank, dut.group))
        )
        if len(self._questions) <= Accumulators.READ_LATENCY:
            return
        enable, index, bank, group = self._questions[-1 - Accumulators.READ_LATENCY]
        if not enable:
            return
        lanes = self._config.array.rescale_lanes
        tile = self._tile_of_read
        assert bank == self._number_of_read % ACCUMULATOR_BANKS
        sums = tile.sums.reshape(-1, tile.sums.shape[2])
        # A tap past the tile is masked: whatever stands there.
        answer = sums[index] if index < len(sums) else [2**31 - 1] * sums.shape[1]
        ctx.set(dut.accumulators, [int(value) for value in answer])
        ctx.set(dut.parameters, tile.parameters[group * lanes : (group + 1) * lanes])

    @property
    def _number_of_read(self) -> int:
        """Tile that is being answered: its read was `READ_LATENCY` + 1 cycles ago."""
        cycle = len(self._questions) - 1 - Accumulators.READ_LATENCY - 1
        return sum(drained < cycle for drained in self.trace.drained)

    @property
    def _tile_of_read(self) -> Tile:
        return self._tiles[self._number_of_read]

    def _record(self, ctx: Any, cycle: int) -> None:
        dut, trace = self.dut, self.trace
        if self._offering and ctx.get(dut.tile.ready):
            trace.accepted.append(cycle)
            self._offering = False
        trace.drained += [cycle] * ctx.get(dut.drained)
        trace.reads += [cycle - 1] * ctx.get(dut.enable)  # the address is a cycle behind
        waiting = ctx.get(dut.waiting)
        trace.waiting.append(waiting.source if waiting.valid else None)
        assert ctx.get(dut.fault.code) == ErrorCode.NONE, cycle
        if ctx.get(dut.o.valid):
            out = ctx.get(dut.o.payload)
            word = np.frombuffer(out.data.to_bytes(self._config.word_bytes, "little"), np.int8)
            for byte in range(self._config.word_bytes):
                if out.enable >> byte & 1:
                    trace.staging[out.address, byte] = word[byte]
            trace.lasts += [cycle] * out.last

    async def _bench(self, ctx: Any) -> None:
        for cycle in range(MOST_CYCLES):
            self._drive(ctx, cycle)
            self._answer(ctx)
            self._record(ctx, cycle)
            await ctx.tick()
            if len(self.trace.lasts) == len(self._tiles):
                return
        raise AssertionError(f"stuck behind {len(self.trace.lasts)} of {len(self._tiles)} tiles")

    def run(self) -> Trace:
        simulate(self.dut, self._bench)
        return self.trace


def simulate(dut: Drain, bench: Any) -> None:
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def check_times(config: Config, tiles: list[Tile], trace: Trace) -> None:
    """Reads, ends and tokens in the very cycle that the contract names."""
    expected = Trace(waiting=[None] * len(trace.waiting))
    last = -1
    for number, tile in enumerate(tiles):
        accepted = max(trace.offered[number], last)  # taken with the last read at the earliest
        begin = accepted + 1
        wait = FIRST_TOKEN + (tile.fields["wait_stores"] - FIRST_TOKEN) % TOKENS
        while not (
            trace.accumulated[begin] > number
            and trace.parameters[begin] > number
            and trace.stores[begin] >= wait
        ):
            begin += 1
        windows = tile.fields["pooled_rows"] * tile.fields["pooled_columns"]
        count = windows * tile.pool.window**2 * config.rescale_groups
        last = begin + count - 1
        expected.accepted.append(accepted)
        expected.reads += range(begin, last + 1)
        expected.drained.append(last)
        expected.lasts.append(last + pipeline.DRAIN - 1)  # there for reads a cycle later
        expected.waiting[accepted + 1 : last + 1] = [tile.fields["source"]] * (last - accepted)
    for name in ("accepted", "reads", "drained", "lasts", "waiting"):
        assert getattr(trace, name) == getattr(expected, name), name


CHANCES = [
    Chances(),
    Chances(tile=0.01),
    Chances(accumulated=0.01),
    Chances(parameters=0.01),
    Chances(store=0.01),
    Chances(0.05, 0.02, 0.02, 0.02),
]


def check_tiles(config: Config, count: int, chances: Chances, seed: int) -> Trace:
    rng = np.random.default_rng(seed)
    tiles = [drawn_tile(rng, config, number) for number in range(count)]
    feeder = Feeder(config, tiles, chances, seed)
    trace = feeder.run()
    check_times(config, tiles, trace)
    staging = feeder.before
    for tile in tiles:
        store(staging, tile)
    assert trace.staging.tolist() == staging.tolist()
    return trace


@pytest.mark.parametrize(
    ("lanes_in", "lanes_out", "rescale"),
    [(8, 8, 1), (8, 8, 2), (8, 8, 8), (16, 16, 4), (8, 16, 2), (8, 32, 8), (16, 32, 16)],
)
def test_every_k_and_pool_reach_their_bytes(lanes_in: int, lanes_out: int, rescale: int) -> None:
    trace = check_tiles(config_of(lanes_in, lanes_out, rescale), 16, Chances(), seed=rescale)
    # Not one cycle without a read, from the first tile to the last.
    assert trace.reads == list(range(trace.reads[0], trace.reads[-1] + 1))


@pytest.mark.parametrize("chances", CHANCES[1:], ids=str)
@pytest.mark.parametrize(("lanes_out", "rescale"), [(8, 1), (16, 8)])
def test_a_tile_waits_for_all_that_it_needs(lanes_out: int, rescale: int, chances: Chances) -> None:
    check_tiles(config_of(8, lanes_out, rescale), 14, chances, seed=lanes_out)


@pytest.mark.parametrize("multiplier_bits", [16, 32])
def test_without_the_channel_pool(multiplier_bits: int) -> None:
    widths = {"multiplier_bits": multiplier_bits}
    check_tiles(config_of(16, 16, 4, channel_pool=False, widths=widths), 8, Chances(), seed=1)


@pytest.mark.parametrize(
    ("lanes_out", "address", "writes"),
    [
        (8, STAGING_WORDS - 6, None),  # to the last word
        (8, STAGING_WORDS - 5, 5),
        (8, STAGING_WORDS, 0),
        (8, 0xFFF0, 0),
        (16, STAGING_WORDS - 12, None),
        (16, STAGING_WORDS - 11, 11),  # the second block's last word
        (16, STAGING_WORDS - 6, 1),
    ],
)
def test_a_byte_past_staging_is_the_fault(lanes_out: int, address: int, writes: int | None) -> None:
    """With the first byte that lies there; `writes` is how many words before it are whole."""
    config = config_of(8, lanes_out, 8)
    dut = Drain(config)
    fields = {
        "rows": 2, "columns": 3, "pooled_rows": 2, "pooled_columns": 3, "source": 0x1234,
        "staging_address": address,
    }  # fmt: skip
    lines = lanes_out // 8
    order = [address + block * 6 + pixel for pixel in range(6) for block in range(lines)]
    faulty = [place >= STAGING_WORDS for place in order]
    assert (faulty.index(True) if True in faulty else None) == (None if writes is None else writes)

    async def bench(ctx: Any) -> None:
        for name in ("accumulated", "parameters_full"):
            ctx.set(getattr(dut, name), 1)
        ctx.set(dut.tile.payload, fields)
        ctx.set(dut.tile.valid, 1)
        await ctx.tick()
        ctx.set(dut.tile.valid, 0)
        ctx.set(dut.accumulated, 0)
        ctx.set(dut.tile.payload.source, 0)
        seen = 0
        for _ in range(60):
            valid, fault = ctx.get(dut.o.valid), ctx.get(dut.fault)
            is_faulty = fault.code != ErrorCode.NONE
            if valid or is_faulty:
                assert (valid, is_faulty) == (not faulty[seen], faulty[seen]), seen
                seen += 1
            if is_faulty:
                assert (fault.code, fault.source) == (ErrorCode.BUFFER, fields["source"])
            await ctx.tick()
        assert seen == len(order)

    simulate(dut, bench)
