"""The store unit requests the right bursts in the right cycles, and waits for its tokens."""

from typing import Any

import numpy as np
import pytest

from hwsim.arch.config import load_config
from hwsim.isa.descriptor import Store as Descriptor
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import TOKEN_BITS, StoreDestination
from hwsim.rtl.memory.store import Store
from tests.drawn import preset_with
from tests.streams import Each, Part, Sink, Source, step, values
from tests.test_rtl_bursts import assert_in_first_cycles, assert_stands, expected_bursts

CONFIG = load_config("nano")
WORD = CONFIG.word_bytes
EVERYWHERE = (0, 0xFFFFF)


def drawn(rng: np.random.Generator) -> Descriptor:
    """Return a STORE whose words lie inside staging."""
    row_words, rows, blocks = (int(rng.integers(1, high)) for high in (60, 5, 4))
    room = CONFIG.staging_words - row_words * rows * blocks
    return Descriptor(
        wait_drains=0,
        address=int(rng.integers(0, 1 << 20)) * WORD,
        row_words=row_words,
        rows=rows,
        row_stride_bytes=int(rng.integers(1, 900)) * WORD,
        blocks=blocks,
        block_stride_bytes=int(rng.integers(1, 5000)) * WORD,
        staging_address=int(rng.choice([0, room, int(rng.integers(0, room + 1))])),
    )


def requests(store: Descriptor, source: int) -> list[dict[str, int]]:
    """Return the requests to the write manager, which read staging from address to address."""
    found = []
    place = store.staging_address
    for address, beats, _, _, ends in expected_bursts(store._asdict()):
        found.append(
            {
                "destination": store.destination,
                "address": address,
                "beats": beats,
                "staging_address": place,
                "last": ends,
                "source": source,
            }
        )
        place += beats
    return found


class Bench:
    """The store unit between a queue of STOREs and a write manager."""

    def __init__(
        self,
        stores: list[Descriptor],
        seed: int,
        idle: float = 0.0,
        stall: float = 0.0,
        staging_bytes: int = CONFIG.buffers.staging_bytes,
    ):
        rng = np.random.default_rng(seed)
        self.dut = Store(preset_with("nano", buffers={"staging_bytes": staging_bytes}))
        self.stores = stores
        payloads = [store._asdict() | {"source": self.name(n)} for n, store in enumerate(stores)]
        self.source = Source(self.dut.i, payloads, rng, idle)
        self.sink = Sink(self.dut.o, rng, stall)
        self.window = EVERYWHERE
        self.drains = 0
        self.faults: list[tuple[int, int, int]] = []
        self.waiting: list[int | None] = []

    @staticmethod
    def name(number: int) -> int:
        return 0x2ABCD00 + 3 * number

    def drive(self, ctx: Any, _cycle: int) -> None:
        base, limit = self.window
        ctx.set(self.dut.window.base, base)
        ctx.set(self.dut.window.limit, limit)
        ctx.set(self.dut.drains.count, self.drains % (1 << TOKEN_BITS))

    def sample(self, ctx: Any, cycle: int) -> None:
        fault, waiting = values(ctx, self.dut.fault), values(ctx, self.dut.waiting)
        if fault["code"] != ErrorCode.NONE:
            self.faults.append((cycle, fault["code"], fault["source"]))
        self.waiting.append(waiting["source"] if waiting["valid"] else None)

    def run(self, bursts: int, further_cycles: int, *parts: Part) -> list[dict[str, int]]:
        """Run until `bursts` bursts were accepted, and return them."""
        step(
            self.dut,
            [*parts, self, self.source, self.sink],
            lambda: len(self.sink.taken) == bursts,
            further_cycles,
        )
        return self.sink.payloads

    def assert_cycles(self, met: list[int] | None = None) -> None:
        stores = [store._asdict() for store in self.stores]
        assert_in_first_cycles(stores, self.source, self.sink, met)


def all_requests(stores: list[Descriptor]) -> list[dict[str, int]]:
    return [one for n, store in enumerate(stores) for one in requests(store, Bench.name(n))]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("idle", "stall"), [(0.0, 0.0), (0.0, 0.6), (0.9, 0.0), (0.4, 0.4)])
