"""The first line: where a LOAD's or a COMPUTE's first row begins in the feature buffer."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwsim.isa.fields import Opcode
from hwsim.rtl.program.layouts import DESCRIPTOR_BITS, FIRST_LINE_BITS, as_descriptor

FACTOR_BITS = 16  # what a small multiplier takes


class FirstLine(wiring.Component):
    """Computes `buffer_address` + `ring_row` x `row_words` of a LOAD or a COMPUTE, all its bits.

    The descriptor of cycle t makes `line` in cycle t + `LATENCY`, through an adder; one per
    cycle, always. The upper bits of a LOAD's `row_words` have a multiplier of their own.

    Members
    -------
    descriptor : In(DESCRIPTOR_BITS)
    line : Out(FIRST_LINE_BITS)
        Means nothing for other descriptors.
    """

    LATENCY = 2  # factors, products

    def __init__(self) -> None:
        super().__init__({"descriptor": In(DESCRIPTOR_BITS), "line": Out(FIRST_LINE_BITS)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        descriptor = as_descriptor(self.descriptor)
        load, compute = descriptor.load, descriptor.compute
        is_load = descriptor.opcode == Opcode.LOAD
        address, ring_row, row_words = (
            Signal.like(load[name], name=name, reset_less=True)
            for name in ("buffer_address", "ring_row", "row_words")
        )
        base = Signal.like(address)
        low = Signal(2 * FACTOR_BITS, reset_less=True)
        high = Signal(FIRST_LINE_BITS - FACTOR_BITS, reset_less=True)
        m.d.sync += [
            address.eq(Mux(is_load, load.buffer_address, compute.buffer_address)),
            ring_row.eq(Mux(is_load, load.ring_row, compute.ring_row)),
            row_words.eq(Mux(is_load, load.row_words, compute.row_words)),
            base.eq(address),
            low.eq(ring_row * row_words[:FACTOR_BITS]),
            high.eq(ring_row * row_words[FACTOR_BITS:]),
        ]
        m.d.comb += self.line.eq(base + low + (high << FACTOR_BITS))
        return m
