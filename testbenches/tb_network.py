"""The host of a whole network: it writes registers, sleeps until the interrupt, reads registers."""

import os
from pathlib import Path
from time import perf_counter
from typing import Any

import cocotb

from hwsim.testbenches.bench import Bench
from hwsim.testbenches.network_bench import JOB, PROGRESS, RESULTS, Job, save_run

SILENCE_S = 5.0  # between two lines of progress


@cocotb.test()
async def runs(dut: Any) -> None:
    job = Job.model_validate_json(os.environ[JOB])
    bench = Bench(dut, job.config)
    await bench.reset()
    await bench.memory.load(job.pace, job.rules)
    began = said = perf_counter()

    def advance(cycles: int) -> None:
        nonlocal said
        Path(os.environ[PROGRESS]).write_text(str(cycles), "utf-8")
        if perf_counter() - said > SILENCE_S:
            said = perf_counter()
            speed = cycles / (said - began)
            cocotb.log.info(
                "%d of about %d cycles, %.0f per second", cycles, job.predicted_cycles, speed
            )

    await bench.start(job.program_address, job.rules)
    run = await bench.finish(job.limit_cycles, advance)
    seconds = perf_counter() - began
    cocotb.log.info(
        "%s: %d cycles, timeline %d; simulated in %.1f s, %.0f cycles per second",
        job.name, run.cycles, job.predicted_cycles, seconds, run.cycles / seconds,
    )  # fmt: skip
    save_run(run, seconds, Path(os.environ[RESULTS]))
