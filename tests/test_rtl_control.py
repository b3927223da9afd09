"""A run ends rightly in every way, alone and in the same cycle as another (Amaranth simulator)."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwsim.isa.error_codes import ErrorCode
from hwsim.rtl.host.control import PATIENCE_CYCLES, Control

OUTPUTS = ("running", "stopping", "busy", "end_event", "error_event")
WAITING, NEXT, BLAMED = 0x111, 0x222, 0x333

Cycle = dict[str, Any]
START: Cycle = {"start": 1}
MOVES: Cycle = {"active": 1}
BEAT: Cycle = {"quiet": 0}
STILL: Cycle = {}
END: Cycle = {"ended": 1, "active": 1}
ABORT: Cycle = {"abort": 1, "active": 1}


def fault(code: ErrorCode, source: int = BLAMED, **more: int) -> Cycle:
    return {"code": code, "source": source, "active": 1, **more}


def played(cycles: Iterable[Cycle]) -> list[Cycle]:
    """Return the outputs of each cycle; unless it says otherwise, the bus is quiet and idle."""
    dut = Control()
    seen: list[Cycle] = []

    async def bench(ctx: Any) -> None:
        core, status = dut.core, dut.status
        ctx.set(core.waiting, WAITING)
        ctx.set(core.next, NEXT)
        assert ctx.get(dut.clear & core.stop & status.busy)  # after a reset, for one cycle
        await ctx.tick()
        for cycle in cycles:
            for port, value in (
                (dut.launch.start, cycle.get("start", 0)),
                (dut.abort, cycle.get("abort", 0)),
                (core.ended, cycle.get("ended", 0)),
                (core.active, cycle.get("active", 0)),
                (core.quiet, cycle.get("quiet", 1)),
                (core.fault.code, cycle.get("code", ErrorCode.NONE)),
                (core.fault.source, cycle.get("source", 0)),
            ):
                ctx.set(port, value)
            seen.append(
                {name: ctx.get(getattr(status, name)) for name in OUTPUTS}
                | {"stop": ctx.get(core.stop), "clear": ctx.get(dut.clear)}
                | {"error": (ctx.get(status.error.code), ctx.get(status.error.source))}
            )
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


def cycles_with(seen: list[Cycle], name: str) -> list[int]:
    return [number for number, outputs in enumerate(seen) if outputs[name]]


def check_one_end(seen: list[Cycle], ends: int, over: int, code: ErrorCode, source: int) -> None:
    """Check one run from cycle 0, which ends by an input in `ends` with a quiet bus in `over`."""
    assert cycles_with(seen, "running") == list(range(1, ends + 1))
    assert cycles_with(seen, "stopping") == list(range(ends + 1, over + 1))
    assert cycles_with(seen, "stop") == list(range(ends + 1, over + 2))
    assert cycles_with(seen, "busy") == list(range(1, over + 2))
    assert cycles_with(seen, "clear") == [over + 1]
    happy = code == ErrorCode.NONE
    assert cycles_with(seen, "end_event") == ([over] if happy else [])
    assert cycles_with(seen, "error_event") == ([] if happy else [over])
    assert seen[over]["error"] == (code, source)  # the registers take it with the event
    assert seen[-1]["error"] == (code, source)  # the error stays


# Several in one cycle: a fault before END, END before a deadlock or ABORT.
ENDINGS: list[tuple[Cycle, ErrorCode, int]] = [
    (END, ErrorCode.NONE, 0),
    (END | ABORT, ErrorCode.NONE, 0),
    (ABORT, ErrorCode.ABORTED, NEXT),
    (ABORT | START, ErrorCode.ABORTED, NEXT),
    *(
        (fault(code, **more), code, BLAMED)
        for code in ErrorCode
        if code not in {ErrorCode.NONE, ErrorCode.DEADLOCK, ErrorCode.ABORTED}
        for more in ({}, {"ended": 1, "abort": 1, "start": 1})
    ),
]


@pytest.mark.parametrize("busy_cycles", [0, 1, 7])
@pytest.mark.parametrize(("ending", "code", "source"), ENDINGS)
def test_a_run_ends_once_and_is_cleared_when_the_bus_is_quiet(
    ending: Cycle, code: ErrorCode, source: int, busy_cycles: int
) -> None:
    seen = played([START, MOVES, BEAT, MOVES, ending, *[BEAT] * busy_cycles, *[STILL] * 5])
    check_one_end(seen, 4, 5 + busy_cycles, code, source)


def test_a_run_may_end_in_its_first_cycle() -> None:
    for ending, code, source in ENDINGS:
        check_one_end(played([START, ending, BEAT, *[STILL] * 3]), 1, 3, code, source)


def test_a_deadlock_is_called_after_patience_and_never_before() -> None:
    still = [STILL] * (PATIENCE_CYCLES - 1)
    nearly = [*still, MOVES, *still, BEAT, *still, MOVES | BEAT]
    ends = 1 + len(nearly) + PATIENCE_CYCLES
    seen = played([START, *nearly, *still, STILL, STILL, *[STILL] * 5])
    check_one_end(seen, ends, ends + 1, ErrorCode.DEADLOCK, WAITING)


def test_idle_cycles_before_the_start_are_no_part_of_a_deadlock() -> None:
    idle = [STILL] * 2 * PATIENCE_CYCLES
    seen = played([*idle, START, *[STILL] * PATIENCE_CYCLES, END, *idle])
    assert cycles_with(seen, "end_event") == [len(idle) + PATIENCE_CYCLES + 2]
    assert not cycles_with(seen, "error_event")


def test_a_memory_that_never_answers_is_no_deadlock() -> None:
    seen = played([START, *[BEAT] * (5 * PATIENCE_CYCLES)])
    assert cycles_with(seen, "running") == list(range(1, len(seen)))


@pytest.mark.parametrize(
    ("last", "code", "source"),
    [
        (fault(ErrorCode.BUFFER), ErrorCode.BUFFER, BLAMED),
        ({"ended": 1}, ErrorCode.NONE, 0),
        ({"abort": 1}, ErrorCode.DEADLOCK, WAITING),
    ],
)
def test_what_comes_in_the_cycle_of_a_deadlock(last: Cycle, code: ErrorCode, source: int) -> None:
    seen = played([START, *[STILL] * PATIENCE_CYCLES, last, *[STILL] * 3])
    check_one_end(seen, PATIENCE_CYCLES + 1, PATIENCE_CYCLES + 2, code, source)


@pytest.mark.parametrize("code", [ErrorCode.READ_RESPONSE, ErrorCode.WRITE_RESPONSE])
@pytest.mark.parametrize("quiet", [0, 1])
def test_a_bus_error_behind_end_is_the_run_s_error(code: ErrorCode, quiet: int) -> None:
    """A bus error after END is the run's error, even with the very last response."""
    seen = played([START, MOVES, END, BEAT, fault(code, quiet=quiet), *[STILL] * 4])
    check_one_end(seen, 2, 5, code, BLAMED)


