"""Cuts a descriptor's runs of words into AXI4 bursts."""

from amaranth.hdl import Const, Module, Mux, Signal, Value, ValueLike
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
    following : Out(32)
        The address offered after this burst, unless new runs are taken: then theirs is.
    """

    LATENCY = 1

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "i": In(stream.Signature(RUNS)),
                "o": Out(stream.Signature(burst_layout(config))),
                "following": Out(ADDRESS_BITS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        word_bytes = self._config.word_bytes
        burst_beats = self._config.bus.burst_beats

        runs = Signal(RUNS)  # as taken, except: `blocks` left
        busy = Signal()
        next_run = Signal(ADDRESS_BITS)  # where they start: one addition ahead
        next_block = Signal(ADDRESS_BITS)
        address = Signal(ADDRESS_BITS)
        words_left = Signal(RUN_BITS)
        rows_left = Signal(16)

        # What the burst at `address` is stands in registers beside it: nothing is computed between
        # them and `o.ready`.
        beats = Signal(range(burst_beats + 1))
        last_of_run = Signal()
        last_of_block = Signal()
        last = Signal()
        m.d.comb += [
            self.o.valid.eq(busy),
            self.o.payload.address.eq(address),
            self.o.payload.beats.eq(beats),
            self.o.payload.last_of_run.eq(last_of_run),
            self.o.payload.last_of_block.eq(last_of_block),
            self.o.payload.last.eq(last),
        ]

        words_after = Signal(RUN_BITS)
        rows_after = Signal(16)
        blocks_after = Signal(16)
        m.d.comb += [
            self.following.eq(address + beats * word_bytes),
            words_after.eq(words_left - beats),
            rows_after.eq(rows_left),
            blocks_after.eq(runs.blocks),
        ]
        with m.If(last_of_run):
            m.d.comb += [
                self.following.eq(next_run),
                words_after.eq(runs.row_words),
                rows_after.eq(rows_left - 1),
            ]
        with m.If(last_of_block):
            m.d.comb += [
                self.following.eq(next_block),
                rows_after.eq(runs.rows),
                blocks_after.eq(runs.blocks - 1),
            ]

        def burst(at: Value, words: Value, rows: Value, blocks: Value) -> list[ValueLike]:
            """Beats: what is left of the run, of the 4 KiB and of the longest burst."""
            boundary_words = BOUNDARY_BYTES // word_bytes
            offset = at[exact_log2(word_bytes) : exact_log2(BOUNDARY_BYTES)]
            to_boundary = Const(boundary_words) - offset
            limit = Mux(to_boundary < burst_beats, to_boundary, burst_beats)
            ends_run = words <= limit
            ends_block = ends_run & (rows == 1)
            return [
                address.eq(at),
                words_left.eq(words),
                rows_left.eq(rows),
                runs.blocks.eq(blocks),
                beats.eq(Mux(ends_run, words, limit)),
                last_of_run.eq(ends_run),
                last_of_block.eq(ends_block),
                last.eq(ends_block & (blocks == 1)),
            ]

        with m.If(self.o.valid & self.o.ready):
            m.d.sync += burst(self.following, words_after, rows_after, blocks_after)
            with m.If(last_of_run):
                m.d.sync += next_run.eq(next_run + runs.row_stride_bytes)
            with m.If(last_of_block):
                m.d.sync += [
                    next_run.eq(next_block + runs.row_stride_bytes),
                    next_block.eq(next_block + runs.block_stride_bytes),
                ]

        finishing = Signal()
        m.d.comb += [
            finishing.eq(self.o.valid & self.o.ready & last),
            self.i.ready.eq(~busy | finishing),
        ]
        with m.If(self.i.ready):
            m.d.sync += busy.eq(self.i.valid)
            with m.If(self.i.valid):
                new = self.i.payload
                m.d.sync += [
                    runs.eq(new),
                    next_run.eq(new.address + new.row_stride_bytes),
                    next_block.eq(new.address + new.block_stride_bytes),
                ]
                m.d.sync += burst(new.address, new.row_words, new.rows, new.blocks)
        return m
