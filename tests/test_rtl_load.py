"""The load unit requests the right bursts in the right cycles, and waits for tokens and room."""

from typing import Any

import numpy as np
import pytest

from hwsim.arch.config import Config
from hwsim.isa.descriptor import Load as Descriptor
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import DESCRIPTOR_BYTES, PAGE_BYTES, TOKEN_BITS, Destination
from hwsim.rtl.memory.load import Load
from tests.drawn import preset_with
from tests.streams import Each, Part, Sink, Source, step, values
from tests.test_rtl_bursts import assert_in_first_cycles, assert_stands, expected_bursts

CONFIG = preset_with("nano", buffers={"weight_bytes": 1024, "feature_bytes": 32768})
WORD = CONFIG.word_bytes
EVERYWHERE = [(0, 0xFFFFF), (0xFFFFF, 0)]


def drawn(rng: np.random.Generator, destinations: list[Destination]) -> Descriptor:
    """Return a LOAD whose words lie inside the feature buffer."""
    row_words, rows, blocks = (int(rng.integers(1, high)) for high in (60, 6, 4))
    ring_rows = int(rng.integers(1, 8))
    plane = ring_rows * row_words
    block_words = plane + int(rng.integers(0, 50))
    room = CONFIG.feature_words - (blocks - 1) * block_words - plane
    ring_row = int(rng.integers(0, ring_rows))
    return Descriptor(
        destination=destinations[rng.integers(0, len(destinations))],
        wait_computes=0,
        wait_stores=0,
        address=int(rng.integers(0, 1 << 20)) * WORD,
        row_words=row_words,
        rows=rows,
        row_stride_bytes=int(rng.integers(1, 900)) * WORD,
        blocks=blocks,
        block_stride_bytes=int(rng.integers(1, 5000)) * WORD,
        first_line=int(rng.choice([0, room, int(rng.integers(0, room + 1))]))
        + ring_row * row_words,
        buffer_block_words=block_words,
        ring_row=ring_row,
        ring_rows=ring_rows,
        wrap_words=(ring_rows - 1) * row_words,
    )


def requests(load: Descriptor, source: int) -> list[dict[str, int]]:
    """Return the requests to the read manager; `buffer_address` matters for features only."""
    found = []
    block = row = 0
    is_features = load.destination == Destination.FEATURES
    words_before = 0
    for address, beats, ends_run, ends_block, _ in expected_bursts(load._asdict()):
        rows = (load.ring_row + row) % load.ring_rows - load.ring_row  # behind the first run's
        line = load.first_line + rows * load.row_words
        place = line + block * load.buffer_block_words + words_before
        found.append(
            {
                "address": address,
                "beats": beats,
                "destination": load.destination,
                "buffer_address": place if is_features else 0,
                "ends_chunk": ends_block and is_features,
                "source": source,
            }
        )
        words_before = 0 if ends_run else words_before + beats
        row = 0 if ends_block else row + ends_run
        block += ends_block
    return found


class Bench:
    """The load unit between a queue of LOADs and a read manager."""

    def __init__(
        self,
        loads: list[Descriptor],
        seed: int,
        idle: float = 0.0,
        stall: float = 0.0,
        config: Config = CONFIG,
    ):
        self.rng = np.random.default_rng(seed)
        self.config = config
        self.dut = Load(config)
        self.loads = loads
        payloads = [load._asdict() | {"source": self.name(n)} for n, load in enumerate(loads)]
        self.source = Source(self.dut.i, payloads, self.rng, idle)
        self.sink = Sink(self.dut.o, self.rng, stall)
        self.windows = EVERYWHERE
        self.computes = self.stores = 0
        self.start_cycle: int | None = None
        self.program = 0
        self.release = 0.0  # probability per cycle
        # Words in the weight queue when each cycle begins; a release counts from the next cycle.
        self.reserved: list[int] = []
        self.releases = False
        self.free = config.weight_words
        self.seen = 0
        self.faults: list[tuple[int, int, int]] = []
        self.waiting: list[int | None] = []

    @staticmethod
    def name(number: int) -> int:
        return 0x2ABCD00 + 3 * number

    def drive(self, ctx: Any, cycle: int) -> None:
        dut = self.dut
        for name, (base, limit) in zip(("constants", "features"), self.windows, strict=True):
            ctx.set(dut.windows[name].base, base)
            ctx.set(dut.windows[name].limit, limit)
        ctx.set(dut.computes.count, self.computes % (1 << TOKEN_BITS))
        ctx.set(dut.stores.count, self.stores % (1 << TOKEN_BITS))
        ctx.set(dut.launch.start, cycle == self.start_cycle)
        ctx.set(dut.launch.program, self.program * (cycle == self.start_cycle))
        for payload in self.sink.payloads[self.seen :]:
            is_weights = payload["destination"] == Destination.WEIGHTS
            self.free -= payload["beats"] * is_weights
        self.seen = len(self.sink.payloads)
        words = self.config.weight_words - self.free
        self.reserved.append(words + self.releases)
        self.releases = words > 0 and self.rng.random() < self.release
        ctx.set(dut.released, self.releases)
        self.free += self.releases

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
        for payload in self.sink.payloads:
            payload["buffer_address"] *= payload["destination"] == Destination.FEATURES
        return self.sink.payloads

    def assert_cycles(self, met: list[int] | None = None) -> None:
        """Check the cycles of all bursts; a burst of weights also waits for room."""

        def has_room(index: int, beats: int, cycle: int) -> bool:
            is_weights = self.loads[index].destination == Destination.WEIGHTS
            return not is_weights or self.reserved[cycle] + beats <= self.config.weight_words

        loads = [load._asdict() for load in self.loads]
        assert_in_first_cycles(loads, self.source, self.sink, met, has_room)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("idle", "stall"), [(0.0, 0.0), (0.0, 0.6), (0.9, 0.0), (0.4, 0.4)])
