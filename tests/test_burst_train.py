"""The closed form of a load's bursts equals a simulation of them one by one."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from hwsim.arch import pipeline
from hwsim.timeline.burst_train import BurstTrain, Pace


@st.composite
def trains(draw: st.DrawFn) -> tuple[BurstTrain, list[tuple[int, int, int]], list[int]]:
    """Draw a train, each burst's cycles of address, first and last beat, and earlier answers."""
    pace = Pace(
        draw(st.integers(1, 200)), draw(st.integers(2, 9)), draw(st.sampled_from([1, 2, 4]))
    )
    beats = draw(st.integers(1, 20))
    bursts = draw(st.integers(1, 70))
    last_beats = draw(st.integers(1, beats))
    # The bursts before the train, with some distance between them.
    gaps = draw(st.lists(st.integers(1, 40), min_size=pace.outstanding, max_size=pace.outstanding))
    answered = [cycle - pipeline.READ_SLOT for cycle in accumulate(gaps)]
    free = answered[-1] + pace.cycles_per_beat
    first = draw(st.integers(0, free + 50))
    lengths = [beats * pace.cycles_per_beat] * (bursts - 1) + [last_beats * pace.cycles_per_beat]
    train = BurstTrain(pace, bursts, lengths[0], lengths[-1], first, free, answered)

    followed: list[tuple[int, int, int]] = []
    done, address = list(answered), first - 1
    for length in lengths:
        address = max(address + 1, done[-pace.outstanding] + pipeline.READ_SLOT)
        start = max(address + pace.latency_cycles, done[-1] + pace.cycles_per_beat)
        done.append(start + length - pace.cycles_per_beat)
        followed.append((address, start, done[-1]))
    return train, followed, answered


@given(trains())
def test_every_burst_is_where_it_is_when_followed(
    drawn: tuple[BurstTrain, list[tuple[int, int, int]], list[int]],
) -> None:
    train, followed, answered = drawn
    for number, (address, start, _) in enumerate(followed):
        assert (train.address(number), train.start(number)) == (address, start), number
    lasts = [last for _, _, last in followed]
    assert train.answered(answered) == [*answered, *lasts][-len(answered) :]


def test_average_lengths_add_up_to_whole_cycles() -> None:
    """Consecutive rows of 34 beats, three bursts each, take a whole number of cycles."""
    train = BurstTrain(Pace(1, 8, 1), 30, 34 / 3, 34 / 3, 0, 98_341, [0] * 8)
    ends = [train.end(3 * row) for row in range(1, 11)]
    assert ends == [98_341 + 34 * row for row in range(1, 11)]
