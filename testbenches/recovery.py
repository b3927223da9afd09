"""A bench on which a run may end in any way, and the program that must run correctly after it."""

import random
from dataclasses import dataclass
from typing import Any

from hwsim.arch.config import Config
from hwsim.compiler import compile_graph
from hwsim.compiler.pack import pack_features
from hwsim.graph import Shape
from hwsim.isa.descriptor import Load, Store
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import DESCRIPTOR_BYTES, PAGE_BYTES
from hwsim.isa.registers import register
from hwsim.machine import Machine
from hwsim.program.program import Program
from hwsim.testbenches import coverage
from hwsim.testbenches.bench import Bench, Run, configuration, run_program
from hwsim.testbenches.cases import Stage, drawn_layers
from hwsim.testbenches.coverage_bins import bins_of_end
from hwsim.testbenches.reference_memory import OKAY, Memory, ReferenceMemory, Response
from hwsim.timeline import time_program
from tests.drawn import drawn_input

PATIENCE_CYCLES = 30_000  # before a run counts as hung
ABORT_CYCLES = 3_000  # within which ABORT must end a run
ABORTED = register("CONTROL").pack(abort=1)


@dataclass(frozen=True)
class Sound:
    """A program that must run correctly after whatever happened before it."""

    program: Program
    image: bytes
    memory: bytes
    cycles: int


def sound_program(config: Config) -> Sound:
    shape = Shape(2 * config.array.input_lanes, 8, 8)  # two blocks: one may lie past a buffer
    graph = drawn_layers("recovery", shape, (Stage(8, k=2),), config, seed=1)
    program = compile_graph(graph, config)
    image = drawn_input(program.graph, seed=2)
    memory = Machine(program, image).run().data.tobytes()
    return Sound(program, pack_features(image, config), memory, time_program(program).cycles)


@dataclass
class ErrorOnce:
    """Has one beat that is read, or one burst that is written, answered with an error.

    `at` counts in the order of the answers; None lets all of them be.
    """

    is_write: bool
    response: int
    at: int | None
    answered: int = 0  # so far
    address: int = -1  # of the error

    def __call__(self, is_write: bool, address: int) -> int:
        if is_write != self.is_write:
            return OKAY
        self.answered += 1
        if self.answered - 1 != self.at:
            return OKAY
        self.address = address
        return self.response


class HesitantMemory(ReferenceMemory):
    """Takes the first burst at one address only after some cycles."""

    hesitates_at, cycles_left = -1, 0

    def _takes(self, channel: str, payload: tuple[str, ...], able: bool = True) -> bool:
        dut, waits = self._dut, channel == "w" and not able
        if channel != "w":
            address = int(getattr(dut, f"m_axi_{channel}addr").value)
            is_valid = bool(getattr(dut, f"m_axi_{channel}valid").value)
            waits = is_valid and address == self.hesitates_at and self.cycles_left > 0
            self.cycles_left -= waits
        getattr(dut, f"m_axi_{channel}ready").value = not waits
        return not waits and super()._takes(channel, payload, able)


