"""The memory of `axi_memory.sv` for a bench: its contents, its behaviour and its counts.

Settings have the names of the SystemVerilog's variables.
"""

from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Self

import cocotb
from cocotb.triggers import FallingEdge
from pydantic import BaseModel, ConfigDict

from hwsim.program.program import Program, Window
from hwsim.program.traffic import COUNTERS, ByteCounts
from hwsim.testbenches.coverage import BUS

OKAY, SLVERR, DECERR = 0, 2, 3  # xRESP
NEVER = (1 << 64) - 1  # the number of no beat and no burst
ALWAYS = 1000  # per mille
HESITATION = 400  # of 1000 cycles, a channel of a hesitant memory does nothing in so many


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
    TWO_CLASSES = 11
    TOO_MANY_READS = 12
    PART_OF_A_WORD = 13


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True)


class Pace(_Settings):
    """The size of the memory, the cycles to its answer, and the ticks of a cycle and of a beat.

    With `shared`, both directions share the pace.
    """

    size: int
    latency: int
    cycle_ticks: int
    beat_ticks: int
    shared: bool = False

    @classmethod
    def of(cls, program: Program) -> Self:
        """Return a memory like the configuration's, up to the end of the program's windows."""
        beat_ticks, cycle_ticks = program.config.cycles_per_beat.as_integer_ratio()
        return cls(
            size=max(program.features.limit, program.constants.limit) + 1,
            latency=program.config.memory.latency_cycles,
            cycle_ticks=cycle_ticks,
            beat_ticks=beat_ticks,
            shared=program.config.memory.shared,
        )


class Rules(_Settings):
    """The limits that the monitor enforces, and the addresses of each class of traffic."""

    program_base: int = 0
    program_end: int = 0
    weights_base: int = 0
    weights_end: int = 0
    constants_base: int
    constants_limit: int
    features_base: int
    features_limit: int
    burst_beats: int
    outstanding_reads: int

    @classmethod
    def of(cls, program: Program) -> Self:
        """Return the rules for a program and the windows that it opens."""
        weights = [part.weights for part in program.stages]
        return cls(
            program_base=program.code.address,
            program_end=program.code.end,
            weights_base=min(region.address for region in weights),
            weights_end=max(region.end for region in weights),
            constants_base=program.constants.base,
            constants_limit=program.constants.limit,
            features_base=program.features.base,
            features_limit=program.features.limit,
            burst_beats=program.config.bus.burst_beats,
            outstanding_reads=program.config.bus.outstanding_reads,
        )

    @property
    def constants(self) -> Window:
        return Window(self.constants_base, self.constants_limit)

    @property
    def features(self) -> Window:
        return Window(self.features_base, self.features_limit)

    @property
    def without_classes(self) -> Self:
        """Return rules for a program that may read and write anything in its windows."""
        classes = ("program_base", "program_end", "weights_base", "weights_end")
        return self.model_copy(update=dict.fromkeys(classes, 0))


@dataclass(frozen=True)
class Behaviour:
    """The ways in which a memory differs from the reference memory; none by default."""

    hesitation: int = 0  # per mille of the cycles, on every channel by itself
    random_state: int = 1  # must not be 0
    held_address: int = 0  # a burst there is accepted after held_cycles at the earliest
    held_cycles: int = 0
    read_error_at: int = NEVER  # the number of a beat, in the order of answers
    write_error_at: int = NEVER  # the number of a burst
    error: int = SLVERR


REFERENCE = Behaviour()


def hesitant(seed: int) -> Behaviour:
    """Return a memory that changes the cycles of a run, but no value and no count of bytes."""
    return Behaviour(hesitation=HESITATION, random_state=seed % NEVER + 1)


@dataclass
class Contents:
    """The bytes of memory before a run, from address 0."""

    data: bytearray
    pace: Pace
    rules: Rules

    @classmethod
    def of(cls, program: Program) -> Self:
        """Return memory with the program and the weights in place, without the input features."""
        pace = Pace.of(program)
        contents = cls(bytearray(pace.size), pace, Rules.of(program))
        for address, part in program.image().items():
            contents.place(address, part)
        return contents

    def place(self, address: int, part: bytes) -> None:
        self.data[address : address + len(part)] = part


class AxiMemory:
    """One instance of `axi_memory`. The simulator's plusargs name its files."""

    def __init__(self, dut: Any, clock: Any):
        self._dut, self._monitor, self._clock = dut, dut.monitor, clock

    async def load(self, pace: Pace, rules: Rules, behaviour: Behaviour = REFERENCE) -> None:
        """Load the contents of +memory and reset all counts to 0, in one cycle."""
        assert self.is_quiet(), "a burst is under way"
        for name, value in (pace.model_dump() | asdict(behaviour)).items():
            getattr(self._dut, name).value = value
        for name, value in rules.model_dump().items():
            getattr(self._monitor, name).value = value
        await self._pulse(self._dut.load)

    async def load_contents(self, contents: Contents, behaviour: Behaviour = REFERENCE) -> None:
        Path(str(cocotb.plusargs["memory"])).write_bytes(contents.data)
        await self.load(contents.pace, contents.rules, behaviour)

    async def dump(self) -> bytes:
        """Return all of memory, after one cycle."""
        await self.write_dump()
        return Path(str(cocotb.plusargs["dump"])).read_bytes()

    async def write_dump(self) -> None:
        """Write all of memory to the file that +dump names, in one cycle."""
        await self._pulse(self._dut.dump)

    async def _pulse(self, signal: Any) -> None:
        signal.value = 1
        await FallingEdge(self._clock)
        signal.value = 0

    def stop_answering(self) -> None:
        """Accept no address and no data, and answer nothing, until the next `load`."""
        self._dut.hesitation.value = ALWAYS

    def is_quiet(self) -> bool:
        return bool(self._dut.quiet.value)

    @property
    def error_address(self) -> int:
        """The address of the beat or burst that was answered with an error."""
        return int(self._dut.error_address.value)

    # The monitor's counts since `load`.

    def count(self, name: str) -> int:
        return int(getattr(self._monitor, name).value)

    @property
    def bytes(self) -> ByteCounts:
        """The bytes that the addresses of accepted bursts announced."""
        return ByteCounts.by_class(
            {kind: self.count(name.lower()) for kind, name in COUNTERS.items()}
        )

    @property
    def violation(self) -> Violation:
        return Violation(self.count("violation"))

    @property
    def bins(self) -> frozenset[str]:
        """The bins of `coverage.BUS` that were seen."""
        seen = self.count("seen")
        return frozenset(bin_.name for index, bin_ in enumerate(BUS) if seen >> index & 1)
