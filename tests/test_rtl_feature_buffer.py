"""The feature buffer returns words right after their writes, and holds a word that was read."""

from typing import Any

import numpy as np
import pytest

from hwsim.rtl.operands.feature_buffer import FeatureBuffer
from tests.drawn import preset_with
from tests.streams import Each, step

WORDS = 20  # not a power of two


@pytest.mark.parametrize("seed", range(3))
def test_reads_see_every_write_before_the_latency(seed: int) -> None:
    config = preset_with("nano", buffers={"feature_bytes": 8 * WORDS})
    dut = FeatureBuffer(config)
    rng = np.random.default_rng(seed)
    memory = dict.fromkeys(range(WORDS), 0)
    writes: list[tuple[int, int] | None] = [None] * FeatureBuffer.WRITE_LATENCY
    answers = [0] * FeatureBuffer.READ_LATENCY

    def drive(ctx: Any, _cycle: int) -> None:
        if there := writes.pop(0):  # from this cycle on
            memory[there[0]] = there[1]
        address, word = int(rng.integers(WORDS)), int(rng.integers(2**63))
        written = bool(rng.random() < 0.6)
        writes.append((address, word) if written else None)
        ctx.set(dut.write.valid, written)
        ctx.set(dut.write.payload.address, address)
        ctx.set(dut.write.payload.data, word)
        # Often the word just written; a word that is being written has no defined value.
        wanted = there[0] if there and rng.random() < 0.5 else int(rng.integers(WORDS))
        on_its_way = {write[0] for write in writes if write}
        read = wanted not in on_its_way and bool(rng.random() < 0.7)
        ctx.set(dut.read.enable, read)
        ctx.set(dut.read.address, wanted)
        answers.append(memory[wanted] if read else answers[-1])

    def sample(ctx: Any, _cycle: int) -> None:
        assert ctx.get(dut.read.data) == answers.pop(0)

    step(dut, [Each(drive, sample)], lambda: True, 1500)
