"""The weight queue: a ring of words, and the loader that moves them into the array."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, ValueLike, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwsim.arch import pipeline
from hwsim.arch.config import Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import Opcode
from hwsim.rtl.operands.weights import (
    PARAMETER_BANKS,
    DoubleBuffer,
    WeightWords,
    most_words_behind,
)
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
    """Keeps weights in order of arrival and fills shadow and parameters, one word per cycle.

    A word that arrives in cycle t can be read from cycle t + 1 on. A tile that heads its queue in
    cycle t, the loader being idle, has its first read in cycle t + `ISSUE_START` at the earliest.

    A weight block is read without a gap, once all its words are there and the shadow is free. With
    its first read in cycle t the shadow is full from cycle t + words + `SHADOW_FILL` on; taken in
    cycle t, it is free for the next block's first read from cycle t + `SHADOW_FREE` on.

    The parameters follow the last block of a COMPUTE with `last` in the same way, once their bank
    is free; with `table` the words of a table follow them without a gap. They are in place from
    cycle t + words + `PARAMETERS_FILL` on, and the bank is free `BANK_VISIBLE` cycles after it was
    taken. The next COMPUTE's first read follows the last word in the next cycle. A COMPUTE whose
    weights reach past the queue's capacity waits for ever, as the fault.

    Members
    -------
    words : In(stream.Signature(bus_bits, always_ready=True))
        Words as they arrive. The load unit sends no more than the queue has room for.
    released : Out(1)
        High where the word at the head leaves the queue.
    tile : In(stream.Signature(WEIGHTS))
    o : Out(WeightWords(config))
        Words read, `READ_LATENCY` after their read.
    shadow : Out(DoubleBuffer)
        The shadow weights; taken when the block in them begins.
    parameter_bank : Out(DoubleBuffer)
        The parameters of the oldest tile that is not drained; taken when the tile's last
        accumulators are being read.
    fault : Out(FAULT)
    """

    READ_LATENCY = 3  # memory, output register, the way to shadow and parameters
    ISSUE_START = 1
    SHADOW_FILL = 0
    SHADOW_FREE = 1
    PARAMETERS_FILL = 2
    BANK_VISIBLE = 1
    assert ISSUE_START == pipeline.ISSUE_START
    assert (SHADOW_FILL, SHADOW_FREE) == (pipeline.SHADOW_FILL, pipeline.SHADOW_FREE)
    assert (PARAMETERS_FILL, BANK_VISIBLE) == (pipeline.PARAMETERS_FILL, pipeline.BANK_VISIBLE)

    def __init__(self, config: Config):
        self._config = config
        assert min(config.weight_block_words, config.parameter_words) >= 2, "known one word ahead"
        assert config.weight_block_words >= self.PARAMETERS_FILL, "loaded before the next begin"
        super().__init__(
            {
                "words": In(stream.Signature(config.bus.bus_bits, always_ready=True)),
                "released": Out(1),
                "tile": In(stream.Signature(WEIGHTS)),
                "o": Out(WeightWords(config)),
                "shadow": Out(DoubleBuffer()),
                "parameter_bank": Out(DoubleBuffer()),
                "fault": Out(FAULT),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._declare()
        self._ring(m)
        self._load(m)
        self._fill(m)
        self._check(m)
        self._send(m)
        self._count_blocks(m)
        self._take_tile(m)
        return m

    def _declare(self) -> None:
        capacity = self._config.weight_words
        self.tail = Signal(range(capacity))
        self.head = Signal(range(capacity))
        self.pointer = Signal(range(capacity))  # next word to read
        self.held = Signal(range(capacity + 1))  # words from head to tail
        self.position = Signal.like(self.tile.payload.weight_offset)  # from head to pointer
        self.ahead = Signal(signed(len(self.position) + 1))  # from pointer to tail
        self.block_arrived = Signal()  # all words of the next block, if it comes next
        self.parameters_arrived = Signal()

        self.active = Signal(WEIGHTS)
        self.busy = Signal()
        self.parameters = Signal()  # the last block is read: its parameters follow
        self.index = Signal.like(self.o.payload.index)
        self.reading = Signal()
        # The last word of a weight block, of the parameters, of the COMPUTE.
        self.block_read = Signal()
        self.parameters_read = Signal()
        self.compute_read = Signal()
        self.last_of_compute = Signal()  # the block that is read, or waited for
        self.shadow_full = Signal()
        self.loaded = Signal(range(PARAMETER_BANKS + 1))  # banks that wait for their drain
        self.bank = Signal()

    def _advance(self, pointer: Signal) -> ValueLike:
        return Mux(pointer == self._config.weight_words - 1, 0, pointer + 1)

    def _ring(self, m: Module) -> None:
        shape, capacity = self._config.bus.bus_bits, self._config.weight_words
        m.submodules.ring = ring = block_memory(shape, capacity)
        write, self.read = ring.write_port(), ring.read_port()
        m.d.comb += [
            write.addr.eq(self.tail),
            write.data.eq(self.words.payload),
            write.en.eq(self.words.valid),
            self.read.addr.eq(self.pointer),
            self.released.eq(self.reading & self.active.release),
        ]
        m.d.sync += self.held.eq(self.held + self.words.valid - self.released)
        with m.If(self.words.valid):
            m.d.sync += self.tail.eq(self._advance(self.tail))
        with m.If(self.released):
            m.d.sync += self.head.eq(self._advance(self.head))

    def _load(self, m: Module) -> None:
        """Read a block, or the parameters, once all its words are there and its place is free."""
        config = self._config
        begin = Signal()
        last = Signal()
        m.d.comb += [
            begin.eq(
                Mux(
                    self.parameters,
                    self.parameters_arrived & (self.loaded != PARAMETER_BANKS),
                    self.block_arrived & ~self.shadow_full,
                )
            ),
            self.reading.eq(self.busy & ((self.index != 0) | begin)),
            last.eq(  # the index says it all: what has begun never waits
                self.index == self._by_kind(config.weight_block_words - 1, self._words_behind(-1))
            ),
            self.block_read.eq(last & ~self.parameters),
            self.parameters_read.eq(last & self.parameters),
            self.compute_read.eq(
                last & (self.parameters | (self.last_of_compute & ~self.active.last))
            ),
        ]
        m.d.sync += [
            self.ahead.eq(self.ahead + self.words.valid - self.reading),
            self.block_arrived.eq(self._arrived(config.weight_block_words)),
            self.parameters_arrived.eq(self._arrived(self._words_behind())),
        ]
        with m.If(self.reading):
            m.d.sync += [
                self.pointer.eq(self._advance(self.pointer)),
                self.position.eq(self.position + ~self.active.release),
                self.index.eq(Mux(last, 0, self.index + 1)),
            ]

    def _fill(self, m: Module) -> None:
        """Follow what is full: the shadow, and the two parameter banks."""
        filled = Signal(self.PARAMETERS_FILL)  # on its way to the bank
        loaded = Signal.like(self.loaded)  # before a drain ends
        shadow, bank = self.shadow, self.parameter_bank
        m.d.comb += [
            shadow.next_full.eq(self.block_read | (self.shadow_full & ~shadow.taken)),
            loaded.eq(self.loaded + filled[-1]),
            bank.next_full.eq(Mux(bank.taken, loaded > 1, loaded != 0)),
        ]
        m.d.sync += [
            self.shadow_full.eq(shadow.next_full),
            filled.eq(Cat(self.parameters_read, filled)),
            self.loaded.eq(loaded - bank.taken),
        ]
        with m.If(self.parameters_read):
            m.d.sync += self.bank.eq(~self.bank)

    def _check(self, m: Module) -> None:
        """A block or the parameters past the queue's capacity never come."""
        config = self._config
        latest = self._by_kind(
            config.weight_words - config.weight_block_words,
            Mux(
                self._has_table(),
                config.weight_words - most_words_behind(config),
                config.weight_words - config.parameter_words,
            ),
        )
        m.d.comb += self.fault.source.eq(self.active.source)
        with m.If(self.busy & (self.index == 0) & (self.position > latest)):
            m.d.comb += self.fault.code.eq(ErrorCode.BUFFER)

    def _has_table(self) -> ValueLike:
        return self.active.table if self._config.tables else 0

    def _words_behind(self, more: int = 0) -> Value:
        """Return the words of parameters and table, and `more`."""
        config = self._config
        return Mux(
            self._has_table(), most_words_behind(config) + more, config.parameter_words + more
        )

    def _arrived(self, words: ValueLike) -> Value:
        """Return whether so many are there in the next cycle, if they can begin in it.

        Then this cycle either reads the last word in front of them, or waits at the first of them.
        """
        return self.ahead + self.words.valid >= words + (self.index != 0)

    def _by_kind(self, of_block: ValueLike, of_parameters: ValueLike) -> Value:
        return Mux(self.parameters, of_parameters, of_block)

    def _send(self, m: Module) -> None:
        """Send each word that was read, with what it is for.

        The memory answers in the next cycle. A register stays with its block RAMs, which lie far
        from each other; the next one makes the way to those that take the word.
        """
        word_read = Signal()
        word_held = Signal()
        held = Signal(self.o.payload.shape(), reset_less=True)
        beside = {
            name: Signal.like(self.o.payload[name]) for name in ("index", "parameters", "bank")
        }
        is_table: ValueLike = 0
        if self._config.tables:
            is_table = self.parameters & (self.index >= self._config.parameter_words)
            beside["table"] = Signal()
            m.d.sync += beside["table"].eq(is_table)
        m.d.sync += [
            word_read.eq(self.reading),
            beside["index"].eq(self.index),
            beside["parameters"].eq(self.parameters & ~is_table),
            beside["bank"].eq(self.bank),
            word_held.eq(word_read),
            held.data.eq(self.read.data),
            *(held[name].eq(value) for name, value in beside.items()),
            self.o.valid.eq(word_held),
            self.o.payload.eq(held),
        ]

    def _take_tile(self, m: Module) -> None:
        """Take the next COMPUTE while the last word of this one is read."""
        capacity, offset = self._config.weight_words, self.tile.payload.weight_offset
        releases = Signal()
        start = Signal(range(capacity + (1 << len(offset))))
        m.d.comb += [
            self.tile.ready.eq(~self.busy | self.compute_read),
            releases.eq(self.busy & self.active.release),
            start.eq(self.head + offset + releases),
        ]
        with m.If(self.tile.ready):
            m.d.sync += [
                self.ahead.eq(self.held + self.words.valid - releases - offset),
                self.block_arrived.eq(
                    self.held + self.words.valid
                    >= offset + self._config.weight_block_words + releases
                ),
                self.busy.eq(self.tile.valid),
                self.active.eq(self.tile.payload),
                self.position.eq(offset),
                self.pointer.eq(Mux(start >= capacity, start - capacity, start)),
            ]

    def _count_blocks(self, m: Module) -> None:
        """Set `parameters` behind the last weight block of a COMPUTE with `last`.

        Blocks come by input block, then row, then column of the kernel; with `packed` and
        `diagonal` a block has no single tap.
        """
        tile = self.active
        row = Signal.like(tile.kernel_rows)
        column = Signal.like(tile.kernel_columns)
        block = Signal.like(tile.blocks)
        last_column = Signal()  # registers: known before the block's last word is read
        last_row = Signal()
        last_block = Signal()
        without_taps = tile.packed | tile.diagonal
        m.d.sync += [
            last_column.eq(without_taps | (column + 1 == tile.kernel_columns)),
            last_row.eq(without_taps | (row + 1 == tile.kernel_rows)),
            last_block.eq(block + 1 == tile.blocks),
        ]
        m.d.comb += self.last_of_compute.eq(last_column & last_row & last_block)
        with m.If(self.block_read):
            m.d.sync += column.eq(column + 1)
            with m.If(last_column):
                m.d.sync += [column.eq(0), row.eq(row + 1)]
            with m.If(last_column & last_row):
                m.d.sync += [row.eq(0), block.eq(block + 1)]
            with m.If(self.last_of_compute):
                m.d.sync += [block.eq(0), self.parameters.eq(tile.last)]
        with m.If(self.parameters_read):
            m.d.sync += self.parameters.eq(0)
