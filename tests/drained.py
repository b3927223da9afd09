"""Tiles for the drain, and the events that it waits for, in the Amaranth simulator."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from hwsim.arch.config import ACCUMULATOR_BANKS, Config
from tests.drawn import preset_with

FIRST_TOKEN = 65_533  # so that the tokens wrap
TOKENS = 1 << 16
STAGING_WORDS = 200
DEPTH = 32

Fields = dict[str, int]  # the fields of a COMPUTE that the drain uses


def config_of(lanes_in: int, lanes_out: int, rescale: int, **more: Any) -> Config:
    return preset_with(
        "nano",
        array={"input_lanes": lanes_in, "output_lanes": lanes_out, "rescale_lanes": rescale},
        bus={"bus_bits": 8 * lanes_in},
        buffers={"accumulator_depth": DEPTH, "staging_bytes": STAGING_WORDS * lanes_in},
        **more,
    )


def drawn_fields(rng: np.random.Generator, config: Config, number: int) -> Fields:
    """Return drawn fields: every k and pool in turn, odd sides, sometimes fewer stored pixels."""
    lanes = config.array.output_lanes
    factors = [factor for factor in range(4) if config.channel_pool and 1 << factor <= lanes] or [0]
    factor = factors[number % len(factors)]
    rows, columns = (int(value) for value in rng.integers(1, [5, 8]))
    windows = [drawn_windows(rng, size, number // len(factors) % 3) for size in (rows, columns)]
    pooled = [axis.pooled for axis in windows]
    if rng.random() < 0.3:
        pooled = [int(rng.integers(1, side + 1)) for side in pooled]
    step = lanes >> factor  # byte_offset is a multiple of it
    words = pooled[0] * pooled[1] * max(step // config.word_bytes, 1)
    return {
        "wait_staged": (FIRST_TOKEN + number // 2) % TOKENS,
        "rows": rows,
        "columns": columns,
        "channel_pool": factor,
        "window_rows": windows[0].window,
        "window_columns": windows[1].window,
        "window_stride_rows": windows[0].stride,
        "window_stride_columns": windows[1].stride,
        "window_top": windows[0].outside,
        "window_left": windows[1].outside,
        "pooled_rows": pooled[0],
        "pooled_columns": pooled[1],
        "output_zero_point": int(rng.integers(-128, 128)),
        "staging_address": int(rng.integers(STAGING_WORDS - words + 1)),
        "byte_offset": int(rng.choice(range(0, config.word_bytes, step))),
        "rounding": int(rng.integers(2)),
        "wide_factors": int(config.widths.multiplier_bits == 16 and rng.integers(2)),
        **drawn_clamp(rng),
        "table": int(config.tables and rng.integers(2)),
        "source": 500 + number,
    }


class Windows(NamedTuple):
    """Pool windows along one axis of a tile, the first of them `outside` in front of it."""

    window: int
    stride: int
    outside: int
    pooled: int


def drawn_windows(rng: np.random.Generator, size: int, kind: int) -> Windows:
    """Return windows of one tap, of darknet's pools or any others, all that begin in the tile."""
    if kind == 0:
        return Windows(1, 1, 0, size)
    if kind == 1:
        stride = int(rng.integers(1, 3))
        return Windows(2, stride, 0, -(-size // stride))
    window = int(rng.integers(1, 16 if rng.random() < 0.1 else 6))
    stride, outside = int(rng.integers(1, window + 1)), int(rng.integers(window))
    return Windows(window, stride, outside, -(-(size + outside) // stride))


def drawn_clamp(rng: np.random.Generator) -> Fields:
    """Return steps to cut from both ends of int8: none, some, or all but one value."""
    low, high = sorted(int(value) for value in rng.integers(256, size=2))
    kept = [(0, 255), (low, high), (low, low), (0, high)][int(rng.integers(4))]
    return {"clamp_low": kept[0], "clamp_high": 255 - kept[1]}


def number_of_reads(config: Config, fields: Fields) -> int:
    taps = fields["window_rows"] * fields["window_columns"]
    reads = taps - 1 + config.rescale_slices * (1 + fields["wide_factors"])
    return fields["pooled_rows"] * fields["pooled_columns"] * reads


@dataclass(frozen=True)
class Chances:
    """The probabilities per cycle of each event that a tile waits for."""

    tile: float = 1.0
    accumulated: float = 1.0
    parameters: float = 1.0
    store: float = 1.0


class Gate:
    """Offers tiles, sums, parameters and stores, and knows when the drain must read them."""

    def __init__(
        self,
        dut: Any,
        tiles: list[Fields],
        chances: Chances,
        rng: np.random.Generator,
        first_cycle: int = 0,
    ) -> None:
        self.dut, self.tiles, self.chances, self.rng = dut, tiles, chances, rng
        self.cycle, self.first_cycle = 0, first_cycle  # in which an event may come
        # In each cycle: tiles accumulated and tiles with parameters, and the store token.
        self.accumulated: list[int] = []
        self.parameters: list[int] = []
        self.stores: list[int] = []
        # The cycles of events, and the descriptor that is waited for in each cycle.
        self.offered: list[int] = []
        self.accepted: list[int] = []
        self.drained: list[int] = []
        self.waiting: list[int | None] = []
        self._accumulated = self._parameters = 0
        self._stores = FIRST_TOKEN - 1
        self._offering = False

    @property
    def done(self) -> bool:
        return len(self.drained) == len(self.tiles)

    def _chance(self, name: str) -> bool:
        drawn = bool(self.rng.random() < getattr(self.chances, name))
        return drawn and self.cycle >= self.first_cycle

    def _bounded(self, name: str, count: int) -> bool:
        """Draw if another tile's sums or parameters arrive; one of the two banks must be free."""
        free = count < min(len(self.drained) + ACCUMULATOR_BANKS, len(self.tiles))
        return free and self._chance(name)

    def drive(self, ctx: Any, cycle: int) -> None:
        dut, tiles, self.cycle = self.dut, self.tiles, cycle
        parameters = self._bounded("parameters", self._parameters)
        accumulated = self._bounded("accumulated", self._accumulated)
        stored = self._stores < FIRST_TOKEN + len(tiles) and self._chance("store")
        self.parameters.append(self._parameters)
        self.accumulated.append(self._accumulated)
        self.stores.append(self._stores)
        if not self._offering and len(self.accepted) < len(tiles) and self._chance("tile"):
            self._offering = True
            self.offered.append(cycle)
            ctx.set(dut.tile.payload, tiles[len(self.accepted)])
        ctx.set(dut.tile.valid, self._offering)
        ctx.set(dut.accumulated, accumulated)
        undrained = self._parameters + parameters - len(self.drained) - ctx.get(dut.drained)
        ctx.set(dut.parameter_bank.next_ready, undrained > 0)
        ctx.set(dut.staged.count, self._stores % TOKENS)
        ctx.set(dut.staged.event, stored)
        self._parameters += parameters  # there in the next cycle
        self._accumulated += accumulated
        self._stores += stored

    def sample(self, ctx: Any, cycle: int) -> None:
        if self._offering and ctx.get(self.dut.tile.ready):
            self.accepted.append(cycle)
            self._offering = False
        self.drained += [cycle] * ctx.get(self.dut.drained)
        assert ctx.get(self.dut.parameter_bank.taken) == ctx.get(self.dut.drained)
        waiting = ctx.get(self.dut.waiting)
        self.waiting.append(waiting.source if waiting.valid else None)

    def check(self, config: Config) -> list[int]:
        """Check that every event has the cycle of the contract; return the cycles of reads."""
        accepted: list[int] = []
        drained: list[int] = []
        reads: list[int] = []
        waiting: list[int | None] = [None] * len(self.waiting)
        last = -1
        for number, tile in enumerate(self.tiles):
            accepted.append(max(self.offered[number], last))  # with the last read at the earliest
            begin = accepted[-1] + 1
            wait = FIRST_TOKEN + (tile["wait_staged"] - FIRST_TOKEN) % TOKENS
            while not (
                self.accumulated[begin] > number
                and self.parameters[begin] > number
                and self.stores[begin] >= wait
            ):
                begin += 1
            last = begin + number_of_reads(config, tile) - 1
            drained.append(last)
            reads += range(begin, last + 1)
            waiting[accepted[-1] + 1 : last + 1] = [tile["source"]] * (last - accepted[-1])
        assert self.accepted == accepted
        assert self.drained == drained
        assert self.waiting == waiting
        return reads
