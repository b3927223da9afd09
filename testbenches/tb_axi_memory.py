"""Compare `axi_memory.sv` with its description: the cycle of every beat, values, and faults.

A random manager drives it. The accepted bursts decide which beats must come, and when.
"""

import random
from collections import deque
from fractions import Fraction
from math import ceil
from typing import Any, NamedTuple

import cocotb
from cocotb.triggers import FallingEdge, ReadOnly

from hwsim.program.program import WINDOW_BYTES
from hwsim.testbenches.axi_memory import (
    DECERR,
    OKAY,
    REFERENCE,
    Behaviour,
    Contents,
    Pace,
    Rules,
    Violation,
    hesitant,
)
from hwsim.testbenches.memory_port import (
    EVERY_BYTE,
    IDLE,
    OUTPUTS,
    OUTSTANDING,
    WORD_BYTES,
    drive,
    offer,
    read_word,
    reset,
    value,
)
from hwsim.testbenches.replay import seed_of

SIZE_BYTES = 16 * WINDOW_BYTES
FEATURES_BASE = 3 * WINDOW_BYTES
BURST_BEATS = 16
RULES = Rules(
    program_end=WINDOW_BYTES,
    weights_base=WINDOW_BYTES,
    weights_end=FEATURES_BASE,
    constants_base=0,
    constants_limit=FEATURES_BASE - 1,
    features_base=FEATURES_BASE,
    features_limit=SIZE_BYTES - 1,
    burst_beats=BURST_BEATS,
    outstanding_reads=OUTSTANDING,
)
PACE = Pace(size=SIZE_BYTES, latency=20, cycle_ticks=1, beat_ticks=1)
PHASES = (1.0, 0.5, 0.1, 0.03, 0.3, 1.0)  # shares of the cycles in which a burst is offered
PHASE_CYCLES = 400
ENDING_CYCLES = 20_000  # all offered bursts must have answers within them


class Beat(NamedTuple):
    """A beat that must cross the bus: of a read or a write, or the response to a burst."""

    address: int
    burst: int  # the first address of its burst
    identity: int
    is_last: bool
    due: int  # the first cycle in which the memory may answer with it


