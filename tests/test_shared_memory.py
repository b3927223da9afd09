"""The timeline of a memory whose directions share its bandwidth; the Verilog is its judge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.arch import pipeline
from hwsim.compiler import compile_graph
from hwsim.flows.configuration import configuration
from hwsim.frontends.builtin import build_network
from hwsim.isa.descriptor import Load
from hwsim.isa.fields import Destination
from hwsim.timeline import Timeline, time_program
from hwsim.timeline.burst_train import BurstTrain, Pace
from hwsim.timeline.read_channel import ReadChannel
from hwsim.timeline.shared_read_channel import SharedReadChannel
from hwsim.timeline.writes import MOST_KEPT, Writes

FOREVER = 10_000


@st.composite
def timetables(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Draw the beginnings and ends of writes, some of which follow each other at once."""
    time, found = 0, []
    for gap, length in draw(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20)))):
        found.append((time + gap, time + gap + length))
        time += gap + length
    return found


@given(timetables(), st.integers(0, 400), st.integers(1, 60))
def test_a_read_takes_the_ticks_that_no_write_takes(
    timetable: list[tuple[int, int]], start: int, length: int
) -> None:
    writes = Writes()
    for begin, end in timetable:
        writes.add(begin - 1, begin, end)
    taken = {tick for begin, end in timetable for tick in range(begin, end)}
    free = [tick for tick in range(start, FOREVER) if tick not in taken]
    assert writes.around(start, length) == (free[0], free[length] - free[0])
    assert writes.go_on_behind(start) == any(end > start for _, end in timetable)


def burst(writes: Writes | None, address: int, beats: int, free: int = 0) -> BurstTrain:
    """Return a burst of beats of four ticks, three of which make a cycle."""
    pace = Pace(latency_cycles=10, outstanding=2, beat_ticks=4, cycle_ticks=3)
    return BurstTrain(pace, 1, 4 * beats, 4 * beats, address, free, [-9, -9], writes=writes)


@pytest.mark.parametrize(
    ("begin", "end"),
    [(29, 57), (30, 58), (31, 58), (34, 58), (35, 58), (37, 58), (38, 42), (39, 42), (41, 42)],
)
def test_a_write_that_is_known_first_waits_for_a_beat_that_has_begun(begin: int, end: int) -> None:
    """Three beats begin at 30, 34 and 38; the last one is read before a write that is offered then.

    A write of 16 ticks in front of the first beat, or between two, delays those that follow.
    """
    writes = Writes()
    writes.add(begin, begin, begin + 16)
    assert burst(writes, address=0, beats=3).end(1) == end


def test_a_read_behind_a_write_that_waited_for_a_beat_waits_for_its_later_end() -> None:
    writes = Writes()
    writes.add(40, 40, 56)
    alone = burst(writes, address=0, beats=3)
    assert alone.end(1) == 42
    assert burst(writes, address=4, beats=1, free=alone.end(1)).first_beat == 42 + 16


def test_only_old_writes_are_forgotten() -> None:
    writes = Writes()
    for number in range(10 * MOST_KEPT):
        writes.add(10 * number, 10 * number, 10 * number + 5)
    newest = 10 * (10 * MOST_KEPT - 1)
    for back in range(MOST_KEPT):
        begin = newest - 10 * back
        assert writes.around(begin + 1, 1) == (begin + 5, 1)


def channel(reading: bool) -> SharedReadChannel:
    """Return a channel of 2.5 cycles per beat, whose first load reads from cycle 103 on, or none.

    The first page is read from then on until tick 2 x 103 + 16 x 4 x 5.
    """
    config = configuration("edge", memory="latency=100,bandwidth=6.4,shared")
    own = SharedReadChannel(config, [], [])
    if reading:
        own.first_page()
    return own


def test_a_write_waits_for_the_end_of_a_beat() -> None:
    """A beat takes five ticks. Nothing waits where nothing is read."""
    begin = channel(reading=True).events
    assert len(begin) == 1
    first = 2 * begin[0].first_cycle
    offers = [first + ticks for ticks in (-1, 0, 1, 4, 5)]
    begins = [channel(reading=True).write(offered, 0, 5) - first for offered in offers]
    assert begins == [-1, 5, 5, 5, 10]
    assert channel(reading=False).write(first, 0, 5) == first
    assert channel(reading=True).write(first, first + 2, 5) == first + 2  # behind a write


def test_loads_that_follow_a_write_go_around_it() -> None:
    alone = channel(reading=True).events[0]
    own = channel(reading=False)
    assert own.write(2 * alone.first_cycle + 10, 0, 50) == 2 * alone.first_cycle + 10
    own.first_page()
    assert own.events[0].first_cycle == alone.first_cycle
    assert own.events[0].last_cycle == alone.last_cycle + 25


