"""Control: the beginning and the end of a run."""

from enum import Enum

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwsim.isa.error_codes import ErrorCode
from hwsim.rtl.program.layouts import FAULT, SOURCE_BITS

PATIENCE_CYCLES = 64  # far longer than any pipeline of the units


class State(Enum):
    IDLE = 0
    RUNNING = 1
    STOPPING = 2


class Control(wiring.Component):
    """Starts a run, ends it at END, at the first fault or at ABORT, and cleans up behind it.

    From the cycle after its end on `stop` is high: nothing new goes out. Once the bus is quiet,
    `clear` is high for one cycle and resets the units, and `end` or `error` tells the host; `halt`
    is `stop`, and high in the cycle behind it too, in which that reset comes. A run
    in which nothing has moved for `PATIENCE_CYCLES` cycles, the bus being quiet, is deadlocked in
    the cycle behind them: the oldest descriptor that waits is to blame.

    Members
    -------
    start, abort : In(1)
        Pulses; `start` counts only while `busy` is low.
    ended : In(1)
        END is being taken.
    fault : In(FAULT)
        Of the units. Behind an END only a bus error still counts; behind an error nothing does.
    active : In(1)
        Something moves.
    waiting : In(SOURCE_BITS)
        The descriptor to blame for a deadlock.
    next : In(SOURCE_BITS)
        The descriptor that comes next; ABORT reports it.
    quiet : In(1)
        Nothing is under way on the bus.
    running, stop, halt, clear, busy : Out(1)
    error : Out(FAULT)
        Of the last run, until the next start.
    end_event, error_event : Out(1)
        Pulses, in the cycle of `clear`.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "start": In(1),
                "abort": In(1),
                "ended": In(1),
                "fault": In(FAULT),
                "active": In(1),
                "waiting": In(SOURCE_BITS),
                "next": In(SOURCE_BITS),
                "quiet": In(1),
                "running": Out(1),
                "stop": Out(1),
                "halt": Out(1, init=1),  # a register: it is needed early and everywhere
                "clear": Out(1),
                "busy": Out(1),
                "error": Out(FAULT),
                "end_event": Out(1),
                "error_event": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        state = Signal(State)
        is_faulty = Signal()
        is_bus_error = Signal()
        still_cycles = Signal(range(PATIENCE_CYCLES))
        is_still = Signal()
        deadlocked = Signal()
        m.d.comb += [
            self.running.eq(state == State.RUNNING),
            self.stop.eq(state == State.STOPPING),
            self.busy.eq(state != State.IDLE),
            self.clear.eq(self.stop & self.quiet & ~is_bus_error),
            self.error_event.eq(self.clear & (self.error.code != ErrorCode.NONE)),
            self.end_event.eq(self.clear & (self.error.code == ErrorCode.NONE)),
            is_faulty.eq(self.fault.code != ErrorCode.NONE),
            is_bus_error.eq(
                (self.fault.code == ErrorCode.READ_RESPONSE)
                | (self.fault.code == ErrorCode.WRITE_RESPONSE)
            ),
            is_still.eq(self.running & ~self.active & self.quiet),
        ]
        m.d.sync += deadlocked.eq(is_still & (still_cycles == PATIENCE_CYCLES - 1))
        with m.If(~is_still):
            m.d.sync += still_cycles.eq(0)
        with m.Else():
            m.d.sync += still_cycles.eq(still_cycles + 1)

        with m.Switch(state):
            with m.Case(State.IDLE):
                m.d.sync += self.halt.eq(0)
                with m.If(self.start):
                    m.d.sync += [
                        state.eq(State.RUNNING),
                        self.error.code.eq(ErrorCode.NONE),
                        self.error.source.eq(0),
                    ]
            with m.Case(State.RUNNING):
                ends = is_faulty | self.ended | deadlocked | self.abort
                m.d.sync += self.halt.eq(ends)
                with m.If(ends):
                    m.d.sync += state.eq(State.STOPPING)
                with m.If(is_faulty):
                    m.d.sync += self.error.eq(self.fault)
                with m.Elif(deadlocked & ~self.ended):
                    m.d.sync += [
                        self.error.code.eq(ErrorCode.DEADLOCK),
                        self.error.source.eq(self.waiting),
                    ]
                with m.Elif(self.abort & ~self.ended):
                    m.d.sync += [
                        self.error.code.eq(ErrorCode.ABORTED),
                        self.error.source.eq(self.next),
                    ]
            with m.Case(State.STOPPING):
                with m.If(is_bus_error & (self.error.code == ErrorCode.NONE)):
                    m.d.sync += self.error.eq(self.fault)
                with m.If(self.clear):
                    m.d.sync += state.eq(State.IDLE)
        return m