class Expected:
    """The expected behaviour of the memory, checked cycle by cycle from the signals of the bus."""

    def __init__(self, pace: Pace, behaviour: Behaviour, data: bytearray):
        self.data, self._pace, self._behaviour = data, pace, behaviour
        self._is_exact = behaviour.hesitation == 0
        self._reads: deque[Beat] = deque()
        self._writes: deque[Beat] = deque()
        self._responses: deque[Beat] = deque()
        self._cycles_per_beat = Fraction(pace.beat_ticks, pace.cycle_ticks)
        self._next_read = self._next_write = Fraction(0)
        self._offered: int | None = None  # the cycle from which the coming beat counts as offered
        self._write_moved = -2  # the cycle of the newest beat of write data
        self._writes_first = False  # as write data was offered in the cycle before
        self._held = 0
        self.error_address = 0
        self.crossed = {"ar": 0, "r": 0, "aw": 0, "w": 0, "b": 0}
        self.stood_still = dict.fromkeys(
            self.crossed, 0
        )  # idle cycles in which it could have moved

    @property
    def is_idle(self) -> bool:
        return not (self._reads or self._writes or self._responses)

    def step(self, cycle: int, bus: dict[str, int]) -> None:
        """Check one cycle; `bus` has the value of every signal."""
        self._answer("r", cycle, bus, self._reads, self._next_read)
        self._answer("b", cycle, bus, self._responses, Fraction(0))
        held = [self._is_held(channel, bus) for channel in ("ar", "aw")]
        for channel, is_held in zip(("ar", "aw"), held, strict=True):
            self._address(channel, cycle, bus, is_held)
        self._held += any(held)
        self._write(cycle, bus)
        self._writes_first = self._pace.shared and bool(bus["wvalid"]) and bool(self._writes)

    def _answer(
        self, channel: str, cycle: int, bus: dict[str, int], beats: deque[Beat], earliest: Fraction
    ) -> None:
        may_come = bool(beats) and max(Fraction(beats[0].due), earliest) <= cycle
        may_come &= channel == "b" or not self._writes_first
        if not bus[f"{channel}valid"]:
            assert not (may_come and self._is_exact), f"no {channel} in cycle {cycle}"
            self.stood_still[channel] += may_come
            return
        assert may_come, f"{channel} in cycle {cycle}"
        beat = beats.popleft()
        is_read = channel == "r"
        behaviour = self._behaviour
        wrong = behaviour.read_error_at if is_read else behaviour.write_error_at
        is_wrong = self.crossed[channel] == wrong
        if is_wrong:
            self.error_address = beat.address if is_read else beat.burst
        assert bus[f"{channel}resp"] == (behaviour.error if is_wrong else OKAY), cycle
        assert bus[f"{channel}id"] == beat.identity, cycle
        if is_read:
            word = self.data[beat.address : beat.address + WORD_BYTES]
            assert bus["rdata"] == int.from_bytes(word, "little"), cycle
            assert bus["rlast"] == beat.is_last, cycle
            self._next_read = self._end_of_beat(self._next_read, beat.due, cycle)
            if self._pace.shared:
                self._next_write = self._next_read
        self.crossed[channel] += 1

    def _end_of_beat(self, free: Fraction, due: int, cycle: int) -> Fraction:
        """Return the end of a beat in a cycle; it was due in another, the one before ended then."""
        time = max(free, Fraction(due))
        return (time if ceil(time) == cycle else cycle) + self._cycles_per_beat

    def _is_held(self, channel: str, bus: dict[str, int]) -> bool:
        behaviour = self._behaviour
        is_there = bus[f"{channel}addr"] == behaviour.held_address
        return bool(bus[f"{channel}valid"]) and is_there and self._held < behaviour.held_cycles

    def _address(self, channel: str, cycle: int, bus: dict[str, int], is_held: bool) -> None:
        if not bus[f"{channel}valid"]:
            return
        accepted = bool(bus[f"{channel}ready"])
        assert not (accepted and is_held), cycle
        assert accepted or is_held or not self._is_exact, f"{channel} waits in cycle {cycle}"
        self.stood_still[channel] += not accepted
        if accepted:
            self.crossed[channel] += 1
            last = bus[f"{channel}len"]
            beats = self._reads if channel == "ar" else self._writes
            beats += [
                Beat(
                    bus[f"{channel}addr"] + index * WORD_BYTES,
                    bus[f"{channel}addr"],
                    bus[f"{channel}id"],
                    index == last,
                    cycle + self._pace.latency,
                )
                for index in range(last + 1)
            ]

    def _write(self, cycle: int, bus: dict[str, int]) -> None:
        if not bus["wvalid"]:
            return
        if self._offered is None:
            follows = self._write_moved == cycle - 1  # and could not be offered before
            self._offered = cycle - follows
        may_cross = bool(self._writes) and self._next_write <= cycle
        if not bus["wready"]:
            assert not (may_cross and self._is_exact), f"w waits in cycle {cycle}"
            self.stood_still["w"] += may_cross
            return
        assert may_cross, f"w in cycle {cycle}"
        beat = self._writes.popleft()
        self.crossed["w"] += 1
        self._next_write = self._end_of_beat(self._next_write, self._offered, cycle)
        if self._pace.shared:
            self._next_read = self._next_write
        self._offered = None
        self._write_moved = cycle
        if bus["wstrb"]:
            word = bus["wdata"].to_bytes(WORD_BYTES, "little")
            self.data[beat.address : beat.address + WORD_BYTES] = word
        if beat.is_last:
            self._responses.append(beat._replace(due=cycle + self._pace.latency))


