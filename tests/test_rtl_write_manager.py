"""The AXI4 write manager works with a memory that idles and stalls (Amaranth simulator)."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from hwsim.arch import pipeline
from hwsim.arch.config import load_config
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import StoreDestination
from hwsim.rtl.memory.write_manager import WriteManager
from tests.streams import Each, Part, Sink, Source, step, values

CONFIG = load_config("nano")
ALL_BYTES = (1 << CONFIG.word_bytes) - 1
OKAY, EXOKAY, SLVERR, DECERR = range(4)
AHEAD = WriteManager.BURSTS_AHEAD
IN_PIPELINE = 2  # words that were read from staging but did not pass the bus: memory, output


def drawn(rng: np.random.Generator, count: int, beats: int | None = None) -> list[dict[str, int]]:
    return [
        {
            "destination": StoreDestination.MEMORY,
            "address": int(rng.integers(0, 1 << 32)),
            "beats": beats or int(rng.choice([1, 16, int(rng.integers(1, 17))])),
            "staging_address": int(rng.integers(0, CONFIG.staging_words - 16)),
            "last": int(rng.integers(0, 2)),
            "source": int(rng.integers(0, 1 << 26)),
        }
        for _ in range(count)
    ]


def staged(address: int) -> int:
    return (address + 1) * 0x9E3779B97F4A7C15 % (1 << 64)


class Channel:
    """An outward channel of the bus, with a check that an offer stays until it is accepted."""

    def __init__(self, dut: WriteManager, names: tuple[str, ...], stall: float):
        self.ports = [getattr(dut.bus, name) for name in names]
        self.valid, self.ready = self.ports[:2]
        self.stall = stall
        self.refuses = False
        self.standing: tuple[int, ...] | None = None
        self.appeared: list[int] = []
        self.accepted: list[int] = []
        self.payloads: list[tuple[int, ...]] = []

    def drive(self, ctx: Any, rng: np.random.Generator) -> None:
        ctx.set(self.ready, not self.refuses and rng.random() >= self.stall)

    def sample(self, ctx: Any, cycle: int) -> None:
        if not ctx.get(self.valid):
            assert self.standing is None, f"cycle {cycle}: {self.valid} was withdrawn"
            return
        payload = tuple(int(ctx.get(port)) for port in self.ports[2:])
        if self.standing is None:
            self.appeared.append(cycle)
        assert self.standing in {None, payload}, f"cycle {cycle}: beside {self.valid}"
        self.standing = payload
        if ctx.get(self.ready):
            self.accepted.append(cycle)
            self.payloads.append(payload)
            self.standing = None


@dataclass
class Memory:
    """Accepts addresses and words, and answers a burst in order when it has both."""

    dut: WriteManager
    rng: np.random.Generator
    address_stall: float = 0.0
    word_stall: float = 0.0
    gap: float = 0.0  # between responses
    latency_cycles: int = 1
    silent: bool = False
    codes: dict[int, int] = field(default_factory=dict)  # by the number of the response
    stray: tuple[int, ...] = ()  # cycles of responses that nobody waits for
    responses: list[int] = field(default_factory=list)  # their cycles
    complete: list[int] = field(default_factory=list)  # cycles of last words
    word: int = 0

    def __post_init__(self) -> None:
        addresses = ("awvalid", "awready", "awaddr", "awlen")
        words = ("wvalid", "wready", "wdata", "wlast", "wstrb")
        self.addresses = Channel(self.dut, addresses, self.address_stall)
        self.words = Channel(self.dut, words, self.word_stall)
        self.read: int | None = None
        self.reads: list[int] = []  # cycles of words read from staging

    def drive(self, ctx: Any, cycle: int) -> None:
        dut, number = self.dut, len(self.responses)
        self.addresses.drive(ctx, self.rng)
        self.words.drive(ctx, self.rng)
        if self.read is not None:  # staging
            ctx.set(dut.staging.data, staged(self.read))
        both = [*zip(self.addresses.accepted, self.complete, strict=False)][number : number + 1]
        answers = bool(both) and max(both[0]) + self.latency_cycles <= cycle and not self.silent
        answers = answers and self.rng.random() >= self.gap
        ctx.set(dut.bus.bvalid, answers or cycle in self.stray)
        ctx.set(dut.bus.bresp, DECERR)
        if answers:
            self.responses.append(cycle)
            ctx.set(dut.bus.bresp, self.codes.get(number, int(self.rng.integers(0, 2))))

    def sample(self, ctx: Any, cycle: int) -> None:
        assert ctx.get(self.dut.bus.bready)
        self.addresses.sample(ctx, cycle)
        self.words.sample(ctx, cycle)
        if self.words.accepted[-1:] == [cycle] and self.words.payloads[-1][1]:
            self.complete.append(cycle)
        self.read = ctx.get(self.dut.staging.address) if ctx.get(self.dut.staging.enable) else None
        self.reads += [cycle] * (self.read is not None)


class Bench:
    """The write manager between a source of requests, staging, memory, and a record of reports."""

    def __init__(
        self, requests: list[dict[str, int]], rng: np.random.Generator, idle: float, **memory: Any
    ):
        self.dut = WriteManager(CONFIG)
        self.requests = requests
        self.source = Source(self.dut.i, requests, rng, idle)
        self.memory = Memory(self.dut, rng, **memory)
        self.stop_cycle: int | None = None
        self.cycle = 0
        self.staged: list[int] = []
        self.stored: list[int] = []
        self.faults: list[tuple[int, int, int]] = []

    def drive(self, ctx: Any, cycle: int) -> None:
        self.cycle = cycle
        ctx.set(self.dut.stop, self.stop_cycle is not None and cycle >= self.stop_cycle)

    def sample(self, ctx: Any, cycle: int) -> None:
        if ctx.get(self.dut.staged):
            self.staged.append(cycle)
        if ctx.get(self.dut.stored):
            self.stored.append(cycle)
        fault = values(ctx, self.dut.fault)
        if fault["code"] != ErrorCode.NONE:
            self.faults.append((cycle, fault["code"], fault["source"]))
        begun = sum(taken < cycle for taken in self.source.taken)
        answered = sum(response < cycle for response in self.memory.responses)
        assert 0 <= begun - answered <= pipeline.OUTSTANDING_WRITES
        assert ctx.get(self.dut.quiet) == (begun == answered), f"cycle {cycle}"

    def run(self, bursts: int, further_cycles: int, *parts: Part) -> None:
        """Run until `bursts` bursts are answered."""
        step(
            self.dut,
            [*parts, self, self.source, self.memory],
            lambda: len(self.memory.responses) == bursts,
            further_cycles,
        )
        self.assert_all_passed(bursts)

    def assert_all_passed(self, bursts: int) -> None:
        """Check that addresses, words and responses came in order and in their cycles."""
        requests = self.requests[:bursts]
        memory, taken = self.memory, self.source.taken
        addresses, words = memory.addresses, memory.words
        assert addresses.payloads == [(one["address"], one["beats"] - 1) for one in requests]
        assert addresses.appeared == [cycle + 1 for cycle in taken]
        tags = [(n, beat) for n, one in enumerate(requests) for beat in range(one["beats"])]
        assert [payload[:2] for payload in words.payloads] == [
            (staged(requests[n]["staging_address"] + beat), beat == requests[n]["beats"] - 1)
            for n, beat in tags
        ]
        assert words.appeared == [
            max(addresses.appeared[n] + WriteManager.STORE_DATA, before + 1)
            for (n, _), before in zip(tags, [-1, *words.accepted], strict=False)
        ]
        last_words = [requests[n]["last"] and beat + 1 == requests[n]["beats"] for n, beat in tags]
        assert self.staged == [
            cycle + WriteManager.STAGED
            for cycle, is_last in zip(memory.reads, last_words, strict=True)
            if is_last
        ]
        strobes = [
            ALL_BYTES if self.stop_cycle is None or cycle <= self.stop_cycle else 0
            for cycle in words.appeared
        ]
        assert [payload[2] for payload in words.payloads] == strobes
        answered = [*zip(memory.responses, requests, strict=True)]
        stored = [cycle + WriteManager.STORED for cycle, one in answered if one["last"]]
        assert self.stored == stored
        assert self.faults == [
            (cycle + 1, ErrorCode.WRITE_RESPONSE, one["source"])
            for number, (cycle, one) in enumerate(answered)
            if memory.codes.get(number, OKAY) in {SLVERR, DECERR}
        ]


def bench_of(
    count: int, seed: int, idle: float = 0.0, beats: int | None = None, **memory: Any
) -> Bench:
    rng = np.random.default_rng(seed)
    return Bench(drawn(rng, count, beats), rng, idle, **memory)


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("latency_cycles", [1, 40])
@pytest.mark.parametrize("idle", [0.0, 0.9])
@pytest.mark.parametrize(
    ("address_stall", "word_stall", "gap"),
    [(0.0, 0.0, 0.0), (0.95, 0.0, 0.0), (0.0, 0.7, 0.0), (0.0, 0.0, 0.9), (0.5, 0.5, 0.5)],
)
def test_every_word_follows_its_address(
    address_stall: float, word_stall: float, gap: float, idle: float, latency_cycles: int, seed: int
) -> None:
    bench = bench_of(40, seed, idle, address_stall=address_stall, word_stall=word_stall,
                     gap=gap, latency_cycles=latency_cycles)  # fmt: skip
    bench.run(40, 10)


@pytest.mark.parametrize("seed", range(40, 44))
@pytest.mark.parametrize(
    ("idle", "stall", "word_stall"), [(0.0, 0.0, 0.0), (0.0, 0.7, 0.0), (0.3, 0.3, 0.5)]
)
def test_bursts_into_the_feature_buffer_keep_the_order(
    idle: float, stall: float, word_stall: float, seed: int
) -> None:
    """They are never on the bus, and a STORE is counted when its last word is there.

    STOREs of either kind are counted in their order.
    """
    rng = np.random.default_rng(seed)
    requests = drawn(rng, 80)
    for request in requests:
        if rng.random() < 0.5:
            request["destination"] = StoreDestination.FEATURES
            request["address"] = int(rng.integers(0, CONFIG.feature_words - 16)) * CONFIG.word_bytes
    dut = WriteManager(CONFIG)
    source = Source(dut.i, requests, rng, idle)
    memory = Memory(dut, rng, word_stall=word_stall)
    features = Sink(dut.features, rng, stall)
    events: list[int] = []
    quiet: list[int] = []

    def sample(ctx: Any, cycle: int) -> None:
        if ctx.get(dut.staged):
            events.append(cycle)
        if ctx.get(dut.quiet):
            quiet.append(cycle)

    words = sum(request["beats"] for request in requests)
    step(
        dut,
        [source, memory, features, Each(sample=sample)],
        lambda: len(memory.words.payloads) + len(features.payloads) == words,
        20,
    )
    to_bus, to_buffer = (
        [request for request in requests if request["destination"] == place]
        for place in (StoreDestination.MEMORY, StoreDestination.FEATURES)
    )
    assert [one[0] for one in memory.addresses.payloads] == [one["address"] for one in to_bus]
    assert len(memory.responses) == len(to_bus)
    assert [one[0] for one in memory.words.payloads] == [
        staged(one["staging_address"] + beat) for one in to_bus for beat in range(one["beats"])
    ]
    assert features.payloads == [
        {
            "address": one["address"] // CONFIG.word_bytes + beat,
            "data": staged(one["staging_address"] + beat),
        }
        for one in to_buffer
        for beat in range(one["beats"])
    ]
    read, taken = iter(memory.reads), iter(features.taken)
    counted: list[int] = []
    for request in requests:
        left = [next(read) for _ in range(request["beats"])][-1]
        if request["destination"] == StoreDestination.FEATURES:
            left = [next(taken) for _ in range(request["beats"])][-1]
        if request["last"]:
            counted.append(left + WriteManager.STAGED)
    assert events == counted == sorted(counted)
    last = max(*memory.responses, *features.taken)
    assert [cycle for cycle in quiet if cycle > memory.reads[0]][-1] > last


def test_not_quiet_while_a_word_goes_to_the_feature_buffer() -> None:
    bench = bench_of(1, seed=31, beats=1)
    bench.requests[0]["destination"] = StoreDestination.FEATURES
    features = Sink(bench.dut.features, np.random.default_rng(0), stall=1.0)
    quiet: list[int] = []

    def watch(ctx: Any, cycle: int) -> None:
        if ctx.get(bench.dut.quiet):
            quiet.append(cycle)

    step(bench.dut, [bench.source, bench.memory, features, Each(sample=watch)], lambda: True, 60)
    assert quiet == [0]


@pytest.mark.parametrize("beats", [1, 2, 16])
def test_one_word_per_cycle_across_bursts(beats: int) -> None:
    bench = bench_of(40, seed=3, beats=beats)
    bench.run(40, 10)
    first = bench.memory.addresses.appeared[0] + WriteManager.STORE_DATA
    assert bench.memory.words.accepted == [*range(first, first + 40 * beats)]


@pytest.mark.parametrize("beats", [1, 2, 16])
def test_addresses_run_ahead_of_their_words(beats: int) -> None:
    """Addresses go out before their words, up to a number of bursts whose words are not read."""
    bench = bench_of(40, seed=4, beats=beats)
    addresses = bench.memory.addresses
    ahead = AHEAD + IN_PIPELINE // beats

    def refuse(_ctx: Any, cycle: int) -> None:
        bench.memory.words.refuses = cycle < 100
        if cycle == 99:
            assert len(addresses.payloads) == ahead
            assert addresses.accepted[:AHEAD] == [*range(1, AHEAD + 1)]

    bench.run(40, 5, Each(drive=refuse))


def test_words_do_not_wait_for_their_addresses() -> None:
    """Words do not wait for addresses: memory may accept all words of a burst first."""
    bench = bench_of(3, seed=5, beats=16)
    memory = bench.memory

    def refuse(_ctx: Any, _cycle: int) -> None:
        memory.addresses.refuses = len(memory.complete) <= len(memory.addresses.accepted)

    bench.run(3, 5, Each(drive=refuse))
    pairs = zip(memory.complete, memory.addresses.accepted, strict=True)
    assert all(last_word < address for last_word, address in pairs)


def test_a_silent_memory_gets_the_outstanding_bursts_and_no_more() -> None:
    count = pipeline.OUTSTANDING_WRITES
    bench = bench_of(count + 20, seed=6, beats=1)

    def silence(_ctx: Any, cycle: int) -> None:
        bench.memory.silent = cycle < 300
        if cycle == 299:
            assert len(bench.memory.addresses.payloads) == count

    bench.run(count + 20, 5, Each(drive=silence))


@pytest.mark.parametrize("code", [SLVERR, DECERR])
@pytest.mark.parametrize("seed", range(7, 10))
def test_an_error_is_the_fault_of_its_descriptor(seed: int, code: int) -> None:
    """An error names its descriptor, transfers go on, and OKAY and EXOKAY are no errors."""
    bench = bench_of(20, seed, gap=0.3)
    bench.memory.codes = dict.fromkeys((0, 4, 5, 11, 19), code)
    bench.run(20, 5)
    assert len(bench.faults) == len(bench.memory.codes)


@pytest.mark.parametrize("seed", range(10, 13))
def test_responses_that_nobody_waits_for_are_dropped(seed: int) -> None:
    """Responses without a burst are dropped and cause neither a token nor a fault.

    Every burst is the last of its STORE, and there are more bursts than the queue of responses has
    places. So the rest of an old entry would be noticed if it were taken for a new one.
    """
    before = pipeline.OUTSTANDING_WRITES + 4
    bench = bench_of(before + 4, seed, beats=1, latency_cycles=5)
    for request in bench.requests:
        request["last"] = 1
    bench.source.allowed = lambda number: bench.cycle >= (20 if number < before else 250)
    bench.memory.stray = (3, 4, 9, 19, *range(150, 180), 248)
    bench.run(before + 4, 3)
    assert bench.memory.responses[before - 1] < 150
    assert bench.memory.responses[before] > 248


@pytest.mark.parametrize("seed", range(20, 24))
@pytest.mark.parametrize("stop_cycle", [0, 1, 2, 3, 4, 9, 40])
def test_stop_lets_out_no_further_request_and_no_further_byte(stop_cycle: int, seed: int) -> None:
    """After stop, offers stay unchanged until accepted, and later words have strobes of 0."""
    bench = bench_of(40, seed, idle=0.3, address_stall=0.5, word_stall=0.5, gap=0.3)
    bench.stop_cycle = stop_cycle
    memory = bench.memory

    def refuse(_ctx: Any, cycle: int) -> None:
        memory.addresses.refuses = stop_cycle <= cycle < stop_cycle + 60
        memory.words.refuses = stop_cycle <= cycle < stop_cycle + 20

    parts: list[Part] = [Each(drive=refuse), bench, bench.source, memory]
    step(bench.dut, parts, lambda: bench.cycle == stop_cycle + 600)
    assert all(cycle < stop_cycle for cycle in bench.source.taken)
    assert memory.addresses.standing is memory.words.standing is None
    bench.assert_all_passed(len(bench.source.taken))


@pytest.mark.parametrize("standing", ["address", "word"])
def test_not_quiet_while_something_stands(standing: str) -> None:
    """An offer is not quiet, even if memory answers a burst before it has accepted all of it."""
    bench = bench_of(1, seed=30, beats=1)
    memory = bench.memory
    memory.addresses.refuses = standing == "address"
    memory.words.refuses = standing == "word"
    memory.stray, memory.silent = (20,), True
    quiet: list[int] = []

    def watch(ctx: Any, cycle: int) -> None:
        if ctx.get(bench.dut.quiet):
            quiet.append(cycle)

    step(bench.dut, [bench.source, memory, Each(sample=watch)], lambda: True, 60)
    assert (memory.addresses.standing is None) == (standing == "word")
    assert (memory.words.standing is None) == (standing == "address")
    assert quiet == [0]
