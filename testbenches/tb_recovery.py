"""The accelerator cannot be wedged: whatever goes wrong, it says so, idles, and runs on."""

import os
import random
from dataclasses import dataclass
from typing import Any

import cocotb

from hwsim.compiler import compile_graph
from hwsim.compiler.pack import pack_features
from hwsim.config import Config
from hwsim.errors import InputError
from hwsim.machine import Machine
from hwsim.program.descriptor import Descriptor, End, Load, Store, decode, encode
from hwsim.program.error_codes import ErrorCode
from hwsim.program.fields import (
    DESCRIPTOR_BYTES,
    FIELDS,
    PAGE_BYTES,
    PAGE_DESCRIPTORS,
    Destination,
    Opcode,
)
from hwsim.program.program import WINDOW_BYTES, Program, Window
from hwsim.program.registers import register
from hwsim.program.rules import broken_rule
from hwsim.timeline import time_program
from testbenches import coverage
from testbenches.bench import Bench, Run, run_program
from testbenches.cases import case_graph
from testbenches.coverage_bins import bins_of_end
from testbenches.reference_memory import Memory, ReferenceMemory, Response
from testbenches.replay import narrowed, seed_of
from testbenches.tb_accelerator import configuration
from testbenches.wrong_programs import wrong_programs
from tests.drawn import drawn_input

WRONG = "HWSIM_WRONG"  # environment: the one wrong program to run
ENDS = "HWSIM_ENDS"  # environment: after every how many cycles a run is aborted or reset
FUZZED = "HWSIM_FUZZED"  # environment: first and last seed of spoilt programs
PATIENCE_CYCLES = 30_000  # before a run counts as hung
FUZZ_CYCLES = 6_000  # before a spoilt program is aborted: it may be long, not endless
STALLING_SPAN = 3  # about how much longer a run takes on a memory that hesitates
SLVERR, DECERR = 2, 3
STARTED = register("CONTROL").pack(start=1)
ABORTED = register("CONTROL").pack(abort=1)


@dataclass(frozen=True)
class Sound:
    """A program that must run correctly after whatever happened before it."""

    program: Program
    image: bytes
    memory: bytes
    cycles: int


def sound_program(config: Config) -> Sound:
    program = compile_graph(case_graph("slice", config), config)
    image = drawn_input(program.graph, seed=2)
    memory = Machine(program, image).run().data.tobytes()
    return Sound(program, pack_features(image, config), memory, time_program(program).cycles)


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
            self.abort_takes = bool(control.running.value) and not int(core.ended.value)
            doing = {
                "reading": core.read_manager.unanswered.value,
                "writing": dut.m_axi_wvalid.value,
                "computing": core.issue.step.value,
            }
            self.doing = {name for name, value in doing.items() if int(value)}
        if int(control.stop.value) and self._at_stop is None:
            self._at_stop = self._traffic()

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


@cocotb.test()
async def names_every_mistake(dut: Any) -> None:
    """Error code and descriptor of each wrong program; nothing outside the windows is touched."""
    recovery = await ready(dut)
    program = recovery.sound.program
    for wrong in wrong_programs(program):
        with narrowed(WRONG, wrong.name, wrong.name):
            if os.environ.get(WRONG, wrong.name) != wrong.name:
                continue
            memory = recovery.memory(wrong.code)
            before = bytes(memory.data[program.constants.base :])
            await recovery.start(memory)
            run = await recovery.finish()
            blamed, odd = divmod(run.error_descriptor - program.code.address, DESCRIPTOR_BYTES)
            found = (run.error.name, blamed, odd)
            assert found == (wrong.error.name, wrong.blamed, 0), f"{wrong.name}: {found}"
            assert run.memory[program.constants.base :] == before, wrong.name
            await recovery.runs_on()


@cocotb.test()
async def refuses_a_program_outside_the_windows(dut: Any) -> None:
    recovery = await ready(dut)
    memory = recovery.memory()
    outside = memory.constants.limit + 1
    recovery.bench.attach(memory)
    await recovery.bench.start(outside, memory)
    run = await recovery.finish()
    assert (run.error, run.error_descriptor) == (ErrorCode.READ_WINDOW, outside)
    assert not any(run.monitor_bytes.values())
    await recovery.runs_on()


