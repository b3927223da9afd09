"""The walk over the runs of a descriptor: the rows of its blocks, each contiguous in memory."""

from collections.abc import Callable

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwsim.arch.config import Config
from hwsim.isa.fields import ADDRESS_BITS, BOUNDARY_BYTES

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
    """Return the layout of one run: words that are contiguous in memory."""
    return data.StructLayout(
        {
            "address": ADDRESS_BITS,
            "words": RUN_BITS,
            "is_long": 1,  # `exceeds_bursts(config, words)`
            "limit": range(config.burst_words + 1),  # of the first burst: `burst_limit`
            "last_of_block": 1,
            "last": 1,
        }
    )


def exceeds_bursts(config: Config, words: Value) -> Value:
    """Return whether a run is longer than any burst, by its upper bits: no carry is needed."""
    return words[len(Const(config.burst_words)) :].any()


def burst_limit(config: Config, address: Value) -> Value:
    """Return the most words of a burst at `address`: what is left of the 4 KiB, or of any burst.

    Less than a whole burst is left only in the last stretch of the 4 KiB that is as long as one.
    """
    most = min(config.burst_words, BOUNDARY_BYTES // config.word_bytes)
    words = address[exact_log2(config.word_bytes) : exact_log2(BOUNDARY_BYTES)]
    bits = exact_log2(most)
    inside = words[:bits] & words[bits:].all().replicate(bits)
    # `most` - `inside`, in fewer levels than an adder has.
    return Cat(*(inside[bit] ^ inside[:bit].any() for bit in range(bits)), ~inside.any())


class Runs(wiring.Component):
    """Walks over the blocks and rows of a descriptor: a run for each row of each block.

    The first run is offered in the cycle after its descriptor is taken, then one per cycle in which
    `o` is ready. The next descriptor is taken in the cycle in which the last run leaves.

    Members
    -------
    i : In(stream.Signature(RUNS))
        `ready` depends on `o.ready` of the same cycle.
    o : Out(stream.Signature(run_layout(config)))
    moves : Out(1)
        High when `o` is free for the next run: it offers none, or the one that it offers leaves.
    begins : Out(1)
        High while the next run is the first of a descriptor. This is the descriptor on `i`, or one
        that is still to come.
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
        self._declare()
        self._find_next(m)
        self._move(m)
        return m

    def _declare(self) -> None:
        self.taken = Signal(RUNS, reset_less=True)
        # Where they start: one addition ahead.
        self.next_run = Signal(ADDRESS_BITS, reset_less=True)
        self.next_block = Signal(ADDRESS_BITS, reset_less=True)
        # With the run that is offered.
        self.rows_left = Signal.like(self.taken.rows, reset_less=True)
        self.blocks_left = Signal.like(self.taken.blocks, reset_less=True)
        self.in_last_block = Signal()
        # The run behind the one that is offered, and the descriptor that it belongs to.
        self.job = Signal(RUNS)
        self.address = Signal(ADDRESS_BITS)
        self.rows = Signal(len(self.rows_left))
        self.blocks = Signal(len(self.blocks_left))
        self.last_row = Signal()
        self.last_block = Signal()

    def _find_next(self, m: Module) -> None:
        """Find the block's next row, else the next block's first, else the next descriptor's."""
        taken = self.taken
        m.d.comb += [
            self.job.eq(taken),
            self.address.eq(self.next_run),
            self.rows.eq(self.rows_left - 1),
            self.last_row.eq(self.rows_left == 2),
            self.blocks.eq(self.blocks_left),
            self.last_block.eq(self.in_last_block),
        ]
        with m.If(self.o.payload.last_of_block):
            m.d.comb += [
                self.address.eq(self.next_block),
                self.rows.eq(taken.rows),
                self.last_row.eq(taken.rows == 1),
                self.blocks.eq(self.blocks_left - 1),
                self.last_block.eq(self.blocks_left == 2),
            ]
        with m.If(self.begins):
            new = self.i.payload
            m.d.comb += [
                self.job.eq(new),
                self.address.eq(new.address),
                self.rows.eq(new.rows),
                self.last_row.eq(new.rows == 1),
                self.blocks.eq(new.blocks),
                self.last_block.eq(new.blocks == 1),
            ]

    def _move(self, m: Module) -> None:
        """Offer the next run once the one that is offered leaves."""
        job = self.job
        run = Signal(self.o.payload.shape(), reset_less=True)
        m.d.comb += [
            self.o.payload.eq(run),
            self.moves.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(self.begins & self.moves),
        ]
        with m.If(self.moves):
            m.d.sync += [
                self.o.valid.eq(self.i.valid | ~self.begins),
                self.begins.eq((self.last_row & self.last_block) | (self.begins & ~self.i.valid)),
                self.taken.eq(job),
                self.rows_left.eq(self.rows),
                self.blocks_left.eq(self.blocks),
                self.in_last_block.eq(self.last_block),
                self.next_run.eq(self.address + job.row_stride_bytes),
                run.address.eq(self.address),
                run.words.eq(job.row_words),
                run.is_long.eq(exceeds_bursts(self._config, job.row_words)),
                run.limit.eq(burst_limit(self._config, self.address)),
                run.last_of_block.eq(self.last_row),
                run.last.eq(self.last_row & self.last_block),
            ]
            with m.If(self.begins | run.last_of_block):
                m.d.sync += self.next_block.eq(self.address + job.block_stride_bytes)


def walked(
    m: Module, runs: Runs, head: data.View, may_run: Callable[[data.View], Value]
) -> tuple[data.View, Signal]:
    """Return the descriptor whose runs are walked, and `may_run` of it in the cycle before.

    Both come from registers; `head` is the descriptor that `runs` takes next.
    """
    job = Signal(head.shape(), reset_less=True)
    met = Signal()
    with m.If(runs.i.ready):
        m.d.sync += job.eq(head)
    m.d.sync += met.eq(Mux(runs.i.ready, may_run(head), may_run(job)))
    return job, met
