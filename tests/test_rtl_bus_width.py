"""The converters between words and the beats of a narrower bus."""

from random import Random
from typing import Any

import pytest
from amaranth.sim import Simulator

from hwsim.arch.config import Config
from hwsim.rtl.memory.bus_width import ReadWidth, WriteWidth
from tests.drawn import preset_with

WORDS = 200
WIDTHS = [32, 64]


def narrowed(bits: int) -> Config:
    return preset_with("edge", bus={"bus_bits": bits})


def simulate(dut: Any, bench: Any) -> None:
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("bits", WIDTHS)
def test_beats_become_words(bits: int) -> None:
    """Words come with their last beats, in bursts of any length, and have the faults of any."""
    config, draw = narrowed(bits), Random(bits)
    dut, beats = ReadWidth(config), config.beats_per_word

    async def bench(ctx: Any) -> None:
        ctx.set(dut.words.rready, 1)
        for _ in range(WORDS):
            word = draw.getrandbits(config.word_bits)
            faulty = draw.choice([None, None, draw.randrange(beats)])
            last = draw.random() < 0.3
            for place in range(beats):
                while draw.random() < 0.4:  # the bus waits
                    ctx.set(dut.bus.rvalid, 0)
                    assert not ctx.get(dut.words.rvalid)
                    await ctx.tick()
                ctx.set(dut.bus.rvalid, 1)
                ctx.set(dut.bus.rdata, word >> place * bits & (1 << bits) - 1)
                ctx.set(dut.bus.rresp, 2 if place == faulty else 0)
                ctx.set(dut.bus.rlast, last and place == beats - 1)
                is_whole = place == beats - 1
                assert ctx.get(dut.words.rvalid) == is_whole
                if is_whole:
                    assert ctx.get(dut.words.rdata) == word
                    assert ctx.get(dut.words.rresp) == (0 if faulty is None else 2)
                    assert ctx.get(dut.words.rlast) == last
                await ctx.tick()

    simulate(dut, bench)


@pytest.mark.parametrize("bits", WIDTHS)
def test_words_become_beats(bits: int) -> None:
    """Words stay until their last beats are accepted; their strobes go with each part."""
    config, draw = narrowed(bits), Random(bits)
    dut, beats = WriteWidth(config), config.beats_per_word

    async def bench(ctx: Any) -> None:
        for _ in range(WORDS):
            word, last = draw.getrandbits(config.word_bits), draw.random() < 0.3
            while draw.random() < 0.3:  # the manager waits
                ctx.set(dut.words.wvalid, 0)
                ctx.set(dut.bus.wready, draw.random() < 0.5)
                assert not ctx.get(dut.bus.wvalid)
                await ctx.tick()
            ctx.set(dut.words.wvalid, 1)
            ctx.set(dut.words.wdata, word)
            strobes = draw.getrandbits(config.word_bytes)
            ctx.set(dut.words.wstrb, strobes)
            ctx.set(dut.words.wlast, last)
            for place in range(beats):
                is_accepted = False
                while not is_accepted:
                    is_accepted = draw.random() < 0.6
                    ctx.set(dut.bus.wready, is_accepted)
                    assert ctx.get(dut.bus.wvalid)
                    assert ctx.get(dut.bus.wdata) == word >> place * bits & (1 << bits) - 1
                    assert ctx.get(dut.bus.wstrb) == strobes >> place * bits // 8 & (
                        (1 << bits // 8) - 1
                    )
                    assert ctx.get(dut.bus.wlast) == (last and place == beats - 1)
                    assert ctx.get(dut.words.wready) == (is_accepted and place == beats - 1)
                    await ctx.tick()

    simulate(dut, bench)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("words", [1, 2, 16])
def test_bursts_have_the_beats_of_their_words(bits: int, words: int) -> None:
    config = narrowed(bits)
    for dut, channel in ((ReadWidth(config), "ar"), (WriteWidth(config), "aw")):

        async def bench(ctx: Any, dut: Any = dut, channel: str = channel) -> None:
            for name, value in (("valid", 1), ("addr", 0x1230), ("len", words - 1)):
                ctx.set(getattr(dut.words, channel + name), value)
            ctx.set(getattr(dut.bus, channel + "ready"), 1)
            assert ctx.get(getattr(dut.bus, channel + "valid"))
            assert ctx.get(getattr(dut.bus, channel + "addr")) == 0x1230
            assert ctx.get(getattr(dut.bus, channel + "len")) == words * config.beats_per_word - 1
            assert ctx.get(getattr(dut.words, channel + "ready"))

        simulate(dut, bench)
