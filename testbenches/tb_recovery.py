"""The accelerator never hangs: after every fault it reports the fault, idles, and runs again."""

import itertools
import os
import random
from typing import Any

import cocotb

from hwsim.isa.descriptor import Descriptor, End, Load, Store, encode
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import DESCRIPTOR_BYTES, PAGE_BYTES, PAGE_DESCRIPTORS, Destination
from hwsim.isa.registers import register
from hwsim.program.program import WINDOW_BYTES
from hwsim.testbenches import coverage
from hwsim.testbenches.axi_memory import DECERR, REFERENCE, SLVERR, Behaviour, hesitant
from hwsim.testbenches.recovery import ABORTED, DOING, check_blame, ready
from hwsim.testbenches.replay import narrowed, seed_of
from hwsim.testbenches.spoilt_programs import check_judgement, spoilt_code
from hwsim.testbenches.wrong_programs import WrongProgram, wrong_programs

WRONG = "HWSIM_WRONG"  # environment: the one wrong program to run
ENDS = "HWSIM_ENDS"  # environment: the first cycle in which a run is aborted or reset, and a step
FUZZED = "HWSIM_FUZZED"  # environment: first and last seed of spoilt programs
FUZZ_CYCLES = 6_000  # a longer spoilt program is aborted
STALLING_SPAN = 3  # a hesitant memory makes a run about so many times as long
STARTED = register("CONTROL").pack(start=1)


def ends(scale: int = 1) -> tuple[int, int]:
    """Return the first cycle and the step; `scale` makes the step coarser."""
    first, step = map(int, os.environ.get(ENDS, "0 97").split())
    return scale * first, scale * step


@cocotb.test()
async def names_every_mistake(dut: Any) -> None:
    """Each wrong program gets its error code and descriptor, and accesses only its windows."""
    recovery = await ready(dut)
    program = recovery.sound.program
    by_name: dict[str, WrongProgram] = {}
    for wrong in wrong_programs(program):
        assert by_name.setdefault(wrong.name, wrong) is wrong, f"two programs are '{wrong.name}'"
    names = [os.environ[WRONG]] if WRONG in os.environ else [*by_name]
    for wrong in map(by_name.__getitem__, names):
        with narrowed(WRONG, wrong.name, wrong.name):
            contents = recovery.contents(wrong.code)
            before = bytes(contents.data[program.constants.base :])
            await recovery.start(contents)
            run = await recovery.finish()
            blamed, odd = divmod(run.error_descriptor - program.code.address, DESCRIPTOR_BYTES)
            found = (run.error.name, blamed, odd)
            assert found == (wrong.error.name, wrong.blamed, 0), f"{wrong.name}: {found}"
            assert run.memory[program.constants.base :] == before, wrong.name
            await recovery.runs_on()


@cocotb.test()
async def refuses_a_program_outside_the_windows(dut: Any) -> None:
    recovery = await ready(dut)
    contents = recovery.contents()
    outside = contents.rules.constants_limit + 1
    await recovery.load(contents)
    await recovery.bench.start(outside, contents.rules)
    run = await recovery.finish()
    assert (run.error, run.error_descriptor) == (ErrorCode.READ_WINDOW, outside)
    assert run.monitor_bytes.total == 0
    await recovery.runs_on()


@cocotb.test()
async def keeps_out_of_closed_windows(dut: Any) -> None:
    """The windows are empty after reset; later a run stays in those that the host opened."""
    recovery = await ready(dut)
    bench, program = recovery.bench, recovery.sound.program
    await recovery.load(recovery.contents())
    await bench.write("PROGRAM_ADDRESS", program.code.address)
    await bench.write("INTERRUPT_ENABLE", 7)
    await bench.write("CONTROL", STARTED)
    run = await recovery.finish()
    assert (run.error, run.error_descriptor) == (ErrorCode.READ_WINDOW, program.code.address)
    assert run.monitor_bytes.total == 0
    await recovery.runs_on()
    # One window whose base is above its limit, and one that is a page too short.
    for name, window in (
        ("features", {"features_base": WINDOW_BYTES, "features_limit": WINDOW_BYTES - 1}),
        ("constants", {"constants_limit": program.code.address - 1}),
    ):
        contents = recovery.contents()
        contents.rules = contents.rules.model_copy(update=window)
        await recovery.start(contents)
        assert (await recovery.finish()).error is ErrorCode.READ_WINDOW, name
        await recovery.runs_on()


