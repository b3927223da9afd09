"""Cuts a descriptor's runs of words into AXI4 bursts."""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim.config import Config
from rtl.layouts import ADDRESS_BITS

BOUNDARY_BYTES = 4096  # no burst crosses a multiple of this
RUN_BITS = 24  # the widest run length of any descriptor


# `blocks` x `rows` runs of `row_words` words, each run contiguous in memory.
RUNS = data.StructLayout(
    {
        "address": ADDRESS_BITS,
        "row_words": RUN_BITS,
        "rows": 16,
        "row_stride_bytes": ADDRESS_BITS,
        "blocks": 16,
        "block_stride_bytes": ADDRESS_BITS,
    }
)


def burst_layout(config: Config) -> data.StructLayout:
    return data.StructLayout(
        {
            "address": ADDRESS_BITS,
            "beats": range(config.bus.burst_beats + 1),
            "last_of_run": 1,
            "last_of_block": 1,
            "last": 1,
        }
    )


class Bursts(wiring.Component):
    """Walks blocks, runs and bursts: never across 4 KiB or a run's end, at most `burst_beats` long.

    The first burst is offered the cycle after its runs are taken, then one per cycle that `o` is
    ready. New runs are taken in the cycle in which the last burst leaves, so no cycle is lost
    between descriptors.

    Members
    -------
    i : In(stream.Signature(RUNS))
    o : Out(stream.Signature(burst_layout(config)))
    """

    LATENCY = 1

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "i": In(stream.Signature(RUNS)),
                "o": Out(stream.Signature(burst_layout(config))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        word_bytes = self._config.word_bytes
        burst_beats = self._config.bus.burst_beats

        runs = Signal(RUNS)  # as taken, except: `address` of block, `rows` and `blocks` left
        busy = Signal()
        run_address = Signal(ADDRESS_BITS)
        address = Signal(ADDRESS_BITS)
        words_left = Signal(RUN_BITS)
        rows_left = Signal(16)

        # Beats: what is left of the run, of the 4 KiB and of the longest burst.
        boundary_words = BOUNDARY_BYTES // word_bytes
        offset = address[exact_log2(word_bytes) : exact_log2(BOUNDARY_BYTES)]
        to_boundary = Signal(range(boundary_words + 1))
        limit = Signal(range(burst_beats + 1))
        beats = Signal(range(burst_beats + 1))
        last_of_run = Signal()
        last_of_block = Signal()
        last = Signal()
        m.d.comb += [
            to_boundary.eq(Const(boundary_words) - offset),
            limit.eq(Mux(to_boundary < burst_beats, to_boundary, burst_beats)),
            beats.eq(Mux(words_left < limit, words_left, limit)),
            self.o.valid.eq(busy),
            self.o.payload.address.eq(address),
            self.o.payload.beats.eq(beats),
            last_of_run.eq(words_left == beats),
            last_of_block.eq(last_of_run & (rows_left == 1)),
            last.eq(last_of_block & (runs.blocks == 1)),
            self.o.payload.last_of_run.eq(last_of_run),
            self.o.payload.last_of_block.eq(last_of_block),
            self.o.payload.last.eq(last),
        ]

        next_run = Signal(ADDRESS_BITS)
        next_block = Signal(ADDRESS_BITS)
        m.d.comb += [
            next_run.eq(run_address + runs.row_stride_bytes),
            next_block.eq(runs.address + runs.block_stride_bytes),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [
                address.eq(address + beats * word_bytes),
                words_left.eq(words_left - beats),
            ]
            with m.If(last_of_run):
                m.d.sync += [
                    run_address.eq(next_run),
                    address.eq(next_run),
                    words_left.eq(runs.row_words),
                    rows_left.eq(rows_left - 1),
                ]
            with m.If(last_of_block):
                m.d.sync += [
                    runs.address.eq(next_block),
                    run_address.eq(next_block),
                    address.eq(next_block),
                    rows_left.eq(runs.rows),
                    runs.blocks.eq(runs.blocks - 1),
                ]

        finishing = Signal()
        m.d.comb += [
            finishing.eq(self.o.valid & self.o.ready & last),
            self.i.ready.eq(~busy | finishing),
        ]
        with m.If(self.i.ready):
            m.d.sync += busy.eq(self.i.valid)
            with m.If(self.i.valid):
                m.d.sync += [
                    runs.eq(self.i.payload),
                    run_address.eq(self.i.payload.address),
                    address.eq(self.i.payload.address),
                    words_left.eq(self.i.payload.row_words),
                    rows_left.eq(self.i.payload.rows),
                ]
        return m
