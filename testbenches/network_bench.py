"""A compiled program on the accelerator in front of the SystemVerilog memory.

What happens outside the simulator is here: the memory's file, where the classes of traffic lie, and
what came out. `tb_network.py` is the host inside it.
"""

import json
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from hwsim.arch.config import Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.program.program import Program, Window
from hwsim.program.traffic import COUNTERS, ByteCounts
from hwsim.testbenches.bench import Run

JOB = "HWSIM_NETWORK_JOB"  # environment: what the host is told, as JSON
RESULTS = "HWSIM_NETWORK_RESULTS"  # environment: the file that it writes
PROGRESS = "HWSIM_NETWORK_PROGRESS"  # environment: the file that has the cycles so far
RESULTS_FILE, PROGRESS_FILE = "network.json", "progress.txt"
RECORD = "bus"  # what axi_recorder.sv writes: bus.events and bus.written
FOLDER = Path(__file__).parent
SOURCES = tuple(
    FOLDER / name
    for name in ("network.vlt", "axi_monitor.sv", "axi_memory.sv", "axi_recorder.sv", "network.sv")
)
TOP = "network"
# The clock is a process with delays; what no testbench looks at is hidden, for speed.
OPTIONS = (
    *("--timing", "--timescale", "1ns/1ns", "-CFLAGS", "-std=gnu++20 -fcoroutines"),
    "--no-public-flat-rw",
)
LEAST_MEMORY_BYTES = 1 << 26
PATIENCE = 2  # times the predicted cycles, before a run counts as hung


class Violation(IntEnum):
    """The codes of `axi_monitor.sv`."""

    NONE = 0
    CROSSES_4_KIB = 1
    BURST_TOO_LONG = 2
    NOT_INCR = 3
    WRONG_SIZE = 4
    UNALIGNED = 5
    WRONG_WLAST = 6
    VALID_DROPPED = 7
    PAYLOAD_CHANGED = 8
    READ_OUTSIDE_WINDOW = 9
    WRITE_OUTSIDE_WINDOW = 10
    WRITE_TO_CONSTANTS = 11
    TWO_CLASSES = 12
    TOO_MANY_READS = 13


@dataclass(frozen=True)
class NetworkRun(Run):
    """A run, and what the monitor saw beside the bytes that burst addresses announced."""

    violation: Violation = Violation.NONE
    read_beats: int = 0
    write_beats: int = 0
    seconds: float = 0.0  # from the host's first access to its last

    def is_complete(self, word_bytes: int) -> bool:
        """Whether all that was announced crossed the bus, and nothing else."""
        counts = self.monitor_bytes
        carried = (self.read_beats * word_bytes, self.write_beats * word_bytes)
        return carried == (counts.read, counts.features_written)


class Job(BaseModel):
    """What a host must know of a program whose memory is in place."""

    model_config = ConfigDict(frozen=True)

    name: str
    config: Config
    program_address: int
    constants: Window
    features: Window
    predicted_cycles: int

    @property
    def limit_cycles(self) -> int:
        return PATIENCE * self.predicted_cycles


def parameters(program: Program) -> dict[str, int]:
    """Parameters of `TOP`: most networks share one build."""
    size = max(LEAST_MEMORY_BYTES, 1 << (memory_bytes(program) - 1).bit_length())
    return {"BUS_BITS": program.config.bus.bus_bits, "MEMORY_BYTES": size}


def monitored_bytes(dut: Any) -> ByteCounts:
    """What the monitor on the memory's bus has counted, at ports named as the counters are."""
    return ByteCounts.by_class(
        {kind: int(getattr(dut, name.lower()).value) for kind, name in COUNTERS.items()}
    )


def memory_bytes(program: Program) -> int:
    """Memory from address 0 up to the end of the windows that the program opens."""
    return max(program.features.limit, program.constants.limit) + 1


def monitor_arguments(program: Program) -> list[str]:
    """Plusargs for the monitor: where each class of traffic lies, and the rules of the bus."""
    weights = [part.weights for part in program.layers]
    bus = program.config.bus
    values = {
        "program_base": program.code.address,
        "program_end": program.code.end,
        "weights_base": min(region.address for region in weights),
        "weights_end": max(region.end for region in weights),
        "window_limit": memory_bytes(program) - 1,
        "burst_beats": bus.burst_beats,
        "outstanding_reads": bus.outstanding_reads,
    }
    return [f"+{name}={value}" for name, value in values.items()]


def place(program: Program, image: bytes, folder: Path) -> list[str]:
    """Write the memory's file into `folder`; returns the plusargs that a run needs.

    `image` is the packed input. Pace and monitor are those of the program's configuration.
    """
    memory = bytearray(memory_bytes(program))
    parts = program.image() | {program.region(program.graph.input).address: image}
    for address, part in parts.items():
        memory[address : address + len(part)] = part
    (folder / "memory.bin").write_bytes(memory)
    config = program.config
    interval = max(1, config.word_bytes // config.memory.bandwidth_bytes_per_cycle)
    return [
        f"+memory={folder / 'memory.bin'}",
        f"+dump={folder / 'dump.bin'}",
        f"+record={folder / RECORD}",
        f"+size={len(memory)}",
        f"+latency={config.memory.latency_cycles}",
        f"+interval={interval}",
        *monitor_arguments(program),
    ]


def environment(program: Program, predicted_cycles: int, folder: Path) -> dict[str, str]:
    """What `tb_network.py` reads."""
    job = Job(
        name=f"{program.graph.name} on {program.config.name}",
        config=program.config,
        program_address=program.code.address,
        constants=program.constants,
        features=program.features,
        predicted_cycles=predicted_cycles,
    )
    return {
        JOB: job.model_dump_json(),
        RESULTS: str(folder / RESULTS_FILE),
        PROGRESS: str(folder / PROGRESS_FILE),
    }


def cycles_so_far(folder: Path) -> int:
    """How far a run in `folder` is; 0 before the first word of it."""
    path = folder / PROGRESS_FILE
    text = path.read_text("utf-8") if path.exists() else ""
    return int(text or 0)


def load_run(folder: Path) -> NetworkRun:
    """What the run left behind in `folder`."""
    results = json.loads((folder / RESULTS_FILE).read_text("utf-8"))
    for counts in ("monitor_bytes", "counter_bytes"):
        results[counts] = ByteCounts(**results[counts])
    results["error"] = ErrorCode(results["error"])
    results["violation"] = Violation(results["violation"])
    return NetworkRun(**results, memory=(folder / "dump.bin").read_bytes())
