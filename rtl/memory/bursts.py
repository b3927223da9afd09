"""The burst cutter: runs of words become AXI4 bursts."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch.config import Config
from hwsim.isa.fields import ADDRESS_BITS
from hwsim.rtl.memory.runs import burst_limit, run_layout

PLACE_BITS = 22  # sums of two indices of a buffer, before they are checked


def placed_layout(config: Config, tag: data.StructLayout) -> data.StructLayout:
    """Return the layout of a run, of where it begins in the buffer, and of each burst's tag."""
    return data.StructLayout(
        run_layout(config).members | {"place": PLACE_BITS, "in_buffer": 1, "tag": tag}
    )


def burst_layout(config: Config, tag: data.StructLayout) -> data.StructLayout:
    """Return the layout of one burst, with what it has of its run."""
    return data.StructLayout(
        {
            "address": ADDRESS_BITS,
            "beats": range(config.burst_words + 1),
            "last_of_block": 1,
            "last": 1,
            "place": PLACE_BITS,
            "end": PLACE_BITS + 1,  # `place` + `beats`
            "in_buffer": 1,  # up to there it must lie in the buffer
            "tag": tag,
        }
    )


class Bursts(wiring.Component):
    """Cuts runs into bursts of at most `burst_beats` that never cross 4 KiB or a run's end.

    A run's first burst is offered in the cycle after the run is taken, then one per cycle in which
    `o` is ready. The next run is taken in the cycle in which the last burst leaves. `i.ready`
    depends on `o.ready` of the same cycle: nothing is taken while `o` is not ready.

    Members
    -------
    i : In(stream.Signature(placed_layout(config, tag)))
    o : Out(stream.Signature(burst_layout(config, tag)))
    """

    LATENCY = 1

    def __init__(self, config: Config, tag: data.StructLayout):
        self._config = config
        super().__init__(
            {
                "i": In(stream.Signature(placed_layout(config, tag))),
                "o": Out(stream.Signature(burst_layout(config, tag))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        burst = Signal(self.o.payload.shape(), reset_less=True)
        ends = Signal(init=1)  # nothing of the run is left behind this burst
        rest = Signal(self.i.payload.shape(), reset_less=True)  # what is left
        run = Signal(self.i.payload.shape())  # from the next burst on
        m.d.comb += [
            run.eq(Mux(ends, self.i.payload, rest)),
            self.i.ready.eq(ends & self.o.ready),
            self.o.payload.eq(burst),
        ]

        ends_run = Signal()
        next_words = Signal(rest.words.shape())
        low_words = run.words[: len(run.limit)]
        high_words = run.words[len(run.limit) :]
        borrows = low_words < run.limit
        next_address = Signal(ADDRESS_BITS)
        next_place = Signal(PLACE_BITS + 1)
        m.d.comb += [
            ends_run.eq(~run.is_long & (run.limit >= low_words)),
            next_words.eq(run.words - run.limit),
            next_address.eq(run.address + run.limit * self._config.word_bytes),
            next_place.eq(run.place + run.limit),
        ]
        with m.If(self.o.ready):
            m.d.sync += [
                self.o.valid.eq(self.i.valid | ~ends),
                ends.eq(ends_run | (ends & ~self.i.valid)),
                burst.address.eq(run.address),
                burst.beats.eq(Mux(ends_run, run.words, run.limit)),
                burst.last_of_block.eq(ends_run & run.last_of_block),
                burst.last.eq(ends_run & run.last),
                burst.place.eq(run.place),
                burst.end.eq(Mux(ends_run, run.place + low_words, next_place)),
                burst.in_buffer.eq(run.in_buffer),
                burst.tag.eq(run.tag),
                rest.eq(run),
                rest.address.eq(next_address),
                rest.words.eq(next_words),
                # `exceeds_bursts` of the next words, by a borrow and not by their upper bits.
                rest.is_long.eq(high_words[1:].any() | (high_words[0] & ~borrows)),
                rest.limit.eq(burst_limit(self._config, next_address)),
                rest.place.eq(next_place),
            ]
        return m
