"""Medians of time and memory for what a user waits for: `make bench`.

Machines differ and are noisy, so the command's time is also given as a ratio to importing numpy,
measured in turn with it. Exit status 1 if a bound is passed.
"""

import os
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.table import Table

RUNS = 9
MEBIBYTE = 2**20
HWSIM = str(Path(sys.executable).with_name("hwsim"))
ESTIMATE = (HWSIM, "estimate", "tiny-yolov2", "--json", "-")
IMPORT_NUMPY = (sys.executable, "-c", "import numpy")
SIMULATED = "tiny-yolov2-mini"
EXECUTE = (sys.executable, "-m", "benchmarks.execute", "tiny-yolov2")


@dataclass(frozen=True)
class Measured:
    """Medians over whole processes."""

    seconds: float
    peak_bytes: float


def process(command: tuple[str, ...]) -> Measured:
    """Run one command to its end; its time and the most memory it held."""
    start = perf_counter()
    child = os.posix_spawn(
        command[0],
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return Measured(perf_counter() - start, usage.ru_maxrss * 1024)


def median(measurements: list[Measured]) -> Measured:
    return Measured(
        statistics.median(one.seconds for one in measurements),
        statistics.median(one.peak_bytes for one in measurements),
    )


def in_turn(*commands: tuple[str, ...], runs: int = RUNS) -> list[Measured]:
    """Medians of several commands, run A B A B ..., after one round that is not counted."""
    rounds = [[process(command) for command in commands] for _ in range(runs + 1)][1:]
    return [median([one[index] for one in rounds]) for index in range(len(commands))]


def warm_seconds(work: Callable[[], object], runs: int = RUNS) -> float:
    """Median of a call in this process, after two that are not counted."""
    times: list[float] = []
    for _ in range(runs + 2):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return statistics.median(times[2:])


def main() -> int:
    from benchmarks.simulate import cycles_per_second
    from hwsim.arch.config import load_config
    from hwsim.compiler import compile_graph
    from hwsim.frontends.builtin import build_network
    from hwsim.timeline import time_program

    graph, config = build_network("tiny-yolov2"), load_config("edge")
    warm = warm_seconds(lambda: time_program(compile_graph(graph, config)))
    estimate, numpy = in_turn(ESTIMATE, IMPORT_NUMPY)
    (execute,) = in_turn(EXECUTE, runs=3)
    simulated = statistics.median(cycles_per_second(SIMULATED) for _ in range(3))

    rows = [
        ("compile and time, warm process", f"{1e3 * warm:.1f} ms", "50 ms", warm < 0.05),
        ("`hwsim estimate`", f"{estimate.seconds:.2f} s", "1 s", estimate.seconds < 1),
        ("  over `import numpy`", f"{estimate.seconds / numpy.seconds:.1f} x", "4.7 x",
         estimate.seconds < 4.7 * numpy.seconds),
        ("  memory", f"{estimate.peak_bytes / MEBIBYTE:.0f} MiB", "55 MiB",
         estimate.peak_bytes < 55 * MEBIBYTE),
        ("bit-exact execution", f"{execute.seconds:.2f} s", "10 s", execute.seconds < 10),
        ("  memory", f"{execute.peak_bytes / MEBIBYTE:.0f} MiB", "2048 MiB",
         execute.peak_bytes < 2048 * MEBIBYTE),
        (f"Verilog of {SIMULATED}", f"{simulated:,.0f} cycles/s", "50,000 cycles/s",
         simulated > 50_000),
    ]  # fmt: skip
    table = Table(title="Tiny-YOLOv2 at 416x416 on edge: medians")
    for heading in ("what", "measured", "bound", ""):
        table.add_column(heading)
    for what, measured, bound, holds in rows:
        table.add_row(what, measured, bound, "" if holds else "over the bound")
    Console().print(table)
    return 0 if all(row[3] for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
