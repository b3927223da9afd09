"""The closed form of a load's bursts equals a simulation of them one by one."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsim.arch import pipeline
from hwsim.timeline.burst_train import BurstTrain, Pace

# Each burst's cycle of its address, the time of its first beat, and the cycle of its last beat.
Followed = list[tuple[int, int, int]]
Drawn = tuple[BurstTrain, Followed, list[int]]
WHOLE_CYCLES = ((1, 1), (2, 1), (4, 1))  # the ticks of a beat and of a cycle
PARTS_OF_CYCLES = ((5, 4), (5, 2), (80, 17), (16000, 1001))


@st.composite
def surroundings(
    draw: st.DrawFn, ticks: Sequence[tuple[int, int]]
) -> tuple[Pace, list[int], int, int]:
    """Draw a pace, the last beats of the bursts before, and the beginning of a train."""
    pace = Pace(draw(st.integers(1, 200)), draw(st.integers(2, 9)), *draw(st.sampled_from(ticks)))
    # The bursts before the train, with some distance between them.
    gaps = draw(st.lists(st.integers(1, 40), min_size=pace.outstanding, max_size=pace.outstanding))
    answered = [cycle - pipeline.READ_SLOT for cycle in accumulate(gaps)]
    free = answered[-1] * pace.cycle_ticks + pace.beat_ticks
    free -= draw(st.integers(0, pace.cycle_ticks - 1))  # the last beat may begin within a cycle
    return pace, answered, free, draw(st.integers(0, pace.cycle(free) + 50))


def follow(
    pace: Pace, lengths: Sequence[int], first: int, free: int, answered: Sequence[int]
) -> Followed:
    """Return the bursts of a train one by one, by the rules of the bus alone."""
    followed: Followed = []
    done, address = list(answered), first - 1
    for length in lengths:
        address = max(address + 1, done[-pace.outstanding] + pipeline.READ_SLOT)
        start = max((address + pace.latency_cycles) * pace.cycle_ticks, free)
        free = start + length
        done.append(ceil(Fraction(free - pace.beat_ticks, pace.cycle_ticks)))
        followed.append((address, start, done[-1]))
    return followed


@st.composite
def trains(draw: st.DrawFn, ticks: Sequence[tuple[int, int]] = WHOLE_CYCLES) -> Drawn:
    """Draw a train of equal bursts but for the last one, its bursts one by one, earlier answers."""
    pace, answered, free, first = draw(surroundings(ticks))
    beats = draw(st.integers(1, 20))
    bursts = draw(st.integers(1, 70))
    last_beats = draw(st.integers(1, beats))
    lengths = [beats * pace.beat_ticks] * (bursts - 1) + [last_beats * pace.beat_ticks]
    train = BurstTrain(pace, bursts, lengths[0], lengths[-1], first, free, answered)
    return train, follow(pace, lengths, first, free, answered), answered


@st.composite
def unequal_trains(draw: st.DrawFn, ticks: Sequence[tuple[int, int]] = WHOLE_CYCLES) -> Drawn:
    """Draw a train of several burst runs, each of which ends with a shorter burst, or of any."""
    pace, answered, free, first = draw(surroundings(ticks))
    of_a_run = st.builds(
        lambda beats, count, last, runs: ([beats] * count + [min(last, beats)]) * runs,
        st.integers(1, 20),
        st.integers(1, 5),
        st.integers(1, 20),
        st.integers(1, 12),
    )
    beats = draw(of_a_run | st.lists(st.integers(1, 20), min_size=1, max_size=64))
    lengths = [each * pace.beat_ticks for each in beats]
    average = sum(lengths) / len(lengths)
    train = BurstTrain(pace, len(lengths), average, average, first, free, answered, lengths)
    return train, follow(pace, lengths, first, free, answered), answered


@given(trains() | unequal_trains())
def test_every_burst_is_where_it_is_when_followed(drawn: Drawn) -> None:
    train, followed, answered = drawn
    for number, (address, start, _) in enumerate(followed):
        assert (train.address(number), train.start(number)) == (address, start), number
    assert train.has_gaps or all(train.start(n) == train.end(n) for n in range(1, len(followed)))
    lasts = [last for _, _, last in followed]
    assert train.answered(answered) == [*answered, *lasts][-len(answered) :]


@settings(max_examples=300, deadline=None)
@given(trains(PARTS_OF_CYCLES) | unequal_trains(PARTS_OF_CYCLES))
def test_every_burst_is_where_it_is_at_a_pace_between_whole_cycles(drawn: Drawn) -> None:
    """Some rounds are exact; behind them, no burst is more cycles off than a round has bursts."""
    train, followed, answered = drawn
    exact = 4 * len(answered)
    most = len(answered)
    for number, (address, start, _) in enumerate(followed):
        found = train.address(number), train.start(number)
        assert number >= exact or found == (address, start), number
        assert abs(found[0] - address) <= most, number
        assert abs(found[1] - start) <= most * train.pace.cycle_ticks, number
    lasts = [last for _, _, last in followed]
    known = [*answered, *lasts][-len(answered) :]
    assert all(abs(a - b) <= most for a, b in zip(train.answered(answered), known, strict=True))


def test_average_lengths_add_up_to_whole_cycles() -> None:
    """Consecutive rows of 34 beats, three bursts each, take a whole number of cycles."""
    train = BurstTrain(Pace(1, 8, 1), 30, 34 / 3, 34 / 3, 0, 98_341, [0] * 8)
    rows = range(1, 10)
    assert [train.end(3 * row) for row in rows] == [98_341 + 34 * row for row in rows]
    assert [train.start(3 * row) for row in rows] == [98_341 + 34 * row for row in rows]


def test_an_answer_in_a_whole_cycle_frees_its_place_in_that_cycle() -> None:
    """The rows of 34 beats end in whole cycles, which a sum of thirds may just miss."""
    train = BurstTrain(Pace(107, 8, 1), 16, 34 / 3, 34 / 3, 0, 31_816, [31_815] * 8)
    last_beats = [train.first_beat + 34 * row - 1 for row in (1, 2)]
    waiting = [train.address(8 + last) for last in (2, 5)]  # each for a row's last burst
    assert waiting == [beat + pipeline.READ_SLOT for beat in last_beats]


def test_a_late_answer_from_before_makes_a_gap() -> None:
    answered = [0, 40, *range(41, 48)]
    train = BurstTrain(Pace(39, 9, 1), 9, 5, 5, 0, 48, answered)
    assert [train.start(number) for number in (0, 1, 2)] == [48, 81, 86]
    assert train.has_gaps


def test_a_gap_may_first_be_in_the_third_round() -> None:
    """Answers come in whole cycles, and so in time for the second round, but not for the third."""
    train = BurstTrain(Pace(11, 2, 1), 6, 35 / 3, 35 / 3, 0, 100, [0, 0])
    assert [train.start(number) for number in range(6)] == [100, 111, 123, 135, 147, 158]
    assert train.has_gaps


@pytest.mark.parametrize("pace", [Pace(3, 2, 5, 2), Pace(1, 2, 5, 4)])
def test_answers_that_are_just_in_time_may_be_late_by_a_part_of_a_cycle(pace: Pace) -> None:
    """Bursts of one beat each: two of them take about as long as an answer does."""
    answered, bursts = [-100, -100], 60
    train = BurstTrain(pace, bursts, pace.beat_ticks, pace.beat_ticks, 0, 12, answered)
    followed = follow(pace, [pace.beat_ticks] * bursts, 0, 12, answered)
    assert [train.start(number) for number in range(bursts)] == [start for _, start, _ in followed]