def test_words_go_to_their_ring_rows(idle: float, stall: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    loads = [drawn(rng, [Destination.FEATURES]) for _ in range(25)]
    bench = Bench(loads, seed, idle, stall)
    wanted = [
        one for number, load in enumerate(loads) for one in requests(load, bench.name(number))
    ]
    assert any(load.ring_row + load.rows > load.ring_rows > 1 for load in loads)  # wraps
    assert bench.run(len(wanted), 20) == wanted
    bench.assert_cycles()
    if idle == stall == 0:  # nothing lies between two LOADs
        first = bench.source.offered[0] + Load.LOAD_START - 1
        assert bench.sink.taken == [*range(first, first + len(wanted))]
    assert not bench.faults
    assert bench.waiting[-1] is None


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("release", [0.4, 0.9])
@pytest.mark.parametrize(("idle", "stall"), [(0.0, 0.0), (0.5, 0.5)])
def test_weights_wait_for_room(idle: float, stall: float, release: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    loads = [drawn(rng, [Destination.FEATURES, *[Destination.WEIGHTS] * 2]) for _ in range(8)]
    bench = Bench(loads, seed, idle, stall)
    bench.release = release
    wanted = [
        one for number, load in enumerate(loads) for one in requests(load, bench.name(number))
    ]
    assert bench.run(len(wanted), 20) == wanted
    bench.assert_cycles()
    assert max(bench.reserved) <= CONFIG.weight_words
    assert max(bench.reserved) > CONFIG.weight_words - CONFIG.burst_words
    assert not bench.faults


@pytest.mark.parametrize("behind", [0, 1])
def test_the_last_word_of_room_is_used(behind: int) -> None:
    """The queue fills to its last word; the next burst goes `WEIGHT_ROOM` after it has room.

    Until then its LOAD is the one that waits, even if none is behind it.
    """
    capacity, beats = CONFIG.weight_words, CONFIG.burst_words
    loads = [
        Descriptor.single_run(Destination.WEIGHTS, 0, capacity),
        Descriptor.single_run(Destination.WEIGHTS, 0, beats),
        Descriptor.single_run(Destination.FEATURES, 0, 1, wait_computes=1),  # waits behind, unnamed
    ]
    bench = Bench(loads[: 2 + behind], seed=1)
    count = capacity // beats

    def release(_ctx: Any, cycle: int) -> None:
        bench.release = float(cycle >= 60)

    bench.run(count + 1, 5, Each(drive=release))
    first = Load.LOAD_START - 1
    assert bench.sink.taken[:count] == [*range(first, first + count)]
    last_release = 60 + beats - 1
    assert bench.sink.offered[-1] == last_release + Load.WEIGHT_ROOM - 1
    assert set(bench.waiting[first + count + 1 : last_release]) == {bench.name(1)}


@pytest.mark.parametrize("first", [0, 0x7FFC, 0xFFFC])
@pytest.mark.parametrize("slow", ["computes", "stores"])
def test_a_load_waits_for_both_tokens(slow: str, first: int) -> None:
    """A LOAD waits for both of its tokens, whose counts wrap after 16 bits."""
    rng = np.random.default_rng(first)
    loads = [
        drawn(rng, [Destination.FEATURES])._replace(
            wait_computes=(first + 2 * n) % (1 << TOKEN_BITS),
            wait_stores=(first + n) % (1 << TOKEN_BITS),
        )
        for n in range(6)
    ]
    bench = Bench(loads, seed=1, stall=0.2)
    bench.computes = bench.stores = first
    met = [0] * len(loads)

    def count(_ctx: Any, cycle: int) -> None:
        bench.computes = first + cycle // (50 if slow == "computes" else 1)
        bench.stores = first + cycle // (90 if slow == "stores" else 1)
        for n in range(len(loads)):
            if not (bench.computes >= first + 2 * n and bench.stores >= first + n):
                met[n] = cycle + 1

    wanted = [
        one for number, load in enumerate(loads) for one in requests(load, bench.name(number))
    ]
    assert bench.run(len(wanted), 5, Each(drive=count)) == wanted
    bench.assert_cycles(met)
    for n in range(1, len(loads)):  # a LOAD without its tokens is the one that waits
        assert bench.source.taken[n] < met[n]
        assert bench.waiting[met[n]] == bench.name(n)


@pytest.mark.parametrize("program", [0, 0x1003, 0x3F, 0x3FFFFF0])
@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_start_reads_the_first_page(program: int, stall: float) -> None:
    """START reads the first page before any LOAD that waits, and without that LOAD's tokens."""
    rng = np.random.default_rng(program)
    loads = [drawn(rng, [Destination.FEATURES])._replace(wait_computes=1, wait_stores=1)]
    bench = Bench(loads, seed=2, stall=stall)
    bench.source.allowed = lambda _: len(bench.waiting) >= 4
    bench.start_cycle, bench.program = 4, program
    page = Descriptor.single_run(
        Destination.PROGRAM, program * DESCRIPTOR_BYTES, PAGE_BYTES // WORD
    )
    wanted = requests(page, program) + requests(loads[0], bench.name(0))

    def count(_ctx: Any, cycle: int) -> None:
        bench.computes = bench.stores = int(cycle >= 4 + Load.LOAD_START)

    assert bench.run(len(wanted), 5, Each(drive=count)) == wanted
    assert bench.sink.offered[0] == 4 + Load.LOAD_START - 1
    if stall == 0:
        first = bench.sink.taken[0]
        assert bench.sink.taken == [*range(first, first + len(wanted))]


@pytest.mark.parametrize("destination", list(Destination))
@pytest.mark.parametrize("behind", [0, 1, 2])
def test_a_burst_outside_both_windows_stays_as_the_fault(
    destination: Destination, behind: int
) -> None:
    """A burst into the last of three pages, outside both windows, stays as the fault."""
    run = Descriptor.single_run(destination, 0x5000 - 16 * WORD, 32)
    load = run._replace(rows=3, row_stride_bytes=0x2000, ring_rows=3)
    wanted = requests(load, Bench.name(1))  # two bursts per run, either side of a page's end
    pages = [burst["address"] >> 12 for burst in wanted]
    assert pages == [4, 5, 6, 7, 8, 9]
    bench = Bench([load._replace(rows=1, destination=1), load, load], seed=3, stall=0.3)
    count = 3 + behind
    bench.windows = [(0x100, 0x200), (pages[0], pages[count - 1])]
    if behind == 1:
        bench.windows.reverse()
    bench.run(2 + count, 60)
    assert bench.sink.payloads[2:] == wanted[:count]
    assert bench.sink.standing is None
    assert_stands(bench.faults, ErrorCode.READ_WINDOW, bench.name(1))


@pytest.mark.parametrize("too_far", [1, 16, 40])
@pytest.mark.parametrize("ring_row", [0, 1])
def test_a_burst_past_the_feature_buffer_stays_as_the_fault(ring_row: int, too_far: int) -> None:
    """A last block, or a last run's ring row, past the feature buffer's end stays as the fault."""
    load = Descriptor.single_run(Destination.FEATURES, 0, 20)._replace(
        rows=2, row_stride_bytes=0x200, blocks=2, block_stride_bytes=0x800,
        first_line=CONFIG.feature_words - 100, buffer_block_words=60,
        ring_row=ring_row, ring_rows=3, wrap_words=40,
    )  # fmt: skip
    fitting = requests(load, Bench.name(0))
    far = load._replace(first_line=load.first_line + too_far)
    bursts = requests(far, Bench.name(1))
    fits = [b["buffer_address"] + b["beats"] <= CONFIG.feature_words for b in bursts]
    count = fits.index(False)
    elsewhere = [load._replace(destination=Destination.WEIGHTS, first_line=0xFFFFF)]
    bench = Bench([load, far, *elsewhere], seed=4)
    got = bench.run(len(fitting) + count, 60)
    assert got == fitting + bursts[:count]
    assert_stands(bench.faults, ErrorCode.BUFFER, bench.name(1))
    assert bench.sink.standing is None
    bench = Bench(elsewhere, seed=4)  # other buffers have no addresses
    bench.run(len(fitting), 10)
    assert not bench.faults
