"""The timeline's history of a long program is compact, complete, and dropped in time."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.arch.config import load_config
from hwsim.compiler import compile_graph
from hwsim.frontends.builtin import build_network
from hwsim.isa.fields import Destination
from hwsim.timeline import pieces as pieces_module
from hwsim.timeline import time_program
from hwsim.timeline.events import EventLog, LoadEvent
from hwsim.timeline.pieces import Pieces
from hwsim.timeline.releases import Releases

events = st.builds(
    LoadEvent,
    stage=st.integers(0, 9),
    destination=st.sampled_from(Destination),
    first_cycle=st.integers(0, 2**40),
    last_cycle=st.integers(0, 2**40),
    beats=st.integers(0, 2**24),
)


@given(st.lists(events, min_size=1), events, st.slices(10))
def test_a_log_gives_back_the_events_that_it_was_given(
    given_events: list[LoadEvent], other: LoadEvent, part: slice
) -> None:
    log: EventLog[LoadEvent] = EventLog(LoadEvent)
    for event in given_events:
        log.add(event)
    assert list(log) == given_events
    assert len(log) == len(given_events)
    assert log[-1] == given_events[-1]
    assert log[part] == given_events[part]
    log.replace_last(other)
    assert list(log) == [*given_events[:-1], other]
    assert log[-1].destination is other.destination


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 40)), min_size=1, max_size=60))
def test_pieces_are_found_until_they_are_dropped(counts: list[tuple[int, int]]) -> None:
    """Pieces at or above the bound are found, even if few pieces below it were dropped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces_module, "FEW", 3)
        found: Pieces[int] = Pieces()
        owners = [0]  # the piece that owns each number
        ends: list[int] = []
        bound = 0
        for index, (count, behind) in enumerate(counts):
            found.add(count, index)
            owners += [index] * count
            ends.append(len(owners) - 1)
            bound = max(bound, found.total - behind)
            found.drop(bound)
            for number in range(max(1, bound), found.total + 1):
                assert found.find(number) == (ends[owners[number]], owners[number])
            assert found.last() == (found.total, index)


def test_releases_are_kept_as_far_back_as_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pieces_module, "FEW", 3)
    releases = Releases(kept_words=10)
    for released in range(1, 200):
        releases.add(1, released, released, block_words=1)
        for back in range(10):
            assert releases.cycle(released - back) == max(0, released - back)
    with pytest.raises(AssertionError, match="dropped"):
        releases.cycle(1)


def test_words_leave_a_block_at_a_time() -> None:
    """Three blocks of four words begin in cycles 10, 20 and 30; a lone block behind them in 50."""
    releases = Releases(kept_words=100)
    releases.add(12, 10, 30, block_words=4)
    releases.add(3, 50, 50, block_words=3)
    found = [releases.cycle(count) for count in range(1, 16)]
    assert found == [10, 11, 12, 13, 20, 21, 22, 23, 30, 31, 32, 33, 50, 51, 52]
    assert releases.cycle(0) == 0


def test_a_timeline_takes_little_memory_per_descriptor() -> None:
    """A timeline takes little memory per descriptor, although it has all events to show."""
    program = compile_graph(build_network("condensation-net", k=8), load_config("nano"))
    tracemalloc.start()
    timeline = time_program(program)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    count = len(program.descriptors)
    events = len(timeline.tiles) + len(timeline.loads) + len(timeline.stores)
    assert events == count  # END is none, the fetch of the first page is one
    assert held < 80 * count
    assert peak < 200 * count
