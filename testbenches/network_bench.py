"""A compiled program on the accelerator in front of the SystemVerilog memory.

This module works outside the simulator: it builds it, writes the files of a run and reads the
results. `tb_network.py` is the host inside it.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from hwsim.arch.config import Config
from hwsim.program.program import Program
from hwsim.testbenches import simulator
from hwsim.testbenches.axi_memory import Contents, Pace, Rules
from hwsim.testbenches.bench import Run
from hwsim.testbenches.trace import TRACE

JOB = "HWSIM_NETWORK_JOB"  # environment: the host's `Job`, as JSON
RESULTS = "HWSIM_NETWORK_RESULTS"  # environment: the file of the host's results
PROGRESS = "HWSIM_NETWORK_PROGRESS"  # environment: the file with the number of cycles so far
RESULTS_FILE, PROGRESS_FILE = "network.json", "progress.txt"
MEMORY_FILE, DUMP_FILE = "memory.bin", "dump.bin"
RECORD = "bus"  # axi_recorder.sv writes bus.events and bus.written
FOLDER = Path(__file__).parent
SOURCES = tuple(
    FOLDER / name
    for name in ("network.vlt", "axi_monitor.sv", "axi_memory.sv", "axi_recorder.sv", "network.sv")
)
TOP = "network"
CLOCKED = ("--timing", "--timescale", "1ns/1ns", "-CFLAGS", "-std=gnu++20 -fcoroutines")
TRACED = FOLDER / "trace.vlt"  # shows the signals that a trace reads
HIDDEN = ("--no-public-flat-rw",)  # hides signals that no bench reads, for speed
LEAST_MEMORY_BYTES = 1 << 26
PATIENCE = 2  # a run counts as hung after so many times the predicted cycles


@dataclass(frozen=True)
class NetworkRun(Run):
    """A run, with the seconds from the host's first access to its last."""

    seconds: float


_RUN = TypeAdapter(NetworkRun)


class Job(BaseModel):
    """The numbers that a host needs for a program whose memory is in place."""

    model_config = ConfigDict(frozen=True)

    name: str
    config: Config
    program_address: int
    pace: Pace
    rules: Rules
    predicted_cycles: int

    @property
    def limit_cycles(self) -> int:
        return PATIENCE * self.predicted_cycles


def build(
    verilog: str,
    config: Config,
    size_bytes: int = LEAST_MEMORY_BYTES,
    options: Sequence[str] = (),
) -> Path:
    """Return the built simulator of this accelerator, with at least `size_bytes` of memory.

    Most networks share one build. `options` are more of Verilator's. Raises
    `simulator.FailedBuildError`.
    """
    size = max(LEAST_MEMORY_BYTES, 1 << (size_bytes - 1).bit_length())
    return simulator.build(
        verilog,
        TOP,
        sources=(*SOURCES, TRACED) if TRACE in os.environ else SOURCES,
        parameters={"BUS_BITS": config.bus.bus_bits, "MEMORY_BYTES": size},
        options=(*CLOCKED, *HIDDEN, *options),
    )


def plusargs(folder: Path) -> list[str]:
    """Return the plusargs that name a run's files: memory before and after, and the bus record."""
    names = {"memory": MEMORY_FILE, "dump": DUMP_FILE, "record": RECORD}
    return [f"+{argument}={folder / name}" for argument, name in names.items()]


def place(program: Program, inputs: Mapping[int, bytes], folder: Path) -> None:
    """Write the memory before the run into `folder`, with packed `inputs` at their addresses."""
    contents = Contents.of(program)
    for address, packed in inputs.items():
        contents.place(address, packed)
    (folder / MEMORY_FILE).write_bytes(contents.data)


def environment(program: Program, predicted_cycles: int, folder: Path) -> dict[str, str]:
    """Return the environment that `tb_network.py` reads."""
    job = Job(
        name=f"{program.graph.name} on {program.config.name}",
        config=program.config,
        program_address=program.code.address,
        pace=Pace.of(program),
        rules=Rules.of(program),
        predicted_cycles=predicted_cycles,
    )
    return {
        JOB: job.model_dump_json(),
        RESULTS: str(folder / RESULTS_FILE),
        PROGRESS: str(folder / PROGRESS_FILE),
    }


def cycles_so_far(folder: Path) -> int:
    """Return the cycles so far of the run in `folder`; 0 if it has not reported yet."""
    path = folder / PROGRESS_FILE
    text = path.read_text("utf-8") if path.exists() else ""
    return int(text or 0)


def save_run(run: Run, seconds: float, path: Path) -> None:
    """Write everything about a run except its memory, which is in the dump."""
    result = NetworkRun(**vars(run), seconds=seconds)
    path.write_bytes(_RUN.dump_json(result, exclude={"memory"}))


def load_run(folder: Path) -> NetworkRun:
    """Return the run whose files are in `folder`."""
    saved = json.loads((folder / RESULTS_FILE).read_text("utf-8"))
    return _RUN.validate_python(saved | {"memory": (folder / DUMP_FILE).read_bytes()})