def test_staging_is_read_straight_through(idle: float, stall: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    stores = [drawn(rng) for _ in range(25)]
    bench = Bench(stores, seed, idle, stall)
    wanted = all_requests(stores)
    assert any(one["staging_address"] + one["beats"] == CONFIG.staging_words for one in wanted)
    assert bench.run(len(wanted), 20) == wanted
    bench.assert_cycles()
    if idle == stall == 0:  # nothing lies between two STOREs
        first = bench.source.offered[0] + Store.STORE_START - 1
        assert bench.sink.taken == [*range(first, first + len(wanted))]
    assert not bench.faults
    assert bench.waiting[-1] is None


@pytest.mark.parametrize("first", [0, 0x7FFC, 0xFFFC])
def test_a_store_waits_for_its_drains(first: int) -> None:
    """A STORE waits for its drains, whose count wraps after 16 bits."""
    rng = np.random.default_rng(first)
    stores = [drawn(rng)._replace(wait_drains=(first + n) % (1 << TOKEN_BITS)) for n in range(6)]
    bench = Bench(stores, seed=1, stall=0.2)
    wanted = all_requests(stores)

    def count(_ctx: Any, cycle: int) -> None:
        bench.drains = first + cycle // 150

    assert bench.run(len(wanted), 5, Each(drive=count)) == wanted
    met = [150 * n for n in range(len(stores))]
    bench.assert_cycles(met)
    for n in range(1, len(stores)):  # a STORE without its token is the one that waits
        assert bench.source.taken[n] < met[n]
        assert bench.waiting[met[n] - 1] == bench.waiting[met[n]] == bench.name(n)


@pytest.mark.parametrize("count", [0, 3, 4, 5])
def test_a_burst_outside_the_window_stays_as_the_fault(count: int) -> None:
    """Burst number `count`, whose page is closed, stays as the fault; each run has two bursts."""
    store = Descriptor(0, 0x5000 - 16 * WORD, 32, 3, 0x2000, 1, 0, 0)
    wanted = requests(store, Bench.name(1))
    pages = [burst["address"] >> 12 for burst in wanted]
    assert pages == [4, 5, 6, 7, 8, 9]
    inside = store._replace(address=0x5000, rows=1, row_words=16)
    first = [inside._replace(address=pages[2 if count else 5] << 12)]
    bench = Bench([*first, store, store], seed=3, stall=0.3)
    bench.window = (pages[0], pages[count - 1]) if count else (pages[1], pages[5])
    bench.run(1 + count, 60)
    assert bench.sink.payloads == requests(first[0], Bench.name(0)) + wanted[:count]
    assert bench.sink.standing is None
    assert_stands(bench.faults, ErrorCode.WRITE_WINDOW, bench.name(1))


def kept(staging_address: int, line: int) -> Descriptor:
    """Return a STORE of 80 words into the feature buffer, the last of them 80 lines on."""
    return Descriptor(
        wait_drains=0,
        address=line * WORD,
        row_words=20,
        rows=2,
        row_stride_bytes=20 * WORD,
        blocks=2,
        block_stride_bytes=40 * WORD,
        staging_address=staging_address,
        destination=StoreDestination.FEATURES,
    )


def test_no_window_is_asked_for_the_feature_buffer() -> None:
    """STOREs into memory and into the buffer follow each other, up to the ends of both places."""
    memory = Descriptor(0, 0x5000, 32, 3, 0x100, 1, 0, 0)
    last = kept(CONFIG.staging_words - 80, CONFIG.feature_words - 80)
    stores = [kept(0, 0), memory, last, last, memory]
    bench = Bench(stores, seed=1, stall=0.3)
    bench.window = (5, 5)
    wanted = all_requests(stores)
    assert bench.run(len(wanted), 20) == wanted
    bench.assert_cycles()
    assert not bench.faults


@pytest.mark.parametrize("too_far", [1, 16, 17, 40, 1 << 20])
def test_a_burst_past_the_feature_buffer_stays_as_the_fault(too_far: int) -> None:
    first = CONFIG.feature_words - 80
    stores = [kept(0, first), kept(0, first + too_far), kept(0, first)]
    fitting = requests(stores[0], Bench.name(0))
    bursts = requests(stores[1], Bench.name(1))
    fits = [one["address"] // WORD + one["beats"] <= CONFIG.feature_words for one in bursts]
    count = fits.index(False)
    bench = Bench(stores, seed=4)
    assert bench.run(len(fitting) + count, 60) == fitting + bursts[:count]
    assert_stands(bench.faults, ErrorCode.BUFFER, bench.name(1))
    assert bench.sink.standing is None


@pytest.mark.parametrize("staging_words", [1024, 1 << 16])
@pytest.mark.parametrize("too_far", [1, 16, 17, 40])
def test_a_burst_past_the_end_of_staging_stays_as_the_fault(
    too_far: int, staging_words: int
) -> None:
    store = Descriptor(0, 0, 20, 2, 0x400, 2, 0x1000, staging_words - 80)
    fitting = requests(store, Bench.name(0))
    far = store._replace(staging_address=store.staging_address + too_far)
    bursts = requests(far, Bench.name(1))
    fits = [one["staging_address"] + one["beats"] <= staging_words for one in bursts]
    count = fits.index(False)
    bench = Bench([store, far, store], seed=4, staging_bytes=WORD * staging_words)
    assert bench.run(len(fitting) + count, 60) == fitting + bursts[:count]
    assert_stands(bench.faults, ErrorCode.BUFFER, bench.name(1))
    assert bench.sink.standing is None
