"""Placing puts results at every byte, for every k and number of lanes (Amaranth simulator)."""

from typing import Any

import numpy as np
import pytest

from hwsim.rtl.arithmetic.placing import FACTORS, Placing
from tests.drawn import preset_with
from tests.streams import Each, step

WORD_BYTES = 16


@pytest.mark.parametrize("lanes", [1, 2, 4, 8, 16])
def test_results_reach_their_bytes(lanes: int) -> None:
    config = preset_with("edge", array={"rescale_lanes": lanes})
    dut = Placing(config)
    rng = np.random.default_rng(lanes)
    cycles = 400
    values = rng.integers(-128, 128, (cycles, lanes))
    factors = rng.integers(FACTORS, size=cycles)
    counts = np.maximum(lanes >> factors, 1)
    first = rng.integers(WORD_BYTES // counts) * counts
    valid, last = rng.random((2, cycles)) < 0.5
    addresses = rng.integers(config.staging_words, size=cycles)

    def drive(ctx: Any, cycle: int) -> None:
        ctx.set(dut.valid, bool(valid[cycle]))
        ctx.set(dut.last, bool(last[cycle]))
        if cycle >= Placing.LATENCY:
            ctx.set(dut.i, values[cycle - Placing.LATENCY].tolist())
        ctx.set(dut.factor, int(factors[cycle]))
        ctx.set(dut.address, int(addresses[cycle]))
        ctx.set(dut.byte, int(first[cycle]))

    def sample(ctx: Any, cycle: int) -> None:
        then = cycle - Placing.LATENCY
        assert ctx.get(dut.o.valid) == (then >= 0 and valid[then])
        if then < 0:
            return
        out = ctx.get(dut.o.payload)
        data = np.frombuffer(out.data.to_bytes(WORD_BYTES, "little"), np.int8)
        enabled = [byte for byte in range(WORD_BYTES) if out.enable >> byte & 1]
        start, count = int(first[then]), int(counts[then])
        expected = np.zeros(WORD_BYTES, int)
        expected[start : start + count] = values[then, :count]
        written = range(WORD_BYTES) if start == 0 else range(start, start + count)
        assert enabled == list(written)
        assert data[enabled].tolist() == expected[enabled].tolist()
        assert (out.address, out.last) == (addresses[then], last[then])

    step(dut, [Each(drive, sample)], lambda: True, cycles - 1)
