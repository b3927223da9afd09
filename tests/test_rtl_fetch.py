"""Fetch hands out descriptors in order and in their cycles, and enforces the rules of pages."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from hwsim.arch.config import Config, load_config
from hwsim.isa.descriptor import OPCODES, Descriptor, End, Load, Store, encode
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import (
    DESCRIPTOR_BYTES,
    PAGE_DESCRIPTORS,
    Destination,
    Opcode,
)
from hwsim.rtl.program.descriptor_check import DescriptorCheck
from hwsim.rtl.program.fetch import Fetch
from tests.drawn import preset_with
from tests.streams import Each, Sink, step

NANO = load_config("nano")
OF_LANES = {8: NANO} | {
    lanes: preset_with(
        "nano",
        array={"input_lanes": lanes, "output_lanes": lanes},
        bus={"bus_bits": 8 * lanes},
        memory={"bandwidth_bytes_per_cycle": lanes},
    )
    for lanes in (16, 64)  # 64: a descriptor is one word
}
PAGE_PLACES = [0x10040, 0x7FC0, 0x3FFFC00, 0x0, 0x20000]  # not in order, not in whole pages
BAD_OPCODE = bytes(DESCRIPTOR_BYTES)


def store(number: int) -> Store:
    return Store(number, DESCRIPTOR_BYTES * number, 1, 1, 0, 1, 0, number)


def page_load(config: Config, address: int, descriptors: int) -> Load:
    row_words = descriptors * DESCRIPTOR_BYTES // config.word_bytes
    load = Load.single_run(Destination.PROGRAM, address, row_words)
    return load._replace(first_line=0xABCDE, ring_row=0x1234, ring_rows=0x2000)


def in_pages(config: Config, pages: int, in_last: int) -> tuple[list[Descriptor], list[int]]:
    """Return a program of full pages and `in_last` more descriptors, and the address of each."""
    descriptors: list[Descriptor] = []
    for page in range(pages):
        is_last, is_behind = page == pages - 1, page == pages - 2
        count = in_last if is_last else PAGE_DESCRIPTORS
        here: list[Descriptor] = [store(100 * page + number) for number in range(count)]
        if not is_last:
            size = in_last if is_behind else PAGE_DESCRIPTORS
            here[0] = page_load(config, PAGE_PLACES[page + 1], size)
        descriptors += here
    descriptors[-1] = End(7)
    return descriptors, places(len(descriptors))


def kind_of(descriptor: Descriptor | None) -> dict[str, int]:
    """Return the fields of a descriptor's kind; those of an error without a descriptor."""
    opcode = None if descriptor is None else OPCODES[type(descriptor)]
    return {one.name.lower(): int(one is opcode) for one in Opcode}


