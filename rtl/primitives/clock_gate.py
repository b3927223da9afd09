"""The clock gate: a clock that stands still while nothing needs it."""

from amaranth.hdl import ClockSignal, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class ClockGate(wiring.Component):
    """Passes the clock's next edge on where `enable` is high.

    A platform with `get_clock_gate` says how, and without one every edge passes: nothing may depend
    on an edge that is held back.

    Members
    -------
    enable : In(1)
        From registers of the domain `sync`, through little logic: it must be there before the
        second half of a cycle ends.
    gated_clock : Out(1)
    """

    LATENCY = 0

    def __init__(self) -> None:
        super().__init__({"enable": In(1), "gated_clock": Out(1)})

    def elaborate(self, platform: object) -> object:
        if hasattr(platform, "get_clock_gate"):
            return platform.get_clock_gate(self.enable, self.gated_clock)
        m = Module()
        m.d.comb += self.gated_clock.eq(ClockSignal())
        return m