class Recovery:
    """A bench, and the program that shows that nothing is left of the run before."""

    def __init__(self, dut: Any):
        self.config = configuration()
        self.bench = Bench(dut, self.config)
        self.bench.watch = self._watch
        self.sound = sound_program(self.config)
        self.last: ErrorCode | None = None  # how the run before ended, since the last reset
        self._forget()

    def _forget(self) -> None:
        self.abort_takes = False  # ABORT came while nothing else ended the run
        self.abort_source = 0  # the descriptor that would have come next
        self.doing: set[str] = set()  # in the cycle of ABORT
        self._at_stop: tuple[int, int, int] | None = None

    def _traffic(self) -> tuple[int, int, int]:
        """Bursts read, bursts written, words written, so far."""
        memory = self.bench.memory
        if memory is None:
            return (0, 0, 0)
        bursts = memory.monitor.bursts
        return (bursts[False], bursts[True], memory.written_beats)

    def _watch(self) -> None:
        """Notes the cycle of ABORT, and what went out before the first cycle of the stop."""
        dut = self.bench.dut
        core, control = dut.core, dut.control
        if int(dut.registers.abort.value):
            self.abort_source = int(core.fetch.source.value) * DESCRIPTOR_BYTES
            ended = int(core.supervision__ended.value)
            self.abort_takes = bool(control.status__running.value) and not ended
            self.doing = self.at_work
        if int(control.status__stopping.value) and self._at_stop is None:
            self._at_stop = self._traffic()

    @property
    def at_work(self) -> set[str]:
        """What the accelerator is doing in this cycle."""
        dut = self.bench.dut
        doing = {
            "reading": dut.core.read_manager.unanswered.value,
            "writing": dut.m_axi_wvalid.value,
            "computing": dut.core.issue.step.value,
        }
        return {name for name, value in doing.items() if int(value)}

    async def reset(self) -> None:
        await self.bench.reset()
        self.last = None

    def memory(self, code: bytes | None = None) -> Memory:
        program = self.sound.program
        memory = Memory(program)
        memory.place(program.region(program.graph.input).address, self.sound.image)
        if code is not None:
            memory.place(program.code.address, code)
        return memory

    async def start(
        self,
        memory: Memory,
        stalls: random.Random | None = None,
        respond: Response | None = None,
    ) -> None:
        """Start a run that may read and write anything in its windows."""
        await self.start_on(self.bench.attach(memory, stalls, respond))

    async def start_on(self, memory: ReferenceMemory) -> None:
        memory.monitor.classifies = False
        self.bench.memory = memory
        self._forget()
        await self.bench.start(self.sound.program.code.address, memory.memory)

    async def finish(self, limit: int = PATIENCE_CYCLES) -> Run:
        run = await self.bench.finish(limit)
        assert run.events["end"] != run.events["error"], run.events
        assert bool(run.events["error"]) == (run.error is not ErrorCode.NONE)
        assert self._at_stop is not None
        went_out = [now - then for now, then in zip(self._traffic(), self._at_stop, strict=True)]
        assert max(went_out) <= 1, f"{went_out} went out behind the end: only what stood may"
        coverage.record(bins_of_end(run.error))
        self.last = run.error
        return run

    async def finish_or_abort(self, limit: int) -> Run:
        """What is longer than `limit` cycles must end at once by ABORT."""
        for _ in range(limit):
            if self.bench.dut.irq.value:
                return await self.finish(1)
            await self.bench.step()
        await self.bench.write("CONTROL", ABORTED)
        return await self.finish(ABORT_CYCLES)

    async def runs_on(self) -> None:
        """The sound program runs correctly, in as many cycles as ever."""
        sound = self.sound
        run = await run_program(self.bench, sound.program, sound.image, limit=PATIENCE_CYCLES)
        assert run.memory[: len(sound.memory)] == sound.memory
        assert run.cycles == sound.cycles
        if self.last is not None:
            coverage.record({"runs without reset"})
            if self.last is not ErrorCode.NONE:
                coverage.record({"run after error"})
        self.last = ErrorCode.NONE


async def ready(dut: Any) -> Recovery:
    recovery = Recovery(dut)
    await recovery.reset()
    return recovery


def check_blame(program: Program, source: int, address: int, write: bool) -> None:
    """The blamed descriptor reads or writes this address; the first page blames its first."""
    index = (source - program.code.address) // DESCRIPTOR_BYTES
    descriptor: Any = program.descriptors[index]
    if program.code.address <= address < program.code.address + PAGE_BYTES:
        assert index == 0
        return
    assert isinstance(descriptor, Store if write else Load)
    length = descriptor.row_words * program.config.word_bytes
    starts = [
        descriptor.address + block * descriptor.block_stride_bytes
        + row * descriptor.row_stride_bytes
        for block in range(descriptor.blocks)
        for row in range(descriptor.rows)
    ]  # fmt: skip
    assert any(start <= address < start + length for start in starts), (index, hex(address))
