"""The clock of the accelerator's core runs during a run, and stands still before and behind it."""

from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from hwsim.testbenches.bench import PERIOD_NS, Host, configuration
from hwsim.testbenches.tb_another_memory import run_slice

AROUND_CYCLES = 16  # at most so many edges beside those of the run: its start, its end, the reset
IDLE_CYCLES = 50


class Edges:
    """A count of the rising edges of a clock."""

    def __init__(self, clock: Any):
        self.count = 0
        self._clock = clock
        cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        while True:
            await RisingEdge(self._clock)
            self.count += 1


async def idle_edges(host: Host, edges: Edges) -> int:
    """Return how many edges come while nothing happens but reads of a register."""
    before = edges.count
    for _ in range(3):
        assert not await host.field("STATUS", "busy")
        await host.sleep(IDLE_CYCLES)
    return edges.count - before


@cocotb.test()
async def stands_still_when_idle(dut: Any) -> None:
    """No edge reaches the core while it is idle; in a run every one does."""
    config = configuration()
    Clock(dut.clk, PERIOD_NS, unit="ns").start()
    host, edges = Host(dut, config), Edges(dut.run_clk)
    await host.reset()
    assert edges.count, "the reset needs an edge"
    await host.step()  # in which control resets the core once more
    assert await idle_edges(host, edges) == 0
    for _ in range(2):
        before = edges.count
        await run_slice(dut, host)
        cycles = await host.counter("CYCLES")
        assert cycles <= edges.count - before <= cycles + AROUND_CYCLES
        await host.write("INTERRUPT_STATUS", 7)
        assert await idle_edges(host, edges) == 0
