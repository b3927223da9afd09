"""Counters of the last run: cycles, and bytes by class of traffic."""

from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch.config import Config
from hwsim.isa.registers import COUNTER_BITS

TRAFFIC = ("program", "weight", "feature_read", "feature_written")


class Counters(wiring.Component):
    """Counts from 0 at `start`: cycles while a run goes on, everything else when it happens.

    An event of cycle t is in its counter from cycle t + 1 on. What crosses the bus while a run is
    brought to its end counts too, whether its words are used, or its strobes set, or not.

    Members
    -------
    start : In(1)
        Cycle 0 of the run.
    running, array : In(1)
        A cycle of the run; one in which the array takes a pixel.
    program, weight, feature_read, feature_written : In(1)
        A beat of this class crosses the bus.
    cycles, array_cycles, program_bytes, ... : Out(COUNTER_BITS)
        `cycles` is the number of the first cycle in which the program is done.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {"start": In(1), "running": In(1), "array": In(1)}
            | {name: In(1) for name in TRAFFIC}
            | {"cycles": Out(COUNTER_BITS), "array_cycles": Out(COUNTER_BITS)}
            | {f"{name}_bytes": Out(COUNTER_BITS) for name in TRAFFIC}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.sync += [
            self.cycles.eq(self.cycles + self.running),
            self.array_cycles.eq(self.array_cycles + self.array),
        ]
        with m.If(self.start):
            m.d.sync += [self.cycles.eq(1), self.array_cycles.eq(0)]
        for name in TRAFFIC:
            beat, counter = getattr(self, name), getattr(self, f"{name}_bytes")
            m.d.sync += counter.eq(counter + Mux(beat, self._config.word_bytes, 0))
            with m.If(self.start):
                m.d.sync += counter.eq(0)
        return m