@pytest.mark.parametrize("late", ErrorCode)
@pytest.mark.parametrize(("ending", "code", "source"), [*ENDINGS[:3], ENDINGS[-1]])
def test_what_comes_behind_the_end_changes_nothing_else(
    ending: Cycle, code: ErrorCode, source: int, late: ErrorCode
) -> None:
    if late in {ErrorCode.READ_RESPONSE, ErrorCode.WRITE_RESPONSE} and code == ErrorCode.NONE:
        return  # it counts: tested above
    behind = [BEAT | fault(late, source=1, quiet=0), BEAT | ABORT, BEAT | END, BEAT | START]
    seen = played([START, MOVES, ending, *behind, STILL, *[STILL] * 4])
    check_one_end(seen, 2, 7, code, source)


def test_start_counts_only_while_idle_and_forgets_the_error() -> None:
    seen = played([
        ABORT, END, fault(ErrorCode.BUFFER),  # without a run nothing ends
        START | ABORT, START, MOVES | START, ABORT, BEAT | START, START,  # the last with the event
        STILL, START, MOVES, END, STILL, STILL,
    ])  # fmt: skip
    assert cycles_with(seen, "running") == [4, 5, 6, 11, 12]
    assert cycles_with(seen, "stopping") == [7, 8, 13]
    assert cycles_with(seen, "error_event") == [8]
    assert cycles_with(seen, "end_event") == [13]
    aborted = (ErrorCode.ABORTED, NEXT)
    assert [outputs["error"] for outputs in seen[7:12]] == [aborted] * 4 + [(ErrorCode.NONE, 0)]


@pytest.mark.parametrize("seed", range(3))
def test_runs_drawn_at_random_keep_the_rules(seed: int) -> None:
    rng = np.random.default_rng(seed)
    chances = {"start": 0.2, "abort": 0.03, "ended": 0.05, "active": 0.4, "quiet": 0.7}
    codes = [*[ErrorCode.NONE] * 40, ErrorCode.READ_RESPONSE, ErrorCode.BUFFER]
    cycles = [
        {name: int(rng.random() < chance) for name, chance in chances.items()}
        | {"code": codes[rng.integers(len(codes))], "source": number}
        for number in range(2000)
    ]
    seen = played(cycles)
    events = starts = was_over = 0
    for number, (given, out) in enumerate(zip(cycles, seen, strict=True)):
        where = (number, given, out)
        over = out["end_event"] + out["error_event"]
        assert out["busy"] == (out["running"] or out["stopping"] or out["clear"]), where
        assert not (out["running"] and out["stopping"]), where
        assert not over or (out["stopping"] and given["quiet"]), where
        assert out["clear"] == was_over, where
        assert out["stop"] == (out["stopping"] or out["clear"]), where
        events += over
        assert events == starts or out["busy"], where
        starts += given["start"] and not (out["running"] or out["stopping"])
        was_over = over
    assert starts > 50, starts
    assert starts - events in {0, 1}
