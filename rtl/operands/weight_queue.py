"""The weight queue: a ring of words, and the loader that hands them to array and parameters."""

from amaranth.hdl import Cat, Module, Mux, Signal, ValueLike
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import Opcode
from hwsim.rtl.operands.weights import PARAMETER_BANKS, Supply, WeightWords, most_words_behind
from hwsim.rtl.primitives.block_memory import block_memory
from hwsim.rtl.program.layouts import field_layout
from hwsim.rtl.program.run import FAULT

WEIGHTS = field_layout(
    Opcode.COMPUTE,
    (
        "kernel_rows",
        "kernel_columns",
        "blocks",
        "packed",
        "diagonal",
        "last",
        "weight_offset",
        "release",
        "table",
    ),
)


class WeightQueue(wiring.Component):
    """Keeps weights in order of arrival, and sends them on, one word per cycle.

    It sends *parts*: a weight block, or the parameters and the table behind the last block of a
    COMPUTE with `last`. One follows the other, and each goes without a gap: a part that begins in
    cycle t has its first word read in cycle t + `FIRST_READ`, and the next one can begin in cycle
    t + words. A word that arrives in cycle t can be read from cycle t + 1 on.

    A weight block begins when the array takes it. It may be taken `BLOCK_VISIBLE` cycles after its
    last word can be read, or later; the first block of a COMPUTE that heads its queue in cycle t,
    the loader being idle, from cycle t + `ISSUE_START` on.

    Parameters begin `PARAMETERS_VISIBLE` cycles after their last word can be read, or after that
    of the table behind them, and `BANK_VISIBLE` cycles after their bank was taken. They are in
    place `PARAMETERS_FILL` + words cycles after they began. A COMPUTE whose weights reach past the
    queue's capacity waits for ever, as the fault.

    Members
    -------
    words : In(stream.Signature(word_bits, always_ready=True))
        Words as they arrive. The load unit sends no more than the queue has room for.
    released : Out(1)
        High where the word at the head leaves the queue.
    tile : In(stream.Signature(WEIGHTS))
    o : Out(WeightWords(config))
        Words read, `READ_LATENCY` after their read.
    block : Out(Supply())
        The next weight block.
    parameter_bank : Out(Supply())
        The parameters of the oldest tile that is not drained; taken when the tile's last
        accumulators are being read.
    fault : Out(FAULT)
    """

    READ_LATENCY = 3  # memory, output register, the way to array and parameters
    ISSUE_START = 3
    FIRST_READ = 1
    BLOCK_VISIBLE = 2
    PARAMETERS_VISIBLE = 1
    PARAMETERS_FILL = 3
    BANK_VISIBLE = 1
    assert (ISSUE_START, FIRST_READ) == (pipeline.ISSUE_START, pipeline.FIRST_READ)
    assert (BLOCK_VISIBLE, BANK_VISIBLE) == (pipeline.BLOCK_VISIBLE, pipeline.BANK_VISIBLE)
    assert PARAMETERS_VISIBLE == pipeline.PARAMETERS_VISIBLE
    assert PARAMETERS_FILL == pipeline.PARAMETERS_FILL

    def __init__(self, config: Config):
        self._config = config
        assert config.weight_block_words >= self.ISSUE_START, "known before it can begin"
        super().__init__(
            {
                "words": In(stream.Signature(config.word_bits, always_ready=True)),
                "released": Out(1),
                "tile": In(stream.Signature(WEIGHTS)),
                "o": Out(WeightWords(config)),
                "block": Out(Supply()),
                "parameter_bank": Out(Supply()),
                "fault": Out(FAULT),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._declare()
        self._ring(m)
        self._plan(m)
        self._count_blocks(m)
        self._take_tile(m)
        self._read(m)
        self._send(m)
        self._fill(m)
        return m

    def _declare(self) -> None:
        capacity = self._config.weight_words
        self.tail = Signal(range(capacity))
        self.head = Signal(range(capacity))

        # The next part to begin, and its COMPUTE.
        self.active = Signal(WEIGHTS, reset_less=True)
        self.busy = Signal()
        self.parameters = Signal()  # it is the last block's parameters, not a block
        self.held = Signal(range(capacity + 1))  # words that no part before it releases
        # How many of them it skips.
        self.position = Signal.like(self.tile.payload.weight_offset, reset_less=True)
        self.first = Signal()  # of its COMPUTE
        self.words_of_part = Signal(range(self._longest + 1))
        self.arrived = Signal()  # all its words
        self.begins = Signal()
        self.ends_compute = Signal()  # its COMPUTE has none behind it

        # The part that is read.
        self.left = Signal(range(self._longest + 1))  # words still to read, this cycle's included
        self.reading = Signal()
        self.pointer = Signal(range(capacity), reset_less=True)
        self.index = Signal.like(self.o.payload.index)
        self.releases = Signal()
        self.of_parameters = Signal()
        self.bank = Signal()
        self.loaded = Signal(range(PARAMETER_BANKS + 1))  # banks that wait for their drain

    @property
    def _longest(self) -> int:
        """The words of the longest part."""
        return max(self._config.weight_block_words, most_words_behind(self._config))

    def _advance(self, pointer: Signal) -> ValueLike:
        return Mux(pointer == self._config.weight_words - 1, 0, pointer + 1)

    def _ring(self, m: Module) -> None:
        shape, capacity = self._config.word_bits, self._config.weight_words
        m.submodules.ring = ring = block_memory(shape, capacity)
        write, self.read = ring.write_port(), ring.read_port()
        m.d.comb += [
            write.addr.eq(self.tail),
            write.data.eq(self.words.payload),
            write.en.eq(self.words.valid),
            self.read.addr.eq(self.pointer),
            self.released.eq(self.reading & self.releases),
        ]
        with m.If(self.words.valid):
            m.d.sync += self.tail.eq(self._advance(self.tail))
        with m.If(self.released):
            m.d.sync += self.head.eq(self._advance(self.head))

    def _plan(self, m: Module) -> None:
        """Begin the next part once all its words are there and what takes it is free.

        A part past the queue's capacity never comes. A block is announced a cycle ahead: the last
        word before it is read in the next cycle at the latest.
        """
        config, active = self._config, self.active
        needed = Signal(range(self._longest + (1 << len(self.position))))
        has_table = active.table if config.tables else 0
        behind = Mux(has_table, most_words_behind(config), config.parameter_words)
        may_begin = self.busy & self.arrived
        begins_parameters = Signal()
        m.d.comb += [
            self.words_of_part.eq(Mux(self.parameters, behind, config.weight_block_words)),
            needed.eq(self.position + self.words_of_part),
            self.block.next_ready.eq(
                may_begin & ~self.parameters & (self.left <= 2) & ~self.begins
            ),
            begins_parameters.eq(
                may_begin & self.parameters & (self.left <= 1) & (self.loaded != PARAMETER_BANKS)
            ),
            self.begins.eq(self.block.taken | begins_parameters),
            self.fault.source.eq(active.source),
        ]
        m.d.sync += [
            self.arrived.eq(self.busy & ~self.begins & (self.held >= needed)),
            self.held.eq(
                self.held
                + self.words.valid
                - Mux(self.begins & active.release, self.words_of_part, 0)
            ),
        ]
        with m.If(self.begins):
            m.d.sync += self.first.eq(0)
            with m.If(~active.release):
                m.d.sync += self.position.eq(needed)
        with m.If(self.busy & (needed > config.weight_words)):
            m.d.comb += self.fault.code.eq(ErrorCode.BUFFER)

    def _count_blocks(self, m: Module) -> None:
        """Set `parameters` behind the last weight block of a COMPUTE with `last`.

        Blocks come by input block, then row, then column of the kernel; with `packed` and
        `diagonal` a block has no single tap.
        """
        tile = self.active
        row = Signal.like(tile.kernel_rows)
        column = Signal.like(tile.kernel_columns)
        block = Signal.like(tile.blocks)
        last_column = Signal()  # registers: known before the block begins
        last_row = Signal()
        last_block = Signal()
        is_last = Signal()
        without_taps = tile.packed | tile.diagonal
        m.d.sync += [
            last_column.eq(without_taps | (column + 1 == tile.kernel_columns)),
            last_row.eq(without_taps | (row + 1 == tile.kernel_rows)),
            last_block.eq(block + 1 == tile.blocks),
        ]
        m.d.comb += [
            is_last.eq(last_column & last_row & last_block),
            self.ends_compute.eq(self.parameters | (is_last & ~tile.last)),
        ]
        with m.If(self.block.taken):
            m.d.sync += column.eq(column + 1)
            with m.If(last_column):
                m.d.sync += [column.eq(0), row.eq(row + 1)]
            with m.If(last_column & last_row):
                m.d.sync += [row.eq(0), block.eq(block + 1)]
            with m.If(is_last):
                m.d.sync += [block.eq(0), self.parameters.eq(tile.last)]
        with m.If(self.begins & self.parameters):
            m.d.sync += self.parameters.eq(0)

    def _take_tile(self, m: Module) -> None:
        """Take the next COMPUTE when the last part of this one begins."""
        m.d.comb += self.tile.ready.eq(~self.busy | (self.begins & self.ends_compute))
        with m.If(self.tile.ready):
            m.d.sync += [
                self.busy.eq(self.tile.valid),
                self.active.eq(self.tile.payload),
                self.position.eq(self.tile.payload.weight_offset),
                self.first.eq(1),
            ]

    def _read(self, m: Module) -> None:
        """Read the words of a part, from the cycle after its beginning on."""
        capacity, active = self._config.weight_words, self.active
        start = Signal(range(capacity + (1 << len(active.weight_offset))))
        m.d.comb += [
            self.reading.eq(self.left != 0),
            start.eq(self.head + active.weight_offset + self.released),
        ]
        with m.If(self.reading):
            m.d.sync += [
                self.left.eq(self.left - 1),
                self.index.eq(self.index + 1),
                self.pointer.eq(self._advance(self.pointer)),
            ]
        with m.If(self.begins):
            m.d.sync += [
                self.left.eq(self.words_of_part),
                self.index.eq(0),
                self.of_parameters.eq(self.parameters),
                self.releases.eq(active.release),
            ]
            with m.If(self.first):
                m.d.sync += self.pointer.eq(Mux(start >= capacity, start - capacity, start))

    def _send(self, m: Module) -> None:
        """Send each word that was read, with what it is for.

        The memory answers in the next cycle. A register stays with its block RAMs, which lie far
        from each other; the next one makes the way to those that take the word.
        """
        word_read = Signal()
        word_held = Signal()
        held, sent = (
            Signal(self.o.payload.shape(), name=name, reset_less=True) for name in ("held", "sent")
        )
        m.d.comb += self.o.payload.eq(sent)
        beside = {
            name: Signal.like(self.o.payload[name]) for name in ("index", "parameters", "bank")
        }
        is_table: ValueLike = 0
        if self._config.tables:
            is_table = self.of_parameters & (self.index >= self._config.parameter_words)
            beside["table"] = Signal()
            m.d.sync += beside["table"].eq(is_table)
        m.d.sync += [
            word_read.eq(self.reading),
            beside["index"].eq(self.index),
            beside["parameters"].eq(self.of_parameters & ~is_table),
            beside["bank"].eq(self.bank),
            word_held.eq(word_read),
            held.data.eq(self.read.data),
            *(held[name].eq(value) for name, value in beside.items()),
            self.o.valid.eq(word_held),
            sent.eq(held),
        ]

    def _fill(self, m: Module) -> None:
        """Follow which parameter banks are full."""
        read = Signal()  # the last word of parameters
        filled = Signal(self.PARAMETERS_FILL - self.FIRST_READ)  # on its way to the bank
        loaded = Signal.like(self.loaded)  # before a drain ends
        bank = self.parameter_bank
        m.d.comb += [
            read.eq((self.left == 1) & self.of_parameters),
            loaded.eq(self.loaded + filled[-1]),
            bank.next_ready.eq(Mux(bank.taken, loaded > 1, loaded != 0)),
        ]
        m.d.sync += [filled.eq(Cat(read, filled)), self.loaded.eq(loaded - bank.taken)]
        with m.If(read):
            m.d.sync += self.bank.eq(~self.bank)
