"""The memory of `axi_memory.sv` for a bench: what it holds, how it behaves, what it has counted.

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
NEVER = (1 << 64) - 1  # of no beat and no burst
ALWAYS = 1000  # per mille
HESITATION = 400  # of 1000 cycles: those in which a channel of a hesitant memory does nothing


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
    """How many bytes exist, the cycles to an answer, and those from beat to beat."""

    size: int
    latency: int
    interval: int

    @classmethod
    def of(cls, program: Program) -> Self:
        """Return a memory like the configuration's, up to the end of the program's windows."""
        config, memory = program.config, program.config.memory
        return cls(
            size=max(program.features.limit, program.constants.limit) + 1,
            latency=memory.latency_cycles,
            interval=max(1, config.word_bytes // memory.bandwidth_bytes_per_cycle),
        )


class Rules(_Settings):
    """What the monitor holds a manager to, and by which addresses it tells classes of traffic."""

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
        weights = [part.weights for part in program.layers]
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
        """The same for a program that may read and write anything in its windows."""
        classes = ("program_base", "program_end", "weights_base", "weights_end")
        return self.model_copy(update=dict.fromkeys(classes, 0))


@dataclass(frozen=True)
class Behaviour:
    """How a memory departs from the reference memory; by itself it does not."""

    hesitation: int = 0  # per mille of the cycles, on every channel by itself
    random_state: int = 1  # not 0
    held_address: int = 0  # a burst there is not accepted before it was offered for held_cycles
    held_cycles: int = 0
    read_error_at: int = NEVER  # counts beats as they are answered
    write_error_at: int = NEVER  # and this one bursts
    error: int = SLVERR


REFERENCE = Behaviour()


def hesitant(seed: int) -> Behaviour:
    """Return a memory that changes no value and no byte, but every cycle."""
    return Behaviour(hesitation=HESITATION, random_state=seed % NEVER + 1)


@dataclass
class Contents:
    """Memory before a run, from address 0."""

    data: bytearray
    pace: Pace
    rules: Rules

    @classmethod
    def of(cls, program: Program) -> Self:
        """Place program and weights; the input features are still to be placed."""
        pace = Pace.of(program)
        contents = cls(bytearray(pace.size), pace, Rules.of(program))
        for address, part in program.image().items():
            contents.place(address, part)
        return contents

    def place(self, address: int, part: bytes) -> None:
        self.data[address : address + len(part)] = part


class AxiMemory:
    """One instance of `axi_memory`. Its files are those that the simulator's plusargs name."""

    def __init__(self, dut: Any, clock: Any):
        self._dut, self._monitor, self._clock = dut, dut.monitor, clock

    async def load(self, pace: Pace, rules: Rules, behaviour: Behaviour = REFERENCE) -> None:
        """Begin anew with the contents of +memory, and with all counts at 0. It takes a cycle."""
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
        """Return all of memory. It takes a cycle."""
        await self.write_dump()
        return Path(str(cocotb.plusargs["dump"])).read_bytes()

    async def write_dump(self) -> None:
        """Have all of memory written to the file that +dump names. It takes a cycle."""
        await self._pulse(self._dut.dump)

    async def _pulse(self, signal: Any) -> None:
        signal.value = 1
        await FallingEdge(self._clock)
        signal.value = 0

    def stop_answering(self) -> None:
        """Take no address and no data, and answer nothing, up to the next `load`."""
        self._dut.hesitation.value = ALWAYS

    def is_quiet(self) -> bool:
        return bool(self._dut.quiet.value)

    @property
    def error_address(self) -> int:
        """The address of the beat or burst that was answered with an error."""
        return int(self._dut.error_address.value)

    # What the monitor has counted since `load`.

    def count(self, name: str) -> int:
        return int(getattr(self._monitor, name).value)

    @property
    def bytes(self) -> ByteCounts:
        """What the addresses of accepted bursts announced."""
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