@cocotb.test()
@cocotb.parametrize(response=[SLVERR, DECERR], write=[False, True])
async def stops_at_a_bus_error(dut: Any, response: int, write: bool) -> None:
    """An error on any beat of either channel ends the run and names the beat's descriptor."""
    recovery = await ready(dut)
    program = recovery.sound.program
    await recovery.start()
    await recovery.finish()
    memory = recovery.bench.memory
    answers = memory.count("write_bursts" if write else "read_beats")
    assert answers > 0
    step = 1 if write else max(1, ends()[1] // 4)
    for nth in range(0, answers, step):
        at = {"write_error_at" if write else "read_error_at": nth}
        await recovery.start(behaviour=Behaviour(error=response, **at))
        run = await recovery.finish()
        expected = ErrorCode.WRITE_RESPONSE if write else ErrorCode.READ_RESPONSE
        assert run.error is expected, f"beat {nth}: {run.error.name}"
        check_blame(program, run.error_descriptor, memory.error_address, write)
        await recovery.runs_on()


@cocotb.test()
@cocotb.parametrize(stalling=[False, True])
async def aborts_in_any_cycle(dut: Any, stalling: bool) -> None:
    recovery = await ready(dut)
    bench = recovery.bench
    span = STALLING_SPAN if stalling else 1
    first, step = ends(span)
    for delay in range(first, span * recovery.usual_cycles, step):
        seed = seed_of("abort", delay)
        await recovery.start(behaviour=hesitant(seed) if stalling else REFERENCE)
        await bench.sleep(delay)
        assert await bench.write("CONTROL", ABORTED) == 0
        run = await recovery.finish(2000)
        if recovery.abort_takes:
            expected = (ErrorCode.ABORTED, recovery.abort_source)
            coverage.record({f"abort while {name}" for name in recovery.doing})
        else:
            expected = (ErrorCode.NONE, 0)
        assert (run.error, run.error_descriptor) == expected, delay
        await recovery.runs_on()


@cocotb.test()
@cocotb.parametrize(doing=DOING)
async def aborts_while(dut: Any, doing: str) -> None:
    """ABORT ends a run while each unit is active, whatever cycles `aborts_in_any_cycle` uses."""
    recovery = await ready(dut)
    await recovery.start()
    while doing not in recovery.at_work:
        assert not dut.irq.value, f"the accelerator was never {doing}"
        await recovery.bench.step()
    await recovery.bench.write("CONTROL", ABORTED)
    run = await recovery.finish(2000)
    assert doing in recovery.doing
    assert (run.error, run.error_descriptor) == (ErrorCode.ABORTED, recovery.abort_source)
    coverage.record({f"abort while {name}" for name in recovery.doing})
    await recovery.runs_on()


@cocotb.test()
async def aborts_a_program_that_never_ends(dut: Any) -> None:
    """ABORT ends an endless program: a page whose first descriptor loads the same page again."""
    recovery = await ready(dut)
    program = recovery.sound.program
    page_words = PAGE_BYTES // recovery.config.word_bytes
    page = encode(Load.single_run(Destination.PROGRAM, program.code.address, page_words))
    page += encode(Load.single_run(Destination.FEATURES, 0, 1)) * (PAGE_DESCRIPTORS - 1)
    for delay in range(100, 3000, 241):
        await recovery.start(recovery.contents(page))
        await recovery.bench.sleep(delay)
        assert not dut.irq.value
        await recovery.bench.write("CONTROL", ABORTED)
        run = await recovery.finish(500)
        assert (run.error, run.error_descriptor) == (ErrorCode.ABORTED, recovery.abort_source)
        await recovery.runs_on()


@cocotb.test()
@cocotb.parametrize(write=[False, True])
async def no_other_fault_hides_a_bus_error(dut: Any, write: bool) -> None:
    """A bus error after END is reported, although a burst outside the windows waits too."""
    recovery = await ready(dut)
    outside = recovery.sound.program.constants.limit + 1
    page_beats = PAGE_BYTES // recovery.config.bus_bytes  # the page is read first
    if write:
        named, hidden = ErrorCode.WRITE_RESPONSE, ErrorCode.WRITE_WINDOW
        at = {"write_error_at": 0}
    else:
        named, hidden = ErrorCode.READ_RESPONSE, ErrorCode.READ_WINDOW
        at = {"read_error_at": page_beats}
    seen = set()
    for bursts, cycles in itertools.product((1, 2), range(0, 40, 2)):
        words = bursts * recovery.config.burst_words
        first: list[Descriptor] = [
            Store(0, 0, words, 1, 0, 1, 0, 0), Store(0, outside, 1, 1, 0, 1, 0, 0),
        ] if write else [
            Load.single_run(Destination.FEATURES, 0, words),
            Load.single_run(Destination.FEATURES, outside, 1),
        ]  # fmt: skip
        code = b"".join(map(encode, [*first, End(0)]))
        behaviour = Behaviour(held_address=0, held_cycles=cycles, **at)
        await recovery.start(recovery.contents(code), behaviour)
        run = await recovery.finish()
        assert run.error in {named, hidden}, (bursts, cycles, run.error.name)
        seen.add(run.error)
        await recovery.runs_on()
    assert seen == {named, hidden}


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
    """A reset of accelerator and bus for one cycle, at any time, leaves a sound accelerator."""
    recovery = await ready(dut)
    first, step = ends(3)
    channels = itertools.cycle(("ar", "aw", "w", ""))
    for delay in range(first, recovery.usual_cycles, step):
        await recovery.start()
        await recovery.bench.sleep(delay)
        channel = next(channels)
        while channel and not getattr(dut, f"{channel}valid").value and not dut.irq.value:
            await recovery.bench.step()
        await recovery.reset()
        assert not dut.irq.value
        assert await recovery.bench.read("STATUS") == 0
        await recovery.runs_on()


@cocotb.test()
async def refuses_a_start_while_running(dut: Any) -> None:
    """START, windows and program address written during a run change neither run nor cycles."""
    recovery = await ready(dut)
    bench, sound = recovery.bench, recovery.sound
    for name in ("CONTROL", "PROGRAM_ADDRESS", "CONSTANTS_BASE", "FEATURES_LIMIT"):
        await recovery.start()
        await bench.sleep(200)
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
        assert (run.error, run.cycles) == (ErrorCode.NONE, recovery.usual_cycles)
        assert run.memory[: len(sound.memory)] == sound.memory
        coverage.record(
            {"start while busy" if name == "CONTROL" else "window written while busy", "interrupt"}
        )
    await recovery.runs_on()


@cocotb.test()
async def waits_for_a_memory_that_never_answers(dut: Any) -> None:
    """BUSY stays until a reset if memory never answers: accepted bursts cannot be withdrawn."""
    recovery = await ready(dut)
    bench = recovery.bench
    await recovery.start()
    await bench.sleep(100)
    bench.memory.stop_answering()
    await bench.write("CONTROL", ABORTED)
    await bench.sleep(500)
    status = register("STATUS").unpack(await bench.read("STATUS"))
    assert status == {"busy": 1, "stopping": 1}
    assert not dut.irq.value
    await recovery.reset()
    await recovery.runs_on()


@cocotb.test()
async def survives_spoilt_programs(dut: Any) -> None:
    """A program with random spoilt bits and fields ends, and the next program is correct."""
    recovery = await ready(dut)
    program = recovery.sound.program
    first, last = map(int, os.environ.get(FUZZED, "0 39").split())
    for seed in range(first, last + 1):
        with narrowed(FUZZED, f"{seed} {seed}", f"{first} {seed}"):
            drawn = random.Random(seed_of("spoilt", seed))
            code = spoilt_code(program, drawn)
            behaviour = hesitant(drawn.getrandbits(64)) if drawn.random() < 0.3 else REFERENCE
            await recovery.start(recovery.contents(code), behaviour)
            run = await recovery.finish_or_abort(FUZZ_CYCLES)
            check_judgement(program, code, run)
            await recovery.runs_on()
