"""The weight queue: a ring of words, and the loader that moves them into the array."""

from amaranth.hdl import Module, Mux, Signal, ValueLike
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hwsim import pipeline
from hwsim.config import Config
from hwsim.program.error_codes import ErrorCode
from hwsim.program.fields import Opcode
from rtl.layouts import FAULT, field_layout

WEIGHTS = field_layout(
    Opcode.COMPUTE,
    ("kernel_rows", "kernel_columns", "blocks", "packed", "weight_offset", "release"),
)
PARAMETER_BANKS = 2


def weight_word_layout(config: Config) -> data.StructLayout:
    """A word on its way to the shadow weights or to the parameters."""
    return data.StructLayout(
        {
            "data": config.bus.bus_bits,
            "index": range(max(config.weight_block_words, config.parameter_words)),
            "parameters": 1,  # for the parameter bank, not the shadow
            "bank": 1,
        }
    )


class WeightQueue(wiring.Component):
    """Keeps weights in order of arrival and fills shadow and parameters, one word per cycle.

    A word written in cycle t can be read from cycle t + 1 on. A weight block is read without a
    gap, once all its words are there and the shadow is free: first read in cycle t, `shadow_full`
    from cycle t + words + `SHADOW_FILL`; first pixel in cycle t (`shadow_taken`), next block's
    first read from cycle t + `SHADOW_FREE`. The parameters follow a tile's last block in the same
    way, once the parameter bank's last drain has read its accumulators (`drained`). The next
    tile's first read follows the last parameter word in the next cycle. A tile whose weights reach
    past the queue's capacity waits for ever, as the fault.

    Members
    -------
    write, data : In
        A word arrives.
    released : Out(1)
        The word at the head leaves the queue.
    tile : In(stream.Signature(WEIGHTS))
    o : Out(stream.Signature(weight_word_layout(config), always_ready=True))
        Words read, `READ_LATENCY` after their read.
    shadow_full : Out(1)
    shadow_taken : In(1)
        The block in the shadow begins.
    parameters_full : Out(1)
        The parameters of the oldest tile that is not drained are in place.
    drained : In(1)
        A tile's last accumulators are being read.
    fault : Out(FAULT)
    """

    READ_LATENCY = 2  # memory, output register
    SHADOW_FILL = 0
    SHADOW_FREE = 1
    PARAMETERS_FILL = 1
    BANK_VISIBLE = 1
    assert (SHADOW_FILL, SHADOW_FREE) == (pipeline.SHADOW_FILL, pipeline.SHADOW_FREE)
    assert (PARAMETERS_FILL, BANK_VISIBLE) == (pipeline.PARAMETERS_FILL, pipeline.BANK_VISIBLE)

    def __init__(self, config: Config):
        self._config = config
        super().__init__(
            {
                "write": In(1),
                "data": In(config.bus.bus_bits),
                "released": Out(1),
                "tile": In(stream.Signature(WEIGHTS)),
                "o": Out(stream.Signature(weight_word_layout(config), always_ready=True)),
                "shadow_full": Out(1),
                "shadow_taken": In(1),
                "parameters_full": Out(1),
                "drained": In(1),
                "fault": Out(FAULT),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self._config
        capacity = config.weight_words

        def advance(pointer: Signal) -> ValueLike:
            return Mux(pointer == capacity - 1, 0, pointer + 1)

        m.submodules.ring = ring = Memory(shape=config.bus.bus_bits, depth=capacity, init=[])
        write, read = ring.write_port(), ring.read_port()
        tail = Signal(range(capacity))
        head = Signal(range(capacity))
        pointer = Signal(range(capacity))  # next word to read
        position = Signal(range(2 * capacity))  # its distance from the head
        held = Signal(range(capacity + 1))  # words from head to tail

        tile = Signal(WEIGHTS)
        busy = Signal()
        parameters = Signal()  # the last block is read: its parameters follow
        index = Signal.like(self.o.payload.index)
        words = Signal(range(max(config.weight_block_words, config.parameter_words) + 1))
        loaded = Signal(range(PARAMETER_BANKS + 1))  # parameter banks that wait for their drain
        filled = Signal()
        bank = Signal()

        needed = Signal(range(4 * capacity))
        beyond = Signal()  # the tile's offset alone is past the capacity
        arrived = Signal()
        begin = Signal()
        reading = Signal()
        last = Signal()
        m.d.comb += [
            words.eq(Mux(parameters, config.parameter_words, config.weight_block_words)),
            needed.eq(position + words),
            arrived.eq(~beyond & (held >= needed)),
            begin.eq(arrived & Mux(parameters, loaded != PARAMETER_BANKS, ~self.shadow_full)),
            reading.eq(busy & ((index != 0) | begin)),
            last.eq(reading & (index == words - 1)),
            self.released.eq(reading & tile.release),
            write.addr.eq(tail),
            write.data.eq(self.data),
            write.en.eq(self.write),
            read.addr.eq(pointer),
            self.parameters_full.eq(loaded != 0),
        ]
        m.d.sync += [
            held.eq(held + self.write - self.released),
            filled.eq(last & parameters),
            loaded.eq(loaded + filled - self.drained),
            self.shadow_full.eq((last & ~parameters) | (self.shadow_full & ~self.shadow_taken)),
        ]
        with m.If(self.write):
            m.d.sync += tail.eq(advance(tail))
        with m.If(self.released):
            m.d.sync += head.eq(advance(head))
        with m.If(reading):
            m.d.sync += [
                pointer.eq(advance(pointer)),
                position.eq(position + ~tile.release),
                index.eq(Mux(last, 0, index + 1)),
            ]

        # The memory answers in the next cycle; its output register makes the word one later.
        word_read = Signal()
        beside = {
            name: Signal.like(self.o.payload[name]) for name in ("index", "parameters", "bank")
        }
        m.d.sync += [
            word_read.eq(reading),
            beside["index"].eq(index),
            beside["parameters"].eq(parameters),
            beside["bank"].eq(bank),
            self.o.valid.eq(word_read),
            self.o.payload.data.eq(read.data),
            *(self.o.payload[name].eq(value) for name, value in beside.items()),
        ]

        m.d.comb += self.fault.source.eq(tile.source)
        with m.If(busy & (index == 0) & (beyond | (needed > capacity))):
            m.d.comb += self.fault.code.eq(ErrorCode.BUFFER)

        finishing = Signal()
        m.d.comb += finishing.eq(last & parameters)
        self._count_blocks(m, tile, last & ~parameters, finishing, parameters)

        # Take the next tile while the last parameter word of this one is read.
        offset_pointer = Signal(range(2 * capacity))
        head_next = Signal(range(capacity))
        m.d.comb += [
            self.tile.ready.eq(~busy | finishing),
            head_next.eq(Mux(self.released, advance(head), head)),
            offset_pointer.eq(head_next + self.tile.payload.weight_offset),
        ]
        with m.If(self.tile.ready):
            m.d.sync += [
                busy.eq(self.tile.valid),
                tile.eq(self.tile.payload),
                position.eq(self.tile.payload.weight_offset),
                beyond.eq(self.tile.payload.weight_offset >= capacity),
                pointer.eq(
                    Mux(offset_pointer >= capacity, offset_pointer - capacity, offset_pointer)
                ),
            ]
        with m.If(finishing):
            m.d.sync += bank.eq(~bank)
        return m

    def _count_blocks(
        self, m: Module, tile: data.View, block_read: Signal, finishing: Signal, parameters: Signal
    ) -> None:
        """Set `parameters` behind the tile's last weight block; order: input block, row, column."""
        row = Signal.like(tile.kernel_rows)
        column = Signal.like(tile.kernel_columns)
        block = Signal.like(tile.blocks)
        last_column = Signal()
        last_row = Signal()
        last_block = Signal()
        m.d.comb += [
            last_column.eq(tile.packed | (column + 1 == tile.kernel_columns)),
            last_row.eq(tile.packed | (row + 1 == tile.kernel_rows)),
            last_block.eq(block + 1 == tile.blocks),
        ]
        with m.If(block_read):
            m.d.sync += column.eq(column + 1)
            with m.If(last_column):
                m.d.sync += [column.eq(0), row.eq(row + 1)]
            with m.If(last_column & last_row):
                m.d.sync += [row.eq(0), block.eq(block + 1)]
            with m.If(last_column & last_row & last_block):
                m.d.sync += [block.eq(0), parameters.eq(1)]
        with m.If(finishing):
            m.d.sync += parameters.eq(0)
