"""Drive components in the Amaranth simulator, cycle by cycle, with streams that idle and stall."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from amaranth.sim import Simulator

MOST_CYCLES = 20_000


class Part(Protocol):
    """Drives some of a component's inputs and watches some of its ports, cycle by cycle."""

    def drive(self, ctx: Any, cycle: int, /) -> None:
        """Set inputs for this cycle, from what was sampled in the cycles before."""

    def sample(self, ctx: Any, cycle: int, /) -> None:
        """Read this cycle's values, after all inputs are set."""


def values(ctx: Any, payload: Any) -> Any:
    """Return a payload as plain integers, and every structure in it as a dict."""
    if hasattr(payload, "shape") and hasattr(payload.shape(), "members"):
        return {name: values(ctx, payload[name]) for name in payload.shape().members}
    return int(ctx.get(payload))


class Source:
    """Offers payloads in order, and pauses before each with probability `idle` per cycle.

    `taken` has the cycle in which each was accepted. `allowed`, if given, says by number whether a
    payload may be offered.
    """

    def __init__(
        self,
        port: Any,
        payloads: Sequence[Any],
        rng: np.random.Generator,
        idle: float = 0.0,
        allowed: Callable[[int], bool] = lambda _: True,
    ):
        self.port, self.payloads = port, payloads
        self.rng, self.idle, self.allowed = rng, idle, allowed
        self.offering = False
        self.offered: list[int] = []
        self.taken: list[int] = []

    @property
    def done(self) -> bool:
        return len(self.taken) == len(self.payloads)

    def drive(self, ctx: Any, cycle: int) -> None:
        number = len(self.taken)
        starts = not self.offering and not self.done and self.allowed(number)
        if starts and self.rng.random() >= self.idle:
            self.offering = True
            self.offered.append(cycle)
            ctx.set(self.port.payload, self.payloads[number])
        ctx.set(self.port.valid, self.offering)

    def sample(self, ctx: Any, cycle: int) -> None:
        if self.offering and ctx.get(self.port.ready):
            self.taken.append(cycle)
            self.offering = False


class Sink:
    """Accepts payloads; in each cycle it is not ready with probability `stall`.

    It checks that an offered payload stays unchanged until it is accepted. `offered` and `taken`
    have the cycles, `payloads` the accepted payloads. `hold` makes it refuse everything.
    """

    def __init__(self, port: Any, rng: np.random.Generator, stall: float = 0.0):
        self.port, self.rng, self.stall = port, rng, stall
        self.hold = False
        self.standing: Any = None
        self.offered: list[int] = []
        self.taken: list[int] = []
        self.payloads: list[Any] = []

    def drive(self, ctx: Any, _cycle: int) -> None:
        ctx.set(self.port.ready, not self.hold and self.rng.random() >= self.stall)

    def sample(self, ctx: Any, cycle: int) -> None:
        if not ctx.get(self.port.valid):
            assert self.standing is None, f"cycle {cycle}: an offer was withdrawn"
            return
        payload = values(ctx, self.port.payload)
        if self.standing is None:
            self.offered.append(cycle)
        else:
            assert payload == self.standing, f"cycle {cycle}: an offer changed"
        self.standing = payload
        if ctx.get(self.port.ready):
            self.taken.append(cycle)
            self.payloads.append(payload)
            self.standing = None


class Each:
    """A part made of functions of (ctx, cycle)."""

    def __init__(
        self,
        drive: Callable[[Any, int], None] = lambda _ctx, _cycle: None,
        sample: Callable[[Any, int], None] = lambda _ctx, _cycle: None,
    ):
        self.drive, self.sample = drive, sample


def step(
    dut: Any, parts: Sequence[Part], until: Callable[[], bool], further_cycles: int = 0
) -> int:
    """Run until `until` is true, and `further_cycles` more; return the number of cycles."""
    cycles = 0

    async def bench(ctx: Any) -> None:
        nonlocal cycles
        further = 0
        while further <= further_cycles:
            assert cycles < MOST_CYCLES, "the component is stuck"
            for part in parts:
                part.drive(ctx, cycles)
            for part in parts:
                part.sample(ctx, cycles)
            await ctx.tick()
            cycles += 1
            further = further + 1 if further or until() else 0

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return cycles