def test_loads_that_are_timed_already_end_later_by_the_time_of_a_write() -> None:
    """The second page comes as long after the first one as the write takes."""
    own = channel(reading=True)
    own.write(2 * own.events[0].first_cycle + 5, 0, 50)
    own.first_page()
    assert own.events[1].first_cycle == own.events[0].last_cycle + 25


def loaded(kind: Destination, offered: int, timed_before: bool) -> list[int]:
    """Return when the parts of a load are there, and the next load, beside one write.

    Two bursts at most are unanswered, so that the bus pauses in between.
    """
    settings = {"bus.outstanding_reads": 2, "bus.burst_beats": 16}
    config = configuration("edge", memory="latency=100,bandwidth=6.4,shared", settings=settings)
    own = SharedReadChannel(config, [], [])
    words, blocks = (64, 1) if kind == Destination.PROGRAM else (16, 4)
    load = Load.single_run(kind, 0, words)._replace(blocks=blocks, block_stride_bytes=512)
    own.add(load, delivered=0, stage=0)
    own.add(Load.single_run(Destination.FEATURES, 0, 16), delivered=0, stage=0)
    if timed_before:
        own.popped_cycle(0)
    own.write(offered, 0, 50)
    if kind == Destination.PROGRAM:
        found = [own.next_descriptor_cycle() for _ in range(16)]
    else:
        found = [own.chunk_cycle(number) for number in range(1, 5)]
    own.finish()
    first, second = own.events
    return [*found, first.first_cycle, first.last_cycle, second.first_cycle, second.last_cycle]


@pytest.mark.parametrize("kind", [Destination.PROGRAM, Destination.FEATURES])
def test_a_write_is_the_same_to_a_load_that_is_timed_already(kind: Destination) -> None:
    late = [loaded(kind, offered, timed_before=True) for offered in range(150, 700, 7)]
    assert late == [loaded(kind, offered, timed_before=False) for offered in range(150, 700, 7)]
    assert len({tuple(times) for times in late}) > 10, "the write is felt"


@pytest.mark.parametrize("bandwidth", ["8", "3.2", "1.7", "1"])
@pytest.mark.parametrize("network", ["tiny-yolov2-mini", "condensation-net-mini"])
def test_the_memory_has_one_beat_at_a_time(network: str, bandwidth: str) -> None:
    def timed(memory: str) -> Timeline:
        graph = build_network(network)
        return time_program(compile_graph(graph, configuration("nano", memory=memory)))

    apart = timed(f"latency=40,bandwidth={bandwidth}")
    shared = timed(f"latency=40,bandwidth={bandwidth},shared")
    beats = sum(event.beats for event in shared.loads) + sum(event.beats for event in shared.stores)
    written = sum(event.last_cycle - event.first_cycle for event in apart.stores)
    assert beats * shared.config.cycles_per_beat <= shared.cycles
    assert apart.cycles <= shared.cycles <= 1.01 * (apart.cycles + written)


def test_every_load_is_timed_once() -> None:
    config = configuration("edge", memory="latency=40,bandwidth=3.2,shared")
    program = compile_graph(build_network("tiny-yolov2-mini"), config)
    loads = [each for each in program.descriptors if isinstance(each, Load)]
    events = time_program(program).loads
    assert [Destination(load.destination) for load in loads] == [
        event.destination for event in events
    ][1:]


@pytest.mark.parametrize(
    ("memory", "bus_bits", "cycles"),
    [
        ("latency=80,bandwidth=6.4", 128, 36_300),
        ("latency=80,bandwidth=6.4,shared", 128, 36_310),
        ("latency=60,bandwidth=8", 64, 33_245),
        ("latency=20,bandwidth=3.2,shared", 64, 53_347),
    ],
)
def test_the_timeline_has_the_cycles_of_the_verilog(
    memory: str, bus_bits: int, cycles: int
) -> None:
    """The cycles are the Verilog's: hwsim verify tiny-yolov2-mini --set ... --memory ..."""
    settings = {"bus.bus_bits": bus_bits, "array.rescale_lanes": 4}
    config = configuration("edge", memory=memory, settings=settings)
    program = compile_graph(build_network("tiny-yolov2-mini"), config)
    assert time_program(program).cycles == cycles


@pytest.mark.parametrize("bus_bits", [32, 64, 128])
def test_a_word_is_there_with_its_last_beat(bus_bits: int) -> None:
    """A descriptor has 64 bytes; the bus moves a beat per cycle."""
    settings = {"bus.bus_bits": bus_bits, "bus.burst_beats": 64}
    config = configuration("edge", memory="latency=100,bandwidth=16", settings=settings)
    own = ReadChannel(config, [], [])
    own.first_page()
    last_beat = own.events[0].first_cycle + 64 * 8 // bus_bits - 1
    assert own.next_descriptor_cycle() == last_beat + pipeline.LOAD_VISIBLE
