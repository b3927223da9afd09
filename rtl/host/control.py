"""Control: begins and ends a run."""

from enum import Enum

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwsim.isa.error_codes import ErrorCode
from hwsim.rtl.program.run import FAULT, Launch, Supervision

PATIENCE_CYCLES = 64  # far longer than any pipeline of the units


class State(Enum):
    IDLE = 0
    RUNNING = 1
    STOPPING = 2


class RunStatus(wiring.Signature):
    """Tells host and counters how a run stands.

    Members
    -------
    running : Out(1)
        High from the cycle after the start up to the cycle that ends the run.
    stopping : Out(1)
        High while bursts under way at the run's end are being finished.
    busy : Out(1)
        High from the cycle after the start until the units have been reset.
    error : Out(FAULT)
        Why the last run ended; NONE after END and from the next start on.
    end_event, error_event : Out(1)
        High for one cycle in which the run is over and the bus quiet: by END, or by an error.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "running": Out(1),
                "stopping": Out(1),
                "busy": Out(1),
                "error": Out(FAULT),
                "end_event": Out(1),
                "error_event": Out(1),
            }
        )


class Control(wiring.Component):
    """Starts a run, ends it at END, at the first fault or at ABORT, and cleans up behind it.

    From the cycle after its end on, `core.stop` is high: nothing new goes out. Once the bus is
    quiet, an event tells the host, and in the next cycle `clear` resets the units; `core.stop` is
    high in that cycle too. A run in which nothing has moved for `PATIENCE_CYCLES` cycles, the bus
    being quiet, is deadlocked in the cycle behind them: the oldest descriptor that waits is to
    blame.

    Members
    -------
    launch : In(Launch)
        Counts only while `status.running` and `status.stopping` are low.
    abort : In(1)
        High for one cycle to end the run.
    core : In(Supervision)
        Behind an END only a bus error still counts; behind an error nothing does.
    status : Out(RunStatus)
    clear : Out(1)
        High for one cycle behind every run, and behind a reset: resets the units.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "launch": In(Launch()),
                "abort": In(1),
                "core": In(Supervision()),
                "status": Out(RunStatus()),
                "clear": Out(1, init=1),  # a register: this reset goes everywhere
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        state = Signal(State)
        stop = Signal(init=1)  # a register: it is needed early and everywhere
        is_faulty = Signal()
        is_bus_error = Signal()
        is_over = Signal()  # and the bus is quiet
        fault, status = self.core.fault, self.status
        m.d.comb += [
            self.core.stop.eq(stop),
            status.running.eq(state == State.RUNNING),
            status.stopping.eq(state == State.STOPPING),
            status.busy.eq((state != State.IDLE) | self.clear),
            is_faulty.eq(fault.code != ErrorCode.NONE),
            is_bus_error.eq(
                (fault.code == ErrorCode.READ_RESPONSE) | (fault.code == ErrorCode.WRITE_RESPONSE)
            ),
            is_over.eq(status.stopping & self.core.quiet & ~is_bus_error),
            status.error_event.eq(is_over & (status.error.code != ErrorCode.NONE)),
            status.end_event.eq(is_over & (status.error.code == ErrorCode.NONE)),
        ]
        m.d.sync += self.clear.eq(is_over)
        deadlocked = self._deadlocked(m)
        with m.Switch(state):
            with m.Case(State.IDLE):
                m.d.sync += stop.eq(0)
                with m.If(self.launch.start):
                    m.d.sync += [
                        state.eq(State.RUNNING),
                        status.error.code.eq(ErrorCode.NONE),
                        status.error.source.eq(0),
                    ]
            with m.Case(State.RUNNING):
                ends = is_faulty | self.core.ended | deadlocked | self.abort
                m.d.sync += stop.eq(ends)
                with m.If(ends):
                    m.d.sync += state.eq(State.STOPPING)
                self._blame(m, is_faulty, deadlocked)
            with m.Case(State.STOPPING):
                with m.If(is_bus_error & (status.error.code == ErrorCode.NONE)):
                    m.d.sync += status.error.eq(fault)
                with m.If(is_over):
                    m.d.sync += state.eq(State.IDLE)
        return m

    def _deadlocked(self, m: Module) -> Signal:
        """High in the cycle after `PATIENCE_CYCLES` cycles of a run in which nothing moved."""
        still_cycles = Signal(range(PATIENCE_CYCLES))
        is_still = Signal()
        deadlocked = Signal()
        m.d.comb += is_still.eq(self.status.running & ~self.core.active & self.core.quiet)
        m.d.sync += deadlocked.eq(is_still & (still_cycles == PATIENCE_CYCLES - 1))
        with m.If(~is_still):
            m.d.sync += still_cycles.eq(0)
        with m.Else():
            m.d.sync += still_cycles.eq(still_cycles + 1)
        return deadlocked

    def _blame(self, m: Module, is_faulty: Signal, deadlocked: Signal) -> None:
        """Keep why the run ends: a fault before END, and END before a deadlock or an ABORT."""
        error, core = self.status.error, self.core
        with m.If(is_faulty):
            m.d.sync += error.eq(core.fault)
        with m.Elif(deadlocked & ~core.ended):
            m.d.sync += [error.code.eq(ErrorCode.DEADLOCK), error.source.eq(core.waiting)]
        with m.Elif(self.abort & ~core.ended):
            m.d.sync += [error.code.eq(ErrorCode.ABORTED), error.source.eq(core.next)]
