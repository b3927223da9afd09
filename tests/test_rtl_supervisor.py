"""The supervisor chooses the right one of several reports, in its cycle (Amaranth simulator)."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest

from hwsim.isa.error_codes import ErrorCode
from hwsim.rtl.program.supervisor import Supervisor
from tests.streams import Each, step

UNITS, MANAGERS, WAITING = 4, 2, 5
Fault = tuple[ErrorCode, int]
NONE: Fault = (ErrorCode.NONE, 0)


def supervisor() -> Supervisor:
    return Supervisor(units=UNITS, managers=MANAGERS, waiting=WAITING)


def drawn_faults(rng: np.random.Generator, count: int) -> list[Fault]:
    return [
        (ErrorCode.BUFFER, int(rng.integers(1 << 20))) if rng.random() < 0.2 else NONE
        for _ in range(count)
    ]


def first_of(faults: Sequence[Fault]) -> Fault:
    return next((fault for fault in faults if fault[0] != ErrorCode.NONE), NONE)


def test_the_bus_goes_first_and_then_the_earliest_unit() -> None:
    """Faults of the bus come first and in their cycle, those of units `LATENCY` cycles later."""
    dut = supervisor()
    rng = np.random.default_rng(1)
    units: list[list[Fault]] = [[NONE] * UNITS] * Supervisor.LATENCY
    managers: list[Fault] = []

    def drive(ctx: Any, _cycle: int) -> None:
        managers[:] = drawn_faults(rng, MANAGERS)
        units.append(drawn_faults(rng, UNITS))
        for port, (code, source) in (
            *zip(dut.bus_faults, managers, strict=True),
            *zip(dut.unit_faults, units[-1], strict=True),
        ):
            ctx.set(port, {"code": code, "source": source})

    def sample(ctx: Any, cycle: int) -> None:
        code, source = first_of([*reversed(managers), *units[cycle]])
        assert ctx.get(dut.fault.code) == code
        if code != ErrorCode.NONE:
            assert ctx.get(dut.fault.source) == source

    step(dut, [Each(drive, sample)], lambda: True, 1000)


@pytest.mark.parametrize("valid", [*product((0, 1), repeat=WAITING)])
def test_the_waiting_descriptor_with_the_lowest_address_is_the_oldest(
    valid: tuple[int, ...],
) -> None:
    """The oldest waiting descriptor has the lowest address, found within two rounds."""
    dut = supervisor()
    sources = np.random.default_rng(sum(valid)).permutation(WAITING) + 3

    def drive(ctx: Any, _cycle: int) -> None:
        for port, is_valid, source in zip(dut.waiting, valid, sources, strict=True):
            ctx.set(port, {"valid": is_valid, "source": int(source)})

    def sample(ctx: Any, cycle: int) -> None:
        waiting = [int(source) for is_valid, source in zip(valid, sources, strict=True) if is_valid]
        if cycle > 2 * WAITING and waiting:
            assert ctx.get(dut.oldest) == min(waiting)

    step(dut, [Each(drive, sample)], lambda: True, 3 * WAITING)


def test_a_move_is_a_sign_of_life_a_cycle_later() -> None:
    dut = supervisor()
    moves = [0, 1, 0, 0, 1, 1, 0]

    def drive(ctx: Any, cycle: int) -> None:
        ctx.set(dut.moves, moves[cycle])

    def sample(ctx: Any, cycle: int) -> None:
        assert ctx.get(dut.active) == (moves[cycle - 1] if cycle else 0)

    step(dut, [Each(drive, sample)], lambda: True, len(moves) - 2)
