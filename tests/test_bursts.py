"""The timeline cuts loads into the bursts that AXI4 and the longest burst allow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.isa.descriptor import Load
from hwsim.isa.fields import Destination
from hwsim.timeline.bursts import Bursts, Cutter, longest_burst
from tests.drawn import preset_with

WORD_BYTES = 8
PAGE_WORDS = 4096 // WORD_BYTES


def cut_one_by_one(load: Load, longest: int) -> list[int]:
    """Return the words of each burst: a new one begins when one is full or a page of 4 KiB ends."""
    lengths: list[int] = []
    for block in range(load.blocks):
        for row in range(load.rows):
            first = load.address + block * load.block_stride_bytes + row * load.row_stride_bytes
            for word in range(load.row_words):
                is_new = (first // WORD_BYTES + word) % PAGE_WORDS == 0
                if word == 0 or is_new or lengths[-1] == longest:
                    lengths.append(0)
                lengths[-1] += 1
    return lengths


def a_load(address_words: int, words: int, rows: int = 1, blocks: int = 1, stride: int = 0) -> Load:
    single = Load.single_run(Destination.WEIGHTS, address_words * WORD_BYTES, words)
    return single._replace(
        rows=rows,
        row_stride_bytes=stride * WORD_BYTES,
        blocks=blocks,
        block_stride_bytes=rows * stride * WORD_BYTES,
    )


loads = st.builds(
    a_load, st.integers(0, 2000), st.integers(1, 700), st.integers(1, 4), st.integers(1, 3),
    st.integers(700, 900),
)  # fmt: skip


@given(loads, st.sampled_from([2, 4, 16, 32, 256]))
def test_bursts_are_full_but_at_the_ends_of_runs_and_pages(load: Load, burst_beats: int) -> None:
    cutter = Cutter(preset_with("nano", bus={"burst_beats": burst_beats}), most_followed=1 << 20)
    expected = cut_one_by_one(load, burst_beats)
    assert cutter.lengths(load) == expected
    bursts = cutter.cut(load)
    assert bursts.lengths == expected or bursts.lengths is None
    assert bursts.count == len(expected)
    skipped = (load.blocks - 1) * load.block_stride_bytes + (load.rows - 1) * load.row_stride_bytes
    last_run = a_load((load.address + skipped) // WORD_BYTES, load.row_words)
    if bursts.lengths:
        assert bursts.of_last_run == len(cut_one_by_one(last_run, burst_beats))


def test_a_page_may_end_within_a_later_run_alone() -> None:
    cutter = Cutter(preset_with("nano", bus={"burst_beats": 32}), most_followed=64)
    assert cutter.cut(a_load(0, 96, rows=2, stride=490)).lengths == [32, 32, 32, 22, 32, 32, 10]
    assert cutter.cut(a_load(0, 96, rows=2, stride=96)).lengths is None


@given(st.integers(0, 2000), st.integers(1, 900), st.booleans())
def test_places_of_words_follow_from_the_lengths(address: int, words: int, told: bool) -> None:
    load = a_load(address if told else 0, words)
    lengths = cut_one_by_one(load, 16)
    bursts = Bursts(16, 1, words, lengths if told else None)
    begin = 0
    for burst, length in enumerate(lengths):
        assert (bursts.begin(burst), bursts.end(burst)) == (begin, begin + length)
        assert bursts.place(begin) == (burst, 0)
        assert bursts.place(begin + length - 1) == (burst, length - 1)
        begin += length
    assert bursts.through(words) == bursts.count == len(lengths)


@pytest.mark.parametrize("rows", [1, 3])
def test_whole_runs_are_counted(rows: int) -> None:
    load = a_load(500, 40, rows=rows, blocks=2, stride=700)
    lengths = cut_one_by_one(load, 16)
    assert len(lengths) == 18 * rows // 3
    told = Bursts(16, 2 * rows, 40, lengths)
    of_block = len(cut_one_by_one(load._replace(blocks=1), 16))
    assert (told.through(40 * rows), told.through(80 * rows)) == (of_block, len(lengths))


def test_no_burst_is_longer_than_a_page() -> None:
    bus = {"bus_bits": 256, "burst_beats": 256}
    assert longest_burst(preset_with("mid", bus=bus)) == 4096 // 32
