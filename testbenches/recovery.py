"""A bench for runs that may end in any way, each followed by a program that must run correctly."""

import os
from dataclasses import dataclass
from operator import le
from typing import Any

from cocotb import start_soon
from cocotb.task import Task
from cocotb.triggers import FallingEdge, RisingEdge

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
from hwsim.testbenches.axi_memory import REFERENCE, Behaviour, Contents, Violation
from hwsim.testbenches.bench import TOLERANCE, Bench, Run, configuration, run_program
from hwsim.testbenches.cases import CaseStage, drawn_layers
from hwsim.testbenches.coverage_bins import bins_of_end
from hwsim.timeline import time_program
from tests.drawn import drawn_input

PATIENCE_CYCLES = 30_000  # after them a run counts as hung
ABORT_CYCLES = 3_000  # ABORT must end a run within them
DOING = ("reading", "writing", "computing")  # outputs of network.sv
ABORTED = register("CONTROL").pack(abort=1)


@dataclass(frozen=True)
class Sound:
    """The sound program, which must run correctly after every other run."""

    program: Program
    image: bytes
    memory: bytes


def sound_program(config: Config) -> Sound:
    shape = Shape(2 * config.array.input_lanes, 8, 8)  # two blocks: one can lie past a buffer
    graph = drawn_layers("recovery", shape, (CaseStage(8, k=2),), config, seed=1)
    program = compile_graph(graph, config)
    image = drawn_input(program.graph, seed=2)
    memory = Machine(program, {program.graph.only_input.name: image}).run().data.tobytes()
    return Sound(program, pack_features(image, config), memory)


class Recovery:
    """A bench with a sound program, which shows that the run before left no trace."""

    def __init__(self, dut: Any):
        self.config = configuration()
        self.dut = dut
        self.bench = Bench(dut, self.config)
        self.sound = sound_program(self.config)
        self.usual_cycles = 0  # of the sound program
        self.last: ErrorCode | None = None  # end of the last run since reset
        self._watches: list[Task[None]] = []
        self._forget()

    def _forget(self) -> None:
        for watch in self._watches:
            watch.cancel()
        self._watches = []
        self.abort_takes = False  # ABORT is the only reason for the end
        self.abort_source = 0  # the descriptor that was next
        self.doing: set[str] = set()  # activities in the cycle of ABORT
        self._at_stop: tuple[int, int, int] | None = None

    def _traffic(self) -> tuple[int, int, int]:
        """Return the numbers of bursts read, bursts written and beats written, so far."""
        count = self.bench.memory.count
        return count("read_bursts"), count("write_bursts"), count("written_beats")

    async def _watch_abort(self) -> None:
        dut = self.dut
        await RisingEdge(dut.aborting)
        await FallingEdge(dut.clk)
        self.abort_source = int(dut.next_descriptor.value) * DESCRIPTOR_BYTES
        self.abort_takes = bool(dut.running.value) and not dut.ended.value
        self.doing = self.at_work

    async def _watch_stop(self) -> None:
        """Record the traffic before the first cycle of the stop."""
        await RisingEdge(self.dut.stopping)
        await FallingEdge(self.dut.clk)
        self._at_stop = self._traffic()

    @property
    def at_work(self) -> set[str]:
        """Return the activities of the accelerator in this cycle."""
        return {name for name in DOING if getattr(self.dut, name).value}

    async def reset(self) -> None:
        self._forget()
        await self.bench.reset()
        self.last = None

    def contents(self, code: bytes | None = None) -> Contents:
        """Return memory for the sound program, or for `code` in its place, without classes."""
        program = self.sound.program
        contents = Contents.of(program)
        contents.rules = contents.rules.without_classes
        contents.place(program.region(program.graph.inputs[0]).address, self.sound.image)
        if code is not None:
            contents.place(program.code.address, code)
        return contents

    async def load(self, contents: Contents, behaviour: Behaviour = REFERENCE) -> None:
        """Load another memory, and watch the traffic from now on."""
        await self.bench.memory.load_contents(contents, behaviour)
        self._forget()
        self._watches = [start_soon(self._watch_abort()), start_soon(self._watch_stop())]

    async def start(
        self, contents: Contents | None = None, behaviour: Behaviour = REFERENCE
    ) -> None:
        """Start the program in a new memory, by default the sound program."""
        contents = contents or self.contents()
        await self.load(contents, behaviour)
        await self.bench.start(self.sound.program.code.address, contents.rules)

    async def finish(self, limit: int = PATIENCE_CYCLES) -> Run:
        """Await the end of the run, and check the claims that hold for every end."""
        run = await self.bench.finish(limit)
        assert run.events["end"] != run.events["error"], run.events
        assert bool(run.events["error"]) == (run.error is not ErrorCode.NONE)
        assert run.violation is Violation.NONE, run.violation.name
        assert run.is_complete(self.config.bus_bytes)
        assert self.bench.memory.is_quiet()
        assert self._at_stop is not None
        went_out = [now - then for now, then in zip(self._traffic(), self._at_stop, strict=True)]
        stood = (1, 1, self.config.beats_per_word)
        assert all(map(le, went_out, stood)), f"{went_out} went out behind the end, not {stood}"
        coverage.record(bins_of_end(run.error))
        self.last = run.error
        return run

    async def finish_or_abort(self, limit: int) -> Run:
        """Finish the run; if it takes more than `limit` cycles, ABORT must end it at once."""
        if await self.bench.interrupt(limit):
            return await self.finish(1)
        await self.bench.write("CONTROL", ABORTED)
        return await self.finish(ABORT_CYCLES)

    async def runs_on(self) -> None:
        """Check that the sound program runs correctly, in as many cycles as always."""
        run = await self._sound_run()
        assert run.cycles == self.usual_cycles
        if self.last is not None:
            coverage.record({"runs without reset"})
            if self.last is not ErrorCode.NONE:
                coverage.record({"run after error"})
        self.last = ErrorCode.NONE

    async def measure_usual_cycles(self) -> None:
        """Run the sound program straight after a reset: every later run takes as long."""
        self.usual_cycles = (await self._sound_run()).cycles
        timed = time_program(self.sound.program).cycles
        assert abs(timed / self.usual_cycles - 1) <= float(os.environ.get(TOLERANCE, "0")), timed

    async def _sound_run(self) -> Run:
        sound = self.sound
        images = {sound.program.graph.only_input.name: sound.image}
        run = await run_program(self.bench, sound.program, images, limit=PATIENCE_CYCLES)
        assert run.memory[: len(sound.memory)] == sound.memory
        return run


async def ready(dut: Any) -> Recovery:
    recovery = Recovery(dut)
    await recovery.reset()
    await recovery.measure_usual_cycles()
    await recovery.reset()
    return recovery


def check_blame(program: Program, source: int, address: int, write: bool) -> None:
    """Check that the blamed descriptor accesses this address; the first page blames its first."""
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
