"""Counters of the last run: cycles, and bytes by class of traffic."""

from amaranth.hdl import Module, Mux
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch.config import Config
from hwsim.isa.registers import COUNTER_BITS, COUNTERS
from hwsim.rtl.host.control import RunStatus
from hwsim.rtl.program.run import Launch

TRAFFIC = ("program", "weight", "feature_read", "feature_written")

# What happens in a cycle: the array takes a pixel; a word of this class crosses the bus.
EVENTS = data.StructLayout({"array": 1} | dict.fromkeys(TRAFFIC, 1))

# What the host reads of them.
COUNTS = data.StructLayout({name.lower(): COUNTER_BITS for name in COUNTERS})


class Counters(wiring.Component):
    """Counts from 0 at `start`: cycles while a run goes on, everything else when it happens.

    An event of cycle t is counted from cycle t + 1 on. What crosses the bus while a run is
    brought to its end counts too, whether or not its words are used or its strobes set.

    Members
    -------
    launch : In(Launch)
        Clears the counters.
    status : In(RunStatus)
        Cycles count while `running` is high.
    events : In(EVENTS)
    counts : Out(COUNTS)
        `cycles` is the number of the first cycle in which the program is done.
    """

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "launch": In(Launch()),
                "status": In(RunStatus()),
                "events": In(EVENTS),
                "counts": Out(COUNTS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        counts, events = self.counts, self.events
        m.d.sync += [
            counts.cycles.eq(counts.cycles + self.status.running),
            counts.array_cycles.eq(counts.array_cycles + events.array),
        ]
        for name in TRAFFIC:
            counter = counts[f"{name}_bytes"]
            m.d.sync += counter.eq(counter + Mux(events[name], self._config.word_bytes, 0))
        with m.If(self.launch.start):
            m.d.sync += [counts.eq(0), counts.cycles.eq(1)]
        return m
