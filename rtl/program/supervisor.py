"""The supervisor: gathers faults, waiting descriptors and signs of life from all units."""

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwsim.isa.error_codes import ErrorCode
from hwsim.rtl.program.layouts import SOURCE_BITS
from hwsim.rtl.program.run import FAULT, WAITING


class Supervisor(wiring.Component):
    """Gathers what units and bus report of a run.

    Faults of the units leave `fault` `LATENCY` cycles later: no cycle count depends on them, and so
    registers keep their logic, and the choice among them, out of control. Faults of the bus leave
    it in the same cycle: they come from registers and must not be late (see `Control`). Of several
    faults in one cycle, the last of `bus_faults` goes first, then the first of `unit_faults`.

    Members
    -------
    unit_faults : In(FAULT), one per unit, the earliest in program order first
    bus_faults : In(FAULT), one per manager
    waiting : In(WAITING), one per unit
    moves : In(1)
        High where something moves in this cycle.
    fault : Out(FAULT)
    oldest : Out(SOURCE_BITS)
        The waiting descriptor with the lowest address. It is settled two rounds after `waiting`
        stands still, which it does in a deadlock: a round is a cycle for each entry.
    active : Out(1)
        `moves` of the cycle before: a deadlock is not called in a hurry.
    """

    LATENCY = 2

    def __init__(self, units: int, managers: int, waiting: int):
        super().__init__(
            {
                "unit_faults": In(FAULT).array(units),
                "bus_faults": In(FAULT).array(managers),
                "waiting": In(WAITING).array(waiting),
                "moves": In(1),
                "fault": Out(FAULT),
                "oldest": Out(SOURCE_BITS),
                "active": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        first = Signal(FAULT)  # of the units
        code = Signal(ErrorCode)
        source = Signal(SOURCE_BITS, reset_less=True)
        m.d.comb += [first.code.eq(code), first.source.eq(source)]
        m.d.sync += code.eq(ErrorCode.NONE)
        for unit in reversed(self.unit_faults):  # the first is assigned last, and so wins
            unit_code = Signal(ErrorCode)
            unit_source = Signal(SOURCE_BITS, reset_less=True)
            m.d.sync += [unit_code.eq(unit.code), unit_source.eq(unit.source)]
            with m.If(unit_code != ErrorCode.NONE):
                m.d.sync += [code.eq(unit_code), source.eq(unit_source)]
        for fault in (first, *self.bus_faults):  # a fault that stands hides none of the bus
            with m.If(fault.code != ErrorCode.NONE):
                m.d.comb += self.fault.eq(fault)

        self._find_oldest(m)
        m.d.sync += self.active.eq(self.moves)
        return m

    def _find_oldest(self, m: Module) -> None:
        """Ask one after the other, round by round, and keep the oldest of the last whole round."""
        turn = Signal(range(len(self.waiting)))
        begins = Signal()  # a round, with the one that was asked
        asked = Signal(WAITING, reset_less=True)
        so_far = Signal(WAITING, reset_less=True)
        oldest = Signal(SOURCE_BITS, reset_less=True)
        m.d.comb += self.oldest.eq(oldest)
        m.d.sync += [
            turn.eq(Mux(turn == len(self.waiting) - 1, 0, turn + 1)),
            begins.eq(turn == 0),
            asked.eq(Array(self.waiting)[turn]),
        ]
        is_older = asked.valid & (~so_far.valid | (asked.source < so_far.source))
        with m.If(begins):
            m.d.sync += oldest.eq(so_far.source)
        with m.If(begins | is_older):
            m.d.sync += so_far.eq(asked)