def places(count: int) -> list[int]:
    return [
        PAGE_PLACES[number // PAGE_DESCRIPTORS] + number % PAGE_DESCRIPTORS * DESCRIPTOR_BYTES
        for number in range(count)
    ]


@dataclass
class Memory:
    """Sends the first page, then each page whose LOAD was accepted, at most a word per cycle."""

    dut: Fetch
    config: Config
    program: list[bytes]
    sink: Sink
    rng: np.random.Generator
    idle: float
    latency_cycles: int = 9
    start_cycle: int = 3
    words: list[tuple[int, int, int]] = field(default_factory=list)  # from cycle, data, page
    complete: list[int] = field(default_factory=list)  # cycle in which its last word is readable
    busy: list[int] = field(default_factory=list)
    sent: int = 0
    seen: int = 0

    def send(self, cycle: int, descriptors: int) -> None:
        for number in range(self.sent, min(self.sent + descriptors, len(self.program))):
            data, size = self.program[number], self.config.word_bytes
            for low in range(0, DESCRIPTOR_BYTES, size):
                word = int.from_bytes(data[low : low + size], "little")
                self.words.append((cycle + self.latency_cycles, word, number))
        self.sent += descriptors

    def drive(self, ctx: Any, cycle: int) -> None:
        ctx.set(self.dut.launch.start, cycle == self.start_cycle)
        ctx.set(
            self.dut.launch.program,
            PAGE_PLACES[0] // DESCRIPTOR_BYTES * (cycle == self.start_cycle),
        )
        if cycle == self.start_cycle:
            self.send(cycle, PAGE_DESCRIPTORS)
        for payload in self.sink.payloads[self.seen :]:
            word = payload["descriptor"]
            if word & 0x3F == Opcode.LOAD | Destination.PROGRAM << 4:
                row_words = word >> 70 & 0xFFFFFF
                self.send(cycle, row_words * self.config.word_bytes // DESCRIPTOR_BYTES)
        self.seen = len(self.sink.payloads)
        sends = bool(self.words) and self.words[0][0] <= cycle and self.rng.random() >= self.idle
        ctx.set(self.dut.words.valid, sends)
        if sends:
            _, word, number = self.words.pop(0)
            ctx.set(self.dut.words.payload, word)
            if not self.words or self.words[0][2] != number:
                self.complete.append(cycle + 1)

    def sample(self, ctx: Any, cycle: int) -> None:
        if ctx.get(self.dut.active):
            self.busy.append(cycle)


def run(
    config: Config,
    program: list[Descriptor | bytes],
    ends: int,
    rng: np.random.Generator,
    idle: float = 0.0,
    stall: float = 0.0,
) -> tuple[Memory, Sink]:
    """Accept `ends` descriptors and wait for the end; the rest of a page is noise."""
    dut = Fetch(config)
    data = [item if isinstance(item, bytes) else encode(item) for item in program]
    sink = Sink(dut.o, rng, stall)
    memory = Memory(dut, config, data + [rng.bytes(64)] * PAGE_DESCRIPTORS, sink, rng, idle)

    def hold(_ctx: Any, _cycle: int) -> None:
        sink.hold = len(sink.taken) == ends

    step(dut, [memory, Each(drive=hold), sink], lambda: len(sink.taken) == ends, further_cycles=200)
    return memory, sink


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize(("idle", "stall"), [(0.0, 0.0), (0.0, 0.9), (0.7, 0.0), (0.5, 0.5)])
@pytest.mark.parametrize("lanes", OF_LANES)
@pytest.mark.parametrize(("pages", "in_last"), [(1, 2), (1, 16), (2, 1), (5, 3), (3, 16)])
def test_descriptors_come_in_order_in_the_cycle_that_is_stated(
    pages: int, in_last: int, lanes: int, idle: float, stall: float, seed: int
) -> None:
    config = OF_LANES[lanes]
    rng = np.random.default_rng(seed)
    program, at = in_pages(config, pages, in_last)
    memory, sink = run(config, [*program], len(program), rng, idle, stall)
    assert sink.standing is None  # nothing is read after END
    assert sink.payloads == [
        {
            "descriptor": int.from_bytes(encode(descriptor), "little"),
            "source": address // DESCRIPTOR_BYTES,
            "error": ErrorCode.NONE,
            "kind": kind_of(descriptor),
        }
        for descriptor, address in zip(program, at, strict=True)
    ]
    words = DESCRIPTOR_BYTES // config.word_bytes
    begins = [
        max(readable, before + 1)
        for readable, before in zip(memory.complete, [0, *sink.taken], strict=False)
    ][: len(program)]
    assert sink.offered == [cycle + words + Fetch.FETCH for cycle in begins]
    reading = [range(start + 1, offer) for start, offer in zip(begins, sink.offered, strict=True)]
    assert memory.busy == [cycle for cycles in reading for cycle in cycles]


def assert_stops(
    program: list[Descriptor | bytes], taken: int, code: ErrorCode, stall: float = 0.0
) -> None:
    """Check that `taken` descriptors are offered without an error, then one with `code` stays."""
    seed = 5
    _, sink = run(NANO, program, taken, np.random.default_rng(seed), stall=stall)
    assert [payload["error"] for payload in sink.payloads] == [ErrorCode.NONE] * taken
    assert sink.standing is not None
    assert sink.standing["error"] == code
    assert sink.standing["kind"] == kind_of(None)
    assert sink.standing["source"] * DESCRIPTOR_BYTES == places(taken + 1)[taken]


@pytest.mark.parametrize("place", [0, 1, 15, 16, 20])
@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (BAD_OPCODE, ErrorCode.OPCODE),
        (encode(End(3))[:-1] + b"\x10", ErrorCode.FORMAT),
        (encode(End(3))[:-1] + b"\x28", ErrorCode.RESERVED),
        (Store(0, 8, 0, 1, 0, 1, 0, 0), ErrorCode.FIELD),
        (page_load(NANO, 0x40, 17), ErrorCode.FIELD),  # before its place is looked at
    ],
)
def test_a_bad_descriptor_is_offered_with_its_error(
    place: int, bad: Descriptor | bytes, code: ErrorCode
) -> None:
    program, _ = in_pages(NANO, 2, 10)
    assert_stops([*program[:place], bad, *program[place + 1 :]], place, code, stall=0.5)


@pytest.mark.parametrize("place", [1, 7, 15, 17, 31])
def test_a_page_is_loaded_by_the_first_descriptor_of_a_page(place: int) -> None:
    program, _ = in_pages(NANO, 3, 4)
    program[place] = page_load(NANO, PAGE_PLACES[2], PAGE_DESCRIPTORS)
    assert_stops([*program], place, ErrorCode.PROGRAM)


def test_a_short_page_is_the_last_one() -> None:
    program, _ = in_pages(NANO, 2, 15)
    program[PAGE_DESCRIPTORS] = page_load(NANO, PAGE_PLACES[2], PAGE_DESCRIPTORS)
    assert_stops([*program], PAGE_DESCRIPTORS, ErrorCode.PROGRAM)


@pytest.mark.parametrize(("pages", "in_last"), [(1, 16), (2, 1), (2, 15), (2, 16), (4, 16)])
def test_a_program_ends_with_its_last_page(pages: int, in_last: int) -> None:
    program, _ = in_pages(NANO, pages, in_last)
    program[-1] = store(3)
    seed = 6
    memory, sink = run(NANO, [*program], len(program), np.random.default_rng(seed))
    assert [payload["error"] for payload in sink.payloads] == [ErrorCode.NONE] * len(program)
    assert sink.standing is not None
    assert sink.standing["error"] == ErrorCode.PROGRAM
    assert sink.standing["kind"] == kind_of(None)
    assert sink.standing["source"] * DESCRIPTOR_BYTES == places(len(program))[-1] + DESCRIPTOR_BYTES
    assert sink.offered[-1] == sink.taken[-1] + DescriptorCheck.LATENCY
    assert all(cycle < sink.offered[-1] for cycle in memory.busy)


def test_nothing_is_read_before_the_start() -> None:
    rng = np.random.default_rng(7)
    dut = Fetch(NANO)
    sink = Sink(dut.o, rng)

    def write(ctx: Any, cycle: int) -> None:
        ctx.set(dut.words.valid, cycle < 16)

    def idle(ctx: Any, _cycle: int) -> None:
        assert not ctx.get(dut.active)

    step(dut, [Each(write, idle), sink], lambda: True, further_cycles=50)
    assert not sink.offered