@cocotb.test()
async def keeps_out_of_closed_windows(dut: Any) -> None:
    """After reset the windows are empty; afterwards a run stays in those that the host opened."""
    recovery = await ready(dut)
    bench, program = recovery.bench, recovery.sound.program
    bench.attach(recovery.memory())
    await bench.write("PROGRAM_ADDRESS", program.code.address)
    await bench.write("INTERRUPT_ENABLE", 7)
    await bench.write("CONTROL", STARTED)
    run = await recovery.finish()
    assert (run.error, run.error_descriptor) == (ErrorCode.READ_WINDOW, program.code.address)
    assert not any(run.monitor_bytes.values())
    await recovery.runs_on()
    # Features whose base is above their limit, and constants that are one page too short.
    for name, window in (
        ("features", Window(WINDOW_BYTES, WINDOW_BYTES - 1)),
        ("constants", Window(program.constants.base, program.code.address - 1)),
    ):
        memory = recovery.memory()
        setattr(memory, name, window)
        await recovery.start(memory)
        assert (await recovery.finish()).error is ErrorCode.READ_WINDOW, name
        await recovery.runs_on()


@cocotb.test()
@cocotb.parametrize(response=[SLVERR, DECERR], write=[False, True])
async def stops_at_a_bus_error(dut: Any, response: int, write: bool) -> None:
    """On any beat of either channel; the descriptor is the one that asked for the beat."""
    recovery = await ready(dut)
    program = recovery.sound.program
    counts = {False: 0, True: 0}

    def count(is_write: bool, _address: int) -> int:
        counts[is_write] += 1
        return 0

    await recovery.start(recovery.memory(), respond=count)
    await recovery.finish()
    step = max(1, int(os.environ.get(ENDS, "97")) // 4) if not write else 1
    for nth in range(0, counts[write], step):
        seen = 0
        blamed_address = -1

        def respond(is_write: bool, address: int, nth: int = nth) -> int:
            nonlocal seen, blamed_address
            if is_write != write:
                return 0
            seen += 1
            if seen - 1 == nth:
                blamed_address = address
                return response
            return 0

        await recovery.start(recovery.memory(), respond=respond)
        run = await recovery.finish()
        expected = ErrorCode.WRITE_RESPONSE if write else ErrorCode.READ_RESPONSE
        assert run.error is expected, f"beat {nth}: {run.error.name}"
        _check_blame(program, run.error_descriptor, blamed_address, write)
        await recovery.runs_on()


def _check_blame(program: Program, source: int, address: int, write: bool) -> None:
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


@cocotb.test()
@cocotb.parametrize(stalling=[False, True])
async def aborts_in_any_cycle(dut: Any, stalling: bool) -> None:
    recovery = await ready(dut)
    bench, sound = recovery.bench, recovery.sound
    every = int(os.environ.get(ENDS, "97")) * (STALLING_SPAN if stalling else 1)
    last = sound.cycles * (STALLING_SPAN if stalling else 1)
    for delay in range(0, last, every):
        stalls = random.Random(seed_of("abort", delay)) if stalling else None
        await recovery.start(recovery.memory(), stalls)
        for _ in range(delay):
            await bench.step()
        assert await bench.write("CONTROL", ABORTED) == 0
        run = await recovery.finish(2000)
        if recovery.abort_takes:
            expected = (ErrorCode.ABORTED, recovery.abort_source)
            coverage.record({f"abort while {name}" for name in recovery.doing})
        else:
            expected = (ErrorCode.NONE, 0)
        assert (run.error, run.error_descriptor) == expected, delay
        assert bench.memory is not None
        assert bench.memory.is_quiet
        await recovery.runs_on()


@cocotb.test()
async def aborts_a_program_that_never_ends(dut: Any) -> None:
    """A page whose first descriptor loads the same page again."""
    recovery = await ready(dut)
    program = recovery.sound.program
    page_words = PAGE_BYTES // recovery.config.word_bytes
    page = encode(Load(Destination.PROGRAM, program.code.address, page_words))
    page += encode(Load(Destination.FEATURES, 0, 1)) * (PAGE_DESCRIPTORS - 1)
    for delay in range(100, 3000, 241):
        await recovery.start(recovery.memory(page))
        for _ in range(delay):
            await recovery.bench.step()
        assert not dut.irq.value
        await recovery.bench.write("CONTROL", ABORTED)
        run = await recovery.finish(500)
        assert (run.error, run.error_descriptor) == (ErrorCode.ABORTED, recovery.abort_source)
        await recovery.runs_on()


@cocotb.test()
@cocotb.parametrize(write=[False, True])
async def no_other_fault_hides_a_bus_error(dut: Any, write: bool) -> None:
    """Behind END, when a burst that leaves the windows stands beside it."""
    recovery = await ready(dut)
    program, bench = recovery.sound.program, recovery.bench
    outside = program.constants.limit + 1
    first: list[Descriptor]
    if write:
        first = [Store(0, 0, 32, 1, 0, 1, 0, 0), Store(0, outside, 1, 1, 0, 1, 0, 0)]
        named, hidden = ErrorCode.WRITE_RESPONSE, ErrorCode.WRITE_WINDOW
    else:
        first = [Load(Destination.FEATURES, 0, 32), Load(Destination.FEATURES, outside, 1)]
        named, hidden = ErrorCode.READ_RESPONSE, ErrorCode.READ_WINDOW
    code = b"".join(map(encode, [*first, End(0)]))
    seen = set()
    for cycles in range(40):
        memory = HesitantMemory(
            dut,
            recovery.config,
            recovery.memory(code),
            respond=lambda is_write, address: SLVERR if is_write == write and address < 256 else 0,
        )
        memory.hesitates_at, memory.cycles_left = 0, cycles
        await recovery.start_on(memory)
        run = await recovery.finish()
        assert run.error in {named, hidden}, (cycles, run.error.name)
        seen.add(run.error)
        await recovery.runs_on()
    assert seen == {named, hidden}
    assert bench.memory is not None


@cocotb.test()
async def abort_of_an_idle_accelerator_changes_nothing(dut: Any) -> None:
    recovery = await ready(dut)
    await recovery.bench.write("INTERRUPT_ENABLE", 7)
    await recovery.bench.write("CONTROL", ABORTED)
    for _ in range(10):
        assert not dut.irq.value
        await recovery.bench.step()
    await recovery.runs_on()


@cocotb.test()
async def resets_in_any_cycle(dut: Any) -> None:
    """Accelerator and bus together."""
    recovery = await ready(dut)
    every = 3 * int(os.environ.get(ENDS, "97"))
    for delay in range(0, recovery.sound.cycles, every):
        await recovery.start(recovery.memory())
        for _ in range(delay):
            await recovery.bench.step()
        await recovery.reset()
        assert not dut.irq.value
        assert await recovery.bench.read("STATUS") == 0
        await recovery.runs_on()


@cocotb.test()
async def refuses_a_start_while_running(dut: Any) -> None:
    """Also other windows and another program: the run goes on, in the same cycles."""
    recovery = await ready(dut)
    bench, sound = recovery.bench, recovery.sound
    for name in ("CONTROL", "PROGRAM_ADDRESS", "CONSTANTS_BASE", "FEATURES_LIMIT"):
        await recovery.start(recovery.memory())
        for _ in range(200):
            await bench.step()
        before = await bench.read(name)
        await bench.write(name, STARTED if name == "CONTROL" else 0x5000)
        assert await bench.read(name) == before
        assert dut.irq.value
        assert register("INTERRUPT_STATUS").unpack(await bench.read("INTERRUPT_STATUS")) == {
            "end": 0,
            "error": 0,
            "refused": 1,
        }
        await bench.write("INTERRUPT_STATUS", 4)
        run = await recovery.finish()
        assert (run.error, run.cycles) == (ErrorCode.NONE, sound.cycles)
        assert run.memory[: len(sound.memory)] == sound.memory
        coverage.record(
            {"start while busy" if name == "CONTROL" else "window written while busy", "interrupt"}
        )
    await recovery.runs_on()


@cocotb.test()
async def waits_for_a_memory_that_never_answers(dut: Any) -> None:
    """BUSY stays, whatever the host does, until a reset: an accepted burst cannot be taken back."""
    recovery = await ready(dut)
    bench = recovery.bench
    await recovery.start(recovery.memory())
    for _ in range(100):
        await bench.step()
    bench.memory = None  # from now on nothing answers
    for name in ("rvalid", "bvalid"):
        getattr(dut, f"m_axi_{name}").value = 0
    await bench.write("CONTROL", ABORTED)
    for _ in range(500):
        await bench.step()
    status = register("STATUS").unpack(await bench.read("STATUS"))
    assert status == {"busy": 1, "stopping": 1}
    assert not dut.irq.value
    await recovery.reset()
    await recovery.runs_on()


@cocotb.test()
async def survives_spoilt_programs(dut: Any) -> None:
    """Random bits and fields of a sound program: it ends, and the next program is correct."""
    recovery = await ready(dut)
    program = recovery.sound.program
    first, last = map(int, os.environ.get(FUZZED, "0 39").split())
    for seed in range(first, last + 1):
        with narrowed(FUZZED, f"{seed} {seed}", f"{first} {seed}"):
            drawn = random.Random(seed_of("spoilt", seed))
            code = _spoilt(program, drawn)
            stalls = drawn if drawn.random() < 0.3 else None
            await recovery.start(recovery.memory(code), stalls)
            run = await _finish_or_abort(recovery)
            _check_judgement(program, code, run)
            await recovery.runs_on()


def _spoilt(program: Program, drawn: random.Random) -> bytes:
    """One to three descriptors with random bits flipped, or a field at an odd value."""
    words = [
        int.from_bytes(program.code_bytes[start : start + DESCRIPTOR_BYTES], "little")
        for start in range(0, PAGE_BYTES, DESCRIPTOR_BYTES)
    ]
    for _ in range(drawn.randint(1, 3)):
        index = drawn.randrange(len(program.descriptors))
        code = words[index] & 15
        if code in list(Opcode) and drawn.random() < 0.8:
            low = 0
            fields = FIELDS[Opcode(code)]
            chosen = drawn.randrange(1, len(fields))
            low = sum(field.bits for field in fields[:chosen])
            mask = (1 << fields[chosen].bits) - 1
            old = words[index] >> low & mask
            new = drawn.choice([0, 1, old + 1, old - 1, mask, 8 * drawn.randrange(512),
                                drawn.getrandbits(32)]) & mask  # fmt: skip
            words[index] ^= (old ^ new) << low
        else:
            words[index] ^= 1 << drawn.randrange(8 * DESCRIPTOR_BYTES)
    return b"".join(word.to_bytes(DESCRIPTOR_BYTES, "little") for word in words)


async def _finish_or_abort(recovery: Recovery) -> Run:
    """A run of `FUZZ_CYCLES` at most; what is longer must end at once by ABORT."""
    bench = recovery.bench
    for _ in range(FUZZ_CYCLES):
        if bench.dut.irq.value:
            return await recovery.finish(1)
        await bench.step()
    await bench.write("CONTROL", ABORTED)
    return await recovery.finish(3000)


def _check_judgement(program: Program, code: bytes, run: Run) -> None:
    """What the hardware says of a descriptor is what the decoder and the rules say of it."""
    index = (run.error_descriptor - program.code.address) // DESCRIPTOR_BYTES
    judged = {ErrorCode.OPCODE, ErrorCode.RESERVED, ErrorCode.FIELD}
    if run.error in judged:
        assert _judge(code, index, program.config) is run.error, (index, run.error.name)
    elif run.error is ErrorCode.NONE:
        for position in range(len(program.descriptors)):
            assert _judge(code, position, program.config) is ErrorCode.NONE, position
            if code[position * DESCRIPTOR_BYTES] & 15 == Opcode.END:
                break


def _judge(code: bytes, index: int, config: Config) -> ErrorCode:
    data = code[index * DESCRIPTOR_BYTES : (index + 1) * DESCRIPTOR_BYTES]
    try:
        descriptor = decode(data)
    except InputError as error:
        return ErrorCode.OPCODE if "opcode" in str(error) else ErrorCode.RESERVED
    return ErrorCode.FIELD if broken_rule(descriptor, config) else ErrorCode.NONE
