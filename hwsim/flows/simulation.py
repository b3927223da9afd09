"""Run a program on Verilator and report progress."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Event, Thread

import numpy as np
from numpy.typing import NDArray

from hwsim.arch.config import Config
from hwsim.compiler import compile_graph
from hwsim.compiler.image import packed_inputs
from hwsim.errors import ComparisonError
from hwsim.flows.delivery import verilog
from hwsim.flows.estimate import compiled
from hwsim.flows.progress import Advance, Progress, single_step
from hwsim.graph import Graph
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.graph.steps import FileNetwork
from hwsim.passes.baselines import materialized
from hwsim.program.program import Program
from hwsim.report.file_figures import PROGRAM, program_names
from hwsim.report.verification import program_title
from hwsim.timeline import Timeline, time_program

BENCH = "hwsim.testbenches.tb_network"
LOOK_SECONDS = 0.5  # between two readings of the simulator's progress
PERCENT = 100
BASELINE = "B", "k x C maps written and read back, after the spatial maximum"


@dataclass(frozen=True)
class Subject:
    """A program to verify, with the names that tell it from others.

    `name` is the one of its step, where a network has several.
    """

    name: str
    variant: str
    description: str
    program: Program
    timeline: Timeline


def subjects(graph: Graph, config: Config, unfused: bool) -> tuple[Subject, ...]:
    """Return the program of the network and, if `unfused`, that of its baseline B."""
    chosen = [(*_variant(graph), graph)]
    if unfused:
        chosen.append((*BASELINE, materialized(graph)))
    found: list[Subject] = []
    for key, text, variant in chosen:
        program = compile_graph(variant, config)
        found.append(Subject(PROGRAM, key, text, program, time_program(program)))
    return tuple(found)


def subjects_of_steps(
    network: FileNetwork, config: Config, progress: Progress, is_baseline: bool = False
) -> tuple[Subject, ...]:
    """Return the programs of a network in steps, or of its baseline B."""
    programs = compiled(ProgramGraphs.of_steps(network), config, progress).programs
    key, text = BASELINE if is_baseline else _variant(network.graph)
    return tuple(
        Subject(name, key, text, program, time_program(program))
        for name, program in zip(program_names(len(programs)), programs, strict=True)
    )


def _variant(graph: Graph) -> tuple[str, str]:
    return ("C", "virtual maps") if graph.is_condensed else ("A", "nothing condensed")


def simulate(
    subject: Subject, inputs: Mapping[str, NDArray[np.int8]], folder: Path, progress: Progress
) -> None:
    """Build the simulator unless it is built already, and run; `folder` receives the run's files.

    A failed build or run raises `ComparisonError`.
    """
    from hwsim.testbenches import network_bench as bench
    from hwsim.testbenches import simulator
    from hwsim.testbenches.axi_memory import Pace

    program, predicted = subject.program, subject.timeline.cycles
    with single_step(progress, "building the simulator (minutes, the first time)"):
        try:
            config, size_bytes = program.config, Pace.of(program).size
            model = bench.build(_verilog(config), config, size_bytes)
        except simulator.FailedBuildError as error:
            raise ComparisonError(f"building the simulator: {error}") from None
    bench.place(program, packed_inputs(program, inputs), folder)
    environment = bench.environment(program, predicted, folder)
    arguments = bench.plusargs(folder)
    log = folder / "simulator.log"
    with (
        progress(named("simulating", subject), PERCENT) as advance,
        following(folder, predicted, advance),
    ):
        try:
            simulator.run(model, bench.TOP, BENCH, folder, environment, arguments, log)
        except simulator.FailedRunError as error:
            what = named("simulating", subject)
            raise ComparisonError(f"{what}: {_reason(log, error)}") from None


@cache
def _verilog(config: Config) -> str:
    return verilog(config)


def named(what: str, subject: Subject) -> str:
    return f"{what} {subject.program.graph.name} ({program_title(subject.variant, subject.name)})"


@contextmanager
def following(folder: Path, predicted: int, advance: Advance) -> Iterator[None]:
    """Advance a bar of 100 steps by the share of the predicted cycles that are simulated.

    A simulation that ends without an exception fills the bar, whatever was predicted.
    """
    from hwsim.testbenches.network_bench import cycles_so_far

    ended = Event()
    shown = 0

    def follow() -> None:
        nonlocal shown
        while not ended.wait(LOOK_SECONDS):
            percent = min(PERCENT, PERCENT * cycles_so_far(folder) // predicted)
            for _ in range(shown, percent):
                advance()
            shown = max(shown, percent)

    thread = Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    for _ in range(shown, PERCENT):
        advance()


def _reason(log: Path, error: Exception) -> str:
    """Return the reason of a failed simulation: the last assertion in its log."""
    lines = log.read_text("utf-8", errors="replace").splitlines() if log.exists() else []
    reasons = [line.partition("Error: ")[2] for line in lines if "Error: " in line]
    return reasons[-1] if reasons else str(error).splitlines()[0]
