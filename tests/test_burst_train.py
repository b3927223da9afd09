"""The closed form of a load's bursts equals a simulation of them one by one."""

from collections.abc import Sequence
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from hwsim.arch import pipeline
from hwsim.timeline.burst_train import BurstTrain, Pace

Followed = list[tuple[int, int, int]]  # each burst's cycles of address, first and last beat
Drawn = tuple[BurstTrain, Followed, list[int]]


@st.composite
def surroundings(draw: st.DrawFn) -> tuple[Pace, list[int], int, int]:
    """Draw a pace, the last beats of the bursts before, and the first cycles of a train."""
    pace = Pace(
        draw(st.integers(1, 200)), draw(st.integers(2, 9)), draw(st.sampled_from([1, 2, 4]))
    )
    # The bursts before the train, with some distance between them.
    gaps = draw(st.lists(st.integers(1, 40), min_size=pace.outstanding, max_size=pace.outstanding))
    answered = [cycle - pipeline.READ_SLOT for cycle in accumulate(gaps)]
    free = answered[-1] + pace.cycles_per_beat
    return pace, answered, free, draw(st.integers(0, free + 50))


def follow(pace: Pace, lengths: Sequence[int], first: int, answered: Sequence[int]) -> Followed:
    """Return the bursts of a train one by one, by the rules of the bus alone."""
    followed: Followed = []
    done, address = list(answered), first - 1
    for length in lengths:
        address = max(address + 1, done[-pace.outstanding] + pipeline.READ_SLOT)
        start = max(address + pace.latency_cycles, done[-1] + pace.cycles_per_beat)
        done.append(start + length - pace.cycles_per_beat)
        followed.append((address, start, done[-1]))
    return followed


@st.composite
def trains(draw: st.DrawFn) -> Drawn:
    """Draw a train of equal bursts but for the last one, its bursts one by one, earlier answers."""
    pace, answered, free, first = draw(surroundings())
    beats = draw(st.integers(1, 20))
    bursts = draw(st.integers(1, 70))
    last_beats = draw(st.integers(1, beats))
    lengths = [beats * pace.cycles_per_beat] * (bursts - 1) + [last_beats * pace.cycles_per_beat]
    train = BurstTrain(pace, bursts, lengths[0], lengths[-1], first, free, answered)
    return train, follow(pace, lengths, first, answered), answered


@st.composite
def unequal_trains(draw: st.DrawFn) -> Drawn:
    """Draw a train of several burst runs, each of which ends with a shorter burst, or of any."""
    pace, answered, free, first = draw(surroundings())
    of_a_run = st.builds(
        lambda beats, count, last, runs: ([beats] * count + [min(last, beats)]) * runs,
        st.integers(1, 20),
        st.integers(1, 5),
        st.integers(1, 20),
        st.integers(1, 12),
    )
    beats = draw(of_a_run | st.lists(st.integers(1, 20), min_size=1, max_size=64))
    lengths = [each * pace.cycles_per_beat for each in beats]
    average = sum(lengths) / len(lengths)
    train = BurstTrain(pace, len(lengths), average, average, first, free, answered, lengths)
    return train, follow(pace, lengths, first, answered), answered


@given(trains() | unequal_trains())
def test_every_burst_is_where_it_is_when_followed(drawn: Drawn) -> None:
    train, followed, answered = drawn
    for number, (address, start, _) in enumerate(followed):
        assert (train.address(number), train.start(number)) == (address, start), number
    assert train.has_gaps or all(train.start(n) == train.end(n) for n in range(1, len(followed)))
    lasts = [last for _, _, last in followed]
    assert train.answered(answered) == [*answered, *lasts][-len(answered) :]


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
