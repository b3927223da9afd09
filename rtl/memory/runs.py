"""Walks the runs of a descriptor: the contiguous rows of its blocks."""

from collections.abc import Callable

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim.arch.config import Config
from hwsim.isa.fields import ADDRESS_BITS

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


def run_layout(config: Config) -> data.StructLayout:
    return data.StructLayout(
        {
            "address": ADDRESS_BITS,
            "words": RUN_BITS,
            "is_long": 1,  # `exceeds_bursts(config, words)`
            "limit": range(config.bus.burst_beats + 1),  # of the first burst: `burst_limit`
            "last_of_block": 1,
            "last": 1,
        }
    )


def exceeds_bursts(config: Config, words: Value) -> Value:
    """Whether a run is longer than any burst, by its upper bits: an answer without a carry."""
    return words[len(Const(config.bus.burst_beats)) :].any()


def burst_limit(config: Config, address: Value) -> Value:
    """The most words of a burst at `address`: as many as are left of the 4 KiB, or of any burst.

    They are too few only in the last stretch of the 4 KiB that is as long as a burst.
    """
    most = min(config.bus.burst_beats, BOUNDARY_BYTES // config.word_bytes)
    words = address[exact_log2(config.word_bytes) : exact_log2(BOUNDARY_BYTES)]
    bits = exact_log2(most)
    inside = words[:bits] & words[bits:].all().replicate(bits)
    # `most` - `inside`, in fewer levels than an adder has.
    return Cat(*(inside[bit] ^ inside[:bit].any() for bit in range(bits)), ~inside.any())


class Runs(wiring.Component):
    """Walks blocks and rows. The first run is offered the cycle after its descriptor is taken.

    Then one per cycle that `o` is ready; the next descriptor is taken in the cycle in which the
    last run leaves.

    Members
    -------
    i : In(stream.Signature(RUNS))
    o : Out(stream.Signature(run_layout(config)))
    moves : Out(1)
        Another run, or none, is offered from the next cycle on.
    begins : Out(1)
        It is the first of the descriptor on `i`, if there is one.
    """

    LATENCY = 1

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "i": In(stream.Signature(RUNS)),
                "o": Out(stream.Signature(run_layout(config))),
                "moves": Out(1),
                "begins": Out(1, init=1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        run = self.o.payload
        taken = Signal(RUNS)
        job = Signal(RUNS)  # to which the next run belongs
        next_run = Signal(ADDRESS_BITS)  # where they start: one addition ahead
        next_block = Signal(ADDRESS_BITS)
        rows_left = Signal.like(taken.rows)  # with the run that is offered
        blocks_left = Signal.like(taken.blocks)
        in_last_block = Signal()

        # The run behind the one that is offered.
        address = Signal.like(next_run)
        rows = Signal.like(rows_left)
        blocks = Signal.like(blocks_left)
        last_row = Signal()
        last_block = Signal()
        m.d.comb += [
            self.moves.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(self.begins & self.moves),
            job.eq(taken),
            address.eq(next_run),
            rows.eq(rows_left - 1),
            last_row.eq(rows_left == 2),
            blocks.eq(blocks_left),
            last_block.eq(in_last_block),
        ]
        with m.If(run.last_of_block):
            m.d.comb += [
                address.eq(next_block),
                rows.eq(taken.rows),
                last_row.eq(taken.rows == 1),
                blocks.eq(blocks_left - 1),
                last_block.eq(blocks_left == 2),
            ]
        with m.If(self.begins):
            new = self.i.payload
            m.d.comb += [
                job.eq(new),
                address.eq(new.address),
                rows.eq(new.rows),
                last_row.eq(new.rows == 1),
                blocks.eq(new.blocks),
                last_block.eq(new.blocks == 1),
            ]
        with m.If(self.moves):
            m.d.sync += [
                self.o.valid.eq(self.i.valid | ~self.begins),
                self.begins.eq((last_row & last_block) | (self.begins & ~self.i.valid)),
                taken.eq(job),
                rows_left.eq(rows),
                blocks_left.eq(blocks),
                in_last_block.eq(last_block),
                next_run.eq(address + job.row_stride_bytes),
                run.address.eq(address),
                run.words.eq(job.row_words),
                run.is_long.eq(exceeds_bursts(self._config, job.row_words)),
                run.limit.eq(burst_limit(self._config, address)),
                run.last_of_block.eq(last_row),
                run.last.eq(last_row & last_block),
            ]
            with m.If(self.begins | run.last_of_block):
                m.d.sync += next_block.eq(address + job.block_stride_bytes)
        return m


def walked(
    m: Module, runs: Runs, head: data.View, may_run: Callable[[data.View], Value]
) -> tuple[data.View, Signal]:
    """The descriptor whose runs are walked, and what `may_run` said of it in the cycle before.

    Both come from registers; `head` is the descriptor that `runs` takes next.
    """
    job = Signal(head.shape())
    met = Signal()
    with m.If(runs.i.ready):
        m.d.sync += job.eq(head)
    m.d.sync += met.eq(Mux(runs.i.ready, may_run(head), may_run(job)))
    return job, met
