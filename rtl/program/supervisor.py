"""The supervisor: gathers faults, waiting descriptors and signs of life from all units."""

from functools import reduce

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
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
        The waiting descriptor with the lowest address. It is settled as many cycles after
        `waiting` stands still as there are entries in it: a deadlock does.
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
        m.d.sync += first.code.eq(ErrorCode.NONE)
        for unit in reversed(self.unit_faults):  # the first is assigned last, and so wins
            fault = Signal(FAULT, name="unit_fault")
            m.d.sync += fault.eq(unit)
            with m.If(fault.code != ErrorCode.NONE):
                m.d.sync += first.eq(fault)
        for fault in (first, *self.bus_faults):  # a fault that stands hides none of the bus
            with m.If(fault.code != ErrorCode.NONE):
                m.d.comb += self.fault.eq(fault)

        def older(one: data.View, other: data.View) -> data.View:
            """Return the one that waits, at the lower address if both do, a cycle later."""
            result = Signal(WAITING, name="older")
            m.d.sync += result.eq(
                Mux(~other.valid | (one.valid & (one.source < other.source)), one, other)
            )
            return result

        m.d.comb += self.oldest.eq(reduce(older, self.waiting).source)
        m.d.sync += self.active.eq(self.moves)
        return m