class Manager:
    """Offers random legal bursts, and holds each offer until it is accepted."""

    def __init__(self, draw: random.Random):
        self._draw = draw
        self._offered: dict[str, dict[str, int]] = {"ar": {}, "aw": {}, "w": {}}
        self._owed: deque[bool] = (
            deque()
        )  # for each beat of write data: True if it is its burst's last
        self._unanswered = {"ar": 0, "aw": 0}

    @property
    def is_idle(self) -> bool:
        return not (self._owed or any(self._offered.values()))

    def inputs(self, eagerness: float) -> dict[str, int]:
        """Return the inputs of the next cycle; with eagerness 0 no new burst is offered."""
        draw = self._draw
        for channel, first in (("ar", 0), ("aw", FEATURES_BASE)):
            may_offer = not self._offered[channel] and self._unanswered[channel] < OUTSTANDING
            if may_offer and draw.random() < eagerness:
                self._offered[channel] = self._burst(channel, first)
        may_write = self._owed and not self._offered["w"]
        if may_write and (eagerness == 0 or draw.random() < eagerness):
            self._offered["w"] = {
                "wvalid": 1,
                "wdata": draw.getrandbits(8 * WORD_BYTES),
                "wstrb": draw.choice((0, EVERY_BYTE, EVERY_BYTE)),
                "wlast": self._owed.popleft(),
            }
        return self._offered["ar"] | self._offered["aw"] | self._offered["w"]

    def _burst(self, channel: str, first: int) -> dict[str, int]:
        draw = self._draw
        start = draw.randrange(first, SIZE_BYTES, WORD_BYTES)
        most = min(BURST_BEATS, (WINDOW_BYTES - start % WINDOW_BYTES) // WORD_BYTES)
        beats = draw.randint(1, most)
        self._unanswered[channel] += 1
        if channel == "aw":
            self._owed += [index == beats - 1 for index in range(beats)]
        values = {"valid": 1, "addr": start, "len": beats - 1, "id": draw.randrange(2)}
        return {f"{channel}{name}": value for name, value in values.items()}

    def settle(self, bus: dict[str, int]) -> None:
        """Record the transfers of this cycle."""
        for channel in self._offered:
            if bus[f"{channel}valid"] and bus[f"{channel}ready"]:
                self._offered[channel] = {}
        self._unanswered["ar"] -= bus["rvalid"] and bus["rlast"]
        self._unanswered["aw"] -= bus["bvalid"]


async def exchange(dut: Any, pace: Pace, behaviour: Behaviour) -> Expected:
    """Let random bursts pass; compare every cycle, and at the end all of memory and all counts."""
    draw = random.Random(seed_of("traffic"))
    contents = Contents(bytearray(draw.randbytes(SIZE_BYTES)), pace, RULES)
    memory = await reset(dut, contents, behaviour)
    expected, manager = Expected(pace, behaviour, bytearray(contents.data)), Manager(draw)
    eagerness = [share for share in PHASES for _ in range(PHASE_CYCLES)]
    for cycle in range(len(eagerness) + ENDING_CYCLES):
        offer(dut, manager.inputs(eagerness[cycle] if cycle < len(eagerness) else 0))
        await ReadOnly()
        bus = {name: value(dut, name) for name in (*IDLE, *OUTPUTS)}
        expected.step(cycle, bus)
        manager.settle(bus)
        await FallingEdge(dut.clk)
        if cycle >= len(eagerness) and manager.is_idle and expected.is_idle:
            break
    assert memory.is_quiet()
    assert memory.violation is Violation.NONE
    counts = {"ar": "read_bursts", "r": "read_beats", "aw": "write_bursts", "w": "write_beats"}
    assert {channel: memory.count(name) for channel, name in counts.items()} == {
        channel: expected.crossed[channel] for channel in counts
    }
    assert memory.error_address == expected.error_address
    assert await memory.dump() == expected.data
    return expected


@cocotb.test()
@cocotb.parametrize(
    pace=[(1, 1, 1), (60, 1, 1), (60, 1, 2), (7, 1, 4), (20, 4, 5), (7, 17, 80)],
    shared=[False, True],
)
async def keeps_its_time(dut: Any, pace: tuple[int, int, int], shared: bool) -> None:
    """Latency and pace are exact to the cycle, whether both directions share the pace or not."""
    latency, cycle_ticks, beat_ticks = pace
    own = Pace(
        size=SIZE_BYTES,
        latency=latency,
        cycle_ticks=cycle_ticks,
        beat_ticks=beat_ticks,
        shared=shared,
    )
    await exchange(dut, own, REFERENCE)


@cocotb.test()
async def keeps_a_pace_between_whole_cycles(dut: Any) -> None:
    """At 6.4 bytes per cycle, a long read has four beats of 8 bytes in every five cycles."""
    pace = Pace(size=SIZE_BYTES, latency=3, cycle_ticks=4, beat_ticks=5)
    await reset(dut, Contents(bytearray(SIZE_BYTES), pace, RULES))
    await drive(dut, arvalid=1, araddr=0, arlen=BURST_BEATS - 1)
    came = []
    for _ in range(2 + 5 * BURST_BEATS // 4):
        came.append(value(dut, "rvalid"))
        await drive(dut)
    assert came == [0, 0, *[1, 0, 1, 1, 1] * (BURST_BEATS // 4)]


@cocotb.test()
async def writes_at_a_pace_between_whole_cycles(dut: Any) -> None:
    """At 6.4 bytes per cycle, a long write that never pauses has as many beats as a long read."""
    pace = Pace(size=SIZE_BYTES, latency=3, cycle_ticks=4, beat_ticks=5)
    await reset(dut, Contents(bytearray(SIZE_BYTES), pace, RULES))
    await drive(dut, awvalid=1, awaddr=FEATURES_BASE, awlen=BURST_BEATS - 1)
    taken: list[int] = []
    for _ in range(5 * BURST_BEATS // 4):
        is_last = sum(taken) == BURST_BEATS - 1
        taken.append(value(dut, "wready"))
        await drive(dut, wvalid=1, wlast=int(is_last))
    assert taken == [1, 0, 1, 1, 1] * (BURST_BEATS // 4)


@cocotb.test()
async def hesitates(dut: Any) -> None:
    """Every channel pauses in about the share of the cycles that was asked for."""
    behaviour = hesitant(seed_of("hesitation"))
    expected = await exchange(dut, PACE, behaviour)
    for channel, moved in expected.crossed.items():
        stood = expected.stood_still[channel]
        assert 0.8 < stood / (stood + moved) / (behaviour.hesitation / 1000) < 1.2, channel


@cocotb.test()
@cocotb.parametrize(
    behaviour=[
        Behaviour(read_error_at=0),
        Behaviour(read_error_at=1000, error=DECERR),
        Behaviour(write_error_at=0, error=DECERR),
        Behaviour(write_error_at=50),
    ]
)
async def answers_once_with_an_error(dut: Any, behaviour: Behaviour) -> None:
    """Exactly one beat or one response is an error, and `error_address` names it."""
    expected = await exchange(dut, PACE, behaviour)
    assert expected.error_address > 0


@cocotb.test()
@cocotb.parametrize(channel=["ar", "aw"])
async def holds_bursts_at_one_address(dut: Any, channel: str) -> None:
    """Bursts at the held address wait for the cycles asked for; other bursts pass at once."""
    behaviour = Behaviour(held_address=FEATURES_BASE, held_cycles=7)
    await reset(dut, Contents(bytearray(SIZE_BYTES), PACE, RULES), behaviour)
    other = "aw" if channel == "ar" else "ar"
    for address, waits in ((FEATURES_BASE + WORD_BYTES, 0), (FEATURES_BASE, 7), (FEATURES_BASE, 0)):
        inputs = {f"{channel}valid": 1, f"{channel}addr": address}
        for cycle in range(waits + 1):
            offer(dut, inputs)
            await ReadOnly()
            assert value(dut, f"{channel}ready") == (cycle == waits), (address, cycle)
            assert value(dut, f"{other}ready")
            await FallingEdge(dut.clk)


@cocotb.test()
async def stops_answering(dut: Any) -> None:
    memory = await reset(dut, Contents(bytearray(SIZE_BYTES), PACE, RULES))
    await drive(dut, arvalid=1, araddr=0, awvalid=1, awaddr=FEATURES_BASE, wvalid=1, wlast=1)
    memory.stop_answering()
    await drive(dut)
    for _ in range(4 * PACE.latency):
        assert not any(value(dut, f"{name}ready") for name in ("ar", "aw", "w"))
        assert not any(value(dut, f"{name}valid") for name in ("r", "b"))
        await drive(dut)
    assert not memory.is_quiet()


@cocotb.test()
@cocotb.parametrize(way=["read", "write"])
async def is_quiet_between_bursts_only(dut: Any, way: str) -> None:
    """The memory is busy from the address until the cycle after the last accepted beat."""
    memory = await reset(dut, Contents(bytearray(SIZE_BYTES), PACE, RULES))
    assert memory.is_quiet()
    if way == "read":
        await drive(dut, arvalid=1, araddr=0)
    else:
        await drive(dut, awvalid=1, awaddr=FEATURES_BASE)
        for _ in range(3):
            assert not memory.is_quiet()
            await drive(dut)
        await drive(dut, wvalid=1, wlast=1)
    for _ in range(PACE.latency + 3):
        assert not memory.is_quiet()
        await drive(dut, rready=0, bready=0)
    await drive(dut)
    assert memory.is_quiet()


@cocotb.test()
async def begins_anew(dut: Any) -> None:
    """New contents may be shorter: bytes behind them read as 0, and all counts begin at 0."""
    memory = await reset(dut, Contents(bytearray(b"\xff" * SIZE_BYTES), PACE, RULES))
    assert await read_word(dut, SIZE_BYTES - WORD_BYTES, PACE.latency) == (1 << 8 * WORD_BYTES) - 1
    assert memory.count("read_beats") == 1
    half = bytearray(b"\x77" * (SIZE_BYTES // 2))
    await memory.load_contents(Contents(half, PACE.model_copy(update={"size": len(half)}), RULES))
    assert memory.count("read_beats") == 0
    assert memory.bins == set()
    assert await read_word(dut, len(half) - WORD_BYTES, PACE.latency) == 0x7777777777777777
    assert await read_word(dut, len(half), PACE.latency) == 0
    assert await memory.dump() == half
