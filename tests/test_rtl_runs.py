"""The walk visits blocks and rows in order, and bursts have legal lengths (Amaranth simulator)."""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from hwsim.arch.config import Config, load_config
from hwsim.rtl.memory.runs import Runs, burst_limit
from tests.drawn import preset_with
from tests.streams import Sink, Source, step

CONFIG = load_config("nano")
CONFIGS = {
    "nano": CONFIG,
    "long bursts": preset_with("nano", bus={"burst_beats": 256}),
    "one page is less than a burst": preset_with(
        "nano",
        array={"input_lanes": 64, "output_lanes": 64},
        bus={"bus_bits": 512, "burst_beats": 256},
        buffers={"weight_bytes": 1 << 20},
        memory={"bandwidth_bytes_per_cycle": 64},
    ),
    "two beats": preset_with("nano", bus={"burst_beats": 2}),
}


def drawn_job(rng: np.random.Generator) -> dict[str, int]:
    """Return a descriptor with strides and addresses of any size, so that sums wrap."""
    return {
        "address": int(rng.integers(0, 1 << 29)) * CONFIG.word_bytes,
        "row_words": int(rng.integers(1, 1 << 24)),
        "rows": int(rng.integers(1, 5)),
        "row_stride_bytes": int(rng.integers(0, 1 << 29)) * CONFIG.word_bytes,
        "blocks": int(rng.integers(1, 4)),
        "block_stride_bytes": int(rng.integers(0, 1 << 29)) * CONFIG.word_bytes,
    }


def exceeds_bursts(words: int, config: Config) -> bool:
    """True if a number of words has bits above those of a burst's length."""
    return words >= 1 << config.burst_words.bit_length()


def expected_limit(address: int, config: Config) -> int:
    return min(config.burst_words, (4096 - address % 4096) // config.word_bytes)


def expected_runs(job: dict[str, int]) -> list[dict[str, int]]:
    found = []
    for block in range(job["blocks"]):
        for row in range(job["rows"]):
            address = job["address"] + block * job["block_stride_bytes"]
            address = (address + row * job["row_stride_bytes"]) % (1 << 32)
            last_of_block = row == job["rows"] - 1
            found.append(
                {
                    "address": address,
                    "words": job["row_words"],
                    "is_long": exceeds_bursts(job["row_words"], CONFIG),
                    "limit": expected_limit(address, CONFIG),
                    "last_of_block": int(last_of_block),
                    "last": int(last_of_block and block == job["blocks"] - 1),
                }
            )
    return found


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("idle", "stall"), [(0.0, 0.0), (0.0, 0.6), (0.9, 0.0), (0.4, 0.4)])
def test_runs_come_in_order_without_a_gap(idle: float, stall: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    jobs = [drawn_job(rng) for _ in range(40)]
    dut = Runs(CONFIG)
    source, sink = Source(dut.i, jobs, rng, idle), Sink(dut.o, rng, stall)
    wanted = [expected_runs(job) for job in jobs]
    count = sum(map(len, wanted))
    step(dut, [source, sink], lambda: len(sink.taken) == count, further_cycles=10)
    assert sink.payloads == [run for runs in wanted for run in runs]
    number, before = 0, 0
    for offered, taken, runs in zip(source.offered, source.taken, wanted, strict=True):
        assert taken == max(offered, before)
        before = taken
        for _ in runs:
            assert sink.offered[number] == before + Runs.LATENCY
            before = sink.taken[number]
            number += 1


@pytest.mark.parametrize("name", CONFIGS)
def test_a_burst_may_have_what_is_left_of_the_4_kib(name: str) -> None:
    config = CONFIGS[name]
    m = Module()
    address = Signal(32)
    limit = Signal(16)
    m.d.comb += limit.eq(burst_limit(config, address))

    async def bench(ctx: Any) -> None:
        for place in range(0, 4096, config.word_bytes):
            ctx.set(address, 0x12345000 + place)
            assert ctx.get(limit) == expected_limit(place, config), hex(place)

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
