"""The feature buffer returns words right after their writes, and holds a word that was read."""

from typing import Any

import numpy as np
import pytest

from hwsim.arch.config import FEATURE_BANKS
from hwsim.rtl.operands.feature_buffer import FeatureBuffer
from tests.drawn import preset_with
from tests.streams import Each, step

WORDS = 19  # banks of unequal sizes


@pytest.mark.parametrize("seed", range(3))
def test_reads_see_every_write_before_the_latency(seed: int) -> None:
    """Words of LOADs and of STOREs arrive, those of STOREs when they are taken."""
    config = preset_with("nano", buffers={"feature_bytes": 8 * WORDS})
    dut = FeatureBuffer(config)
    rng = np.random.default_rng(seed)
    memory = dict.fromkeys(range(WORDS), 0)
    writes: list[dict[int, int]] = [{}] * FeatureBuffer.WRITE_LATENCY
    answers = [0] * FeatureBuffer.READ_LATENCY
    offered: tuple[int, int] | None = None  # by a STORE
    waits = taken = 0

    def drive(ctx: Any, _cycle: int) -> None:
        nonlocal offered, waits, taken
        memory.update(arrived := writes.pop(0))  # from this cycle on
        written: dict[int, int] = {}
        if rng.random() < 0.6:
            written[int(rng.integers(WORDS))] = int(rng.integers(2**63))
        if offered is None and rng.random() < 0.6:
            free = [word for word in range(WORDS) if word not in written]
            offered = int(rng.choice(free)), int(rng.integers(2**63))
        for words, put in ((dut.loaded, next(iter(written.items()), None)), (dut.stored, offered)):
            ctx.set(words.valid, put is not None)
            if put is not None:
                ctx.set(words.payload.address, put[0])
                ctx.set(words.payload.data, put[1])
        if offered is not None:
            if any(word % FEATURE_BANKS == offered[0] % FEATURE_BANKS for word in written):
                waits += 1
            else:
                written[offered[0]] = offered[1]
                taken, offered = taken + 1, None
        writes.append(written)
        # Often a word just written; a word that is being written has no defined value.
        just = next(iter(arrived), None)
        wanted = int(rng.integers(WORDS)) if just is None or rng.random() < 0.5 else just
        on_its_way = {word for words in writes for word in words}
        read = wanted not in on_its_way and bool(rng.random() < 0.7)
        ctx.set(dut.read.enable, read)
        ctx.set(dut.read.address, wanted)
        answers.append(memory[wanted] if read else answers[-1])

    def sample(ctx: Any, _cycle: int) -> None:
        assert ctx.get(dut.read.data) == answers.pop(0)
        if ctx.get(dut.stored.valid):
            assert ctx.get(dut.stored.ready) == (offered is None)

    step(dut, [Each(drive, sample)], lambda: True, 1500)
    assert min(waits, taken) > 100


@pytest.mark.parametrize("first", range(FEATURE_BANKS))
def test_a_stream_of_loaded_words_holds_one_of_stored_words_up_once(first: int) -> None:
    """A STORE and a LOAD at one word per cycle share the buffer, wherever both begin."""
    dut = FeatureBuffer(preset_with("nano"))
    cycles = 0
    place = first

    def drive(ctx: Any, cycle: int) -> None:
        ctx.set(dut.loaded.valid, 1)
        ctx.set(dut.loaded.payload.address, 100 + cycle)
        ctx.set(dut.stored.valid, 1)
        ctx.set(dut.stored.payload.address, place)

    def sample(ctx: Any, _cycle: int) -> None:
        nonlocal cycles, place
        cycles += 1
        place += ctx.get(dut.stored.ready)

    step(dut, [Each(drive, sample)], lambda: True, 40)
    assert place - first >= cycles - 1
