"""The AXI4 read manager works with a memory that idles and stalls (Amaranth simulator)."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from hwsim.arch.config import load_config
from hwsim.isa.error_codes import ErrorCode
from hwsim.rtl.memory.read_manager import ReadManager
from tests.streams import Each, Part, Source, step, values

CONFIG = load_config("nano")
OUTSTANDING = CONFIG.bus.outstanding_reads
OKAY, EXOKAY, SLVERR, DECERR = range(4)


def drawn(rng: np.random.Generator, count: int) -> list[dict[str, int]]:
    return [
        {
            "address": int(rng.integers(0, 1 << 32)),
            "beats": int(rng.choice([1, 16, int(rng.integers(1, 17))])),
            "destination": int(rng.integers(0, 3)),
            "buffer_address": int(rng.integers(0, CONFIG.feature_words - 16)),
            "ends_chunk": int(rng.integers(0, 2)),
            "source": int(rng.integers(0, 1 << 26)),
        }
        for _ in range(count)
    ]


@dataclass
class Memory:
    """Answers accepted addresses in order, and checks that an offered address stays unchanged."""

    dut: ReadManager
    rng: np.random.Generator
    stall: float = 0.0  # of addresses
    gap: float = 0.0  # between beats
    latency_cycles: int = 1
    refuses: bool = False  # addresses
    silent: bool = False
    responses: dict[int, int] = field(default_factory=dict)  # by the number of the beat
    standing: tuple[int, int] | None = None
    appeared: list[int] = field(default_factory=list)  # first cycle of each address
    addresses: list[tuple[int, int]] = field(default_factory=list)
    owed: list[tuple[int, bool]] = field(default_factory=list)  # earliest cycle, last
    beats: list[tuple[int, int, bool]] = field(default_factory=list)  # cycle, data, last
    stray: tuple[int, ...] = ()  # cycles of beats that nobody asked for

    def drive(self, ctx: Any, cycle: int) -> None:
        dut = self.dut
        ctx.set(dut.bus.arready, not self.refuses and self.rng.random() >= self.stall)
        sends = bool(self.owed) and self.owed[0][0] <= cycle and not self.silent
        sends = sends and self.rng.random() >= self.gap
        data = int(self.rng.integers(0, 1 << 63))
        ctx.set(dut.bus.rvalid, sends or cycle in self.stray)
        ctx.set(dut.bus.rdata, data)
        ctx.set(dut.bus.rlast, int(self.rng.integers(0, 2)))
        ctx.set(dut.bus.rresp, DECERR)
        if sends:
            _, last = self.owed.pop(0)
            ctx.set(dut.bus.rlast, last)
            ctx.set(
                dut.bus.rresp, self.responses.get(len(self.beats), int(self.rng.integers(0, 2)))
            )
            self.beats.append((cycle, data, last))

    def sample(self, ctx: Any, cycle: int) -> None:
        dut = self.dut
        assert ctx.get(dut.bus.rready)
        if not ctx.get(dut.bus.arvalid):
            assert self.standing is None, f"cycle {cycle}: an address was withdrawn"
            return
        address = (ctx.get(dut.bus.araddr), ctx.get(dut.bus.arlen))
        if self.standing is None:
            self.appeared.append(cycle)
        assert self.standing in {None, address}, f"cycle {cycle}: an address changed"
        self.standing = address
        if ctx.get(dut.bus.arready):
            self.standing = None
            self.addresses.append(address)
            earliest = cycle + self.latency_cycles
            self.owed += [(earliest, beat == address[1]) for beat in range(address[1] + 1)]


class Bench:
    """The read manager between a source of requests, a memory, and a record of its outputs."""

    def __init__(self, count: int, seed: int, idle: float = 0.0, **memory: Any):
        self.rng = np.random.default_rng(seed)
        self.dut = ReadManager(CONFIG)
        self.requests = drawn(self.rng, count)
        self.source = Source(self.dut.i, self.requests, self.rng, idle)
        self.memory = Memory(self.dut, self.rng, **memory)
        self.stop_cycle: int | None = None
        self.cycle = 0
        self.words: list[tuple[int, dict[str, int]]] = []
        self.faults: list[tuple[int, int, int]] = []

    def drive(self, ctx: Any, cycle: int) -> None:
        self.cycle = cycle
        ctx.set(self.dut.stop, self.stop_cycle is not None and cycle >= self.stop_cycle)

    def sample(self, ctx: Any, cycle: int) -> None:
        dut, memory = self.dut, self.memory
        if ctx.get(dut.o.valid):
            self.words.append((cycle, values(ctx, dut.o.payload)))
        fault = values(ctx, dut.fault)
        if fault["code"] != ErrorCode.NONE:
            self.faults.append((cycle, fault["code"], fault["source"]))
        unanswered = len([cycle_ for cycle_ in self.source.taken if cycle_ < cycle]) - len(
            [cycle_ for cycle_, _, last in memory.beats if last and cycle_ < cycle]
        )
        assert 0 <= unanswered <= OUTSTANDING
        assert ctx.get(dut.quiet) == (unanswered == 0), f"cycle {cycle}"

    def run(self, bursts: int, further_cycles: int, *parts: Part) -> None:
        """Run until `bursts` bursts are answered."""

        def answered() -> bool:
            return sum(last for _, _, last in self.memory.beats) == bursts

        step(self.dut, [*parts, self, self.source, self.memory], answered, further_cycles)
        self.assert_all_passed(bursts)

    def assert_all_passed(self, bursts: int) -> None:
        """Check that addresses and words came in order, each in its cycle, and nothing else."""
        requests = self.requests[:bursts]
        memory, source = self.memory, self.source
        assert memory.addresses == [(one["address"], one["beats"] - 1) for one in requests]
        tags = [(one, beat) for one in requests for beat in range(one["beats"])]
        assert self.words == [
            (
                cycle + ReadManager.WORD_LATENCY,
                {
                    "data": data,
                    "destination": one["destination"],
                    "buffer_address": one["buffer_address"] + beat,
                    "ends_chunk": one["ends_chunk"] and beat == one["beats"] - 1,
                },
            )
            for (cycle, data, _), (one, beat) in zip(memory.beats, tags, strict=True)
        ]
        assert memory.appeared == [cycle + 1 for cycle in source.taken]
        assert self.faults == [
            (cycle + 1, ErrorCode.READ_RESPONSE, one["source"])
            for number, ((cycle, _, _), (one, _)) in enumerate(zip(memory.beats, tags, strict=True))
            if memory.responses.get(number, OKAY) in {SLVERR, DECERR}
        ]


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("latency_cycles", [1, 40])
@pytest.mark.parametrize("idle", [0.0, 0.8])
@pytest.mark.parametrize(("stall", "gap"), [(0.0, 0.0), (0.9, 0.0), (0.0, 0.8), (0.5, 0.5)])
def test_every_word_comes_with_its_place(
    stall: float, gap: float, idle: float, latency_cycles: int, seed: int
) -> None:
    bench = Bench(40, seed, idle, stall=stall, gap=gap, latency_cycles=latency_cycles)
    bench.run(40, 10)


def test_one_address_per_cycle_up_to_the_outstanding_bursts() -> None:
    """Addresses go out every cycle up to the limit, later `READ_SLOT` cycles after a last beat."""
    bench = Bench(40, seed=3, latency_cycles=30)
    bench.run(40, 10)
    assert bench.memory.appeared[:OUTSTANDING] == [*range(1, OUTSTANDING + 1)]
    ends = [cycle for cycle, _, last in bench.memory.beats if last]
    behind = [cycle + ReadManager.READ_SLOT for cycle in ends[: 40 - OUTSTANDING]]
    assert bench.memory.appeared[OUTSTANDING:] == behind


def test_a_silent_memory_gets_the_outstanding_bursts_and_no_more() -> None:
    bench = Bench(2 * OUTSTANDING, seed=4, silent=True)

    def silence(_ctx: Any, cycle: int) -> None:
        bench.memory.silent = cycle < 100
        if cycle == 99:
            assert len(bench.memory.addresses) == OUTSTANDING

    bench.run(2 * OUTSTANDING, 5, Each(drive=silence))


@pytest.mark.parametrize("code", [SLVERR, DECERR])
@pytest.mark.parametrize("seed", range(5, 9))
def test_an_error_on_any_beat_is_the_fault_of_its_descriptor(seed: int, code: int) -> None:
    """An error names its descriptor, all words still come, and OKAY and EXOKAY are no errors."""
    bench = Bench(12, seed, gap=0.2)
    beats = sum(one["beats"] for one in bench.requests)
    bench.memory.responses = {int(n): code for n in bench.rng.integers(0, beats, 6)}
    bench.memory.responses |= {0: code, beats - 1: code}  # the first beat and the last one
    bench.run(12, 5)
    assert len(bench.faults) == len(bench.memory.responses)


@pytest.mark.parametrize("seed", range(10, 13))
def test_beats_that_nobody_asked_for_are_dropped(seed: int) -> None:
    """Beats without a request are dropped, before the first request and between answered ones."""
    bench = Bench(4, seed, latency_cycles=5)
    bench.source.allowed = lambda number: bench.cycle >= (20 if number < 2 else 150)
    bench.memory.stray = (3, 4, 9, 19, *range(120, 140), 148)
    bench.run(4, 3)
    second = sum(one["beats"] for one in bench.requests[:2])
    assert bench.memory.beats[second - 1][0] < 120 < bench.memory.beats[second][0]


@pytest.mark.parametrize("seed", range(20, 24))
@pytest.mark.parametrize("stop_cycle", [0, 1, 2, 7, 30])
def test_stop_lets_out_no_further_request(stop_cycle: int, seed: int) -> None:
    """After stop, an offered address stays until it is accepted, and pending beats still come."""
    bench = Bench(40, seed, idle=0.3, stall=0.8, gap=0.3, latency_cycles=6)
    bench.stop_cycle = stop_cycle
    last = stop_cycle + 400

    def refuse(_ctx: Any, cycle: int) -> None:
        bench.memory.refuses = stop_cycle <= cycle < stop_cycle + 40

    parts: list[Part] = [Each(drive=refuse), bench, bench.source, bench.memory]
    step(bench.dut, parts, lambda: bench.cycle == last)
    assert all(cycle < stop_cycle for cycle in bench.source.taken)
    assert bench.memory.standing is None
    assert not bench.memory.owed
    bench.assert_all_passed(len(bench.source.taken))


def test_not_quiet_while_an_address_stands() -> None:
    """An offered address is not quiet, even if memory answers it before it accepts it."""
    bench = Bench(1, seed=30, refuses=True)
    bench.memory.stray = tuple(range(5, 45))  # a last beat is among them
    quiet: list[int] = []

    def watch(ctx: Any, cycle: int) -> None:
        if ctx.get(bench.dut.quiet):
            quiet.append(cycle)

    step(bench.dut, [bench.source, bench.memory, Each(sample=watch)], lambda: True, 60)
    assert bench.memory.appeared == [1]
    assert bench.memory.standing is not None
    assert quiet == [0]
