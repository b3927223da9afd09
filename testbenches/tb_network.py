"""The host of a whole network: registers, one sleep until the interrupt, registers."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge, SimTimeoutError, with_timeout

from hwsim.isa.registers import register
from hwsim.testbenches.bench import Bench
from hwsim.testbenches.network_bench import JOB, PROGRESS, RESULTS, Job, monitored_bytes

PERIOD_NS = 10  # of the clock in network.sv
STRIDE_CYCLES = 100_000  # between two looks at how far the run is
SILENCE_S = 5.0  # between two lines of progress


class Host(Bench):
    """Nothing of it runs from cycle to cycle, but for the handshakes of the registers."""

    async def reset(self) -> None:
        dut = self.dut
        for name in ("awvalid", "wvalid", "arvalid", "awprot", "arprot"):
            getattr(dut, f"s_axi_{name}").value = 0
        dut.s_axi_bready.value = dut.s_axi_rready.value = 1
        dut.dump.value = 0
        dut.rst.value = 1
        for _ in range(3):
            await self.step()
        dut.rst.value = 0
        await self.step()

    async def interrupt(self, predicted: int, limit: int, progress: Path) -> None:
        """Sleep until the interrupt; fails after `limit` cycles. `progress` gets the cycles."""
        began = said = perf_counter()
        cycles = 0
        while not self.dut.irq.value:
            assert cycles < limit, f"no interrupt after {cycles} cycles, {predicted} predicted"
            try:
                await with_timeout(RisingEdge(self.dut.irq), PERIOD_NS * STRIDE_CYCLES, "ns")
            except SimTimeoutError:
                cycles += STRIDE_CYCLES
                progress.write_text(str(cycles), "utf-8")
            if perf_counter() - said > SILENCE_S:
                said = perf_counter()
                cocotb.log.info(
                    "%d of about %d cycles, %.0f per second", cycles, predicted,
                    cycles / (said - began)
                )  # fmt: skip
        await FallingEdge(self.dut.clk)

    async def results(self) -> dict[str, Any]:
        """How the run ended, and what counters and monitor say of it."""
        events = await self.read("INTERRUPT_STATUS")
        assert not await self.field("STATUS", "busy")
        await self.write("INTERRUPT_STATUS", events)
        assert not self.dut.irq.value
        return {
            "events": register("INTERRUPT_STATUS").unpack(events),
            "error": await self.field("ERROR_CODE", "code"),
            "error_descriptor": await self.read("ERROR_DESCRIPTOR"),
            "cycles": await self.counter("CYCLES"),
            "array_cycles": await self.counter("ARRAY_CYCLES"),
            "violation": int(self.dut.violation.value),
            "read_beats": int(self.dut.read_beats.value),
            "write_beats": int(self.dut.write_beats.value),
            "monitor_bytes": asdict(monitored_bytes(self.dut)),
            "counter_bytes": asdict(await self.byte_counters()),
        }

    async def dump(self) -> None:
        """Have memory written to the file that +dump names."""
        self.dut.dump.value = 1
        for _ in range(3):
            await self.step()
        assert self.dut.dumped.value


@cocotb.test()
async def runs(dut: Any) -> None:
    job = Job.model_validate_json(os.environ[JOB])
    host = Host(dut, job.config)
    await host.reset()
    began = perf_counter()
    await host.start(job.program_address, job)
    await host.interrupt(job.predicted_cycles, job.limit_cycles, Path(os.environ[PROGRESS]))
    results = await host.results()
    seconds = perf_counter() - began
    cocotb.log.info(
        "%s: %d cycles, timeline %d; simulated in %.1f s, %.0f cycles per second",
        job.name, results["cycles"], job.predicted_cycles, seconds, results["cycles"] / seconds,
    )  # fmt: skip
    await host.dump()
    text = json.dumps(results | {"seconds": seconds})
    Path(os.environ[RESULTS]).write_text(text, "utf-8")
