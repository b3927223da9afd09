"""The word router sends every word to its buffer in the same cycle (Amaranth simulator)."""

from typing import Any

import numpy as np
from amaranth.sim import Simulator

from hwsim.arch.config import load_config
from hwsim.isa.fields import Destination
from hwsim.rtl.memory.word_router import WordRouter
from tests.streams import values

CONFIG = load_config("nano")
CYCLES = 400


def test_every_word_goes_to_the_buffer_that_its_load_names() -> None:
    dut = WordRouter(CONFIG)
    rng = np.random.default_rng(1)
    word: dict[str, int] = {}
    valid = False
    seen: set[Destination] = set()

    def drive(ctx: Any) -> None:
        nonlocal valid
        valid = bool(rng.random() < 0.7)
        word.update(
            data=int(rng.integers(2**63)),
            destination=int(rng.choice(list(Destination))),
            buffer_address=int(rng.integers(CONFIG.feature_words)),
            ends_chunk=int(rng.integers(2)),
        )
        ctx.set(dut.i.valid, valid)
        ctx.set(dut.i.payload, word)

    def sample(ctx: Any) -> None:
        destination = Destination(word["destination"]) if valid else None
        for port, owner in (
            (dut.program, Destination.PROGRAM),
            (dut.weights, Destination.WEIGHTS),
            (dut.features, Destination.FEATURES),
        ):
            assert ctx.get(port.valid) == (destination is owner)
        if destination is Destination.FEATURES:
            expected = {"address": word["buffer_address"], "data": word["data"]}
            assert values(ctx, dut.features.payload) == expected
        elif destination is not None:
            port = dut.program if destination is Destination.PROGRAM else dut.weights
            assert ctx.get(port.payload) == word["data"]
        assert ctx.get(dut.chunk_loaded) == (valid and word["ends_chunk"])
        seen.update({destination} if destination is not None else ())

    async def bench(ctx: Any) -> None:
        for _ in range(CYCLES):
            drive(ctx)
            sample(ctx)

    assert WordRouter.LATENCY == 0
    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == set(Destination)
