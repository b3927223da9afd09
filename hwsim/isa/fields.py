"""The descriptor format. This table is the only place where a field, opcode or size is written.

The encoder, the decoder, the hardware and `docs/program.md` derive from it. A program is an array
of 64-byte descriptors, fetched in pages of 16; fields are packed from bit 0 upward, little-endian,
and bits that no field claims are reserved and zero.
"""

from dataclasses import dataclass
from enum import IntEnum

DESCRIPTOR_BYTES = 64
PAGE_DESCRIPTORS = 16
PAGE_BYTES = PAGE_DESCRIPTORS * DESCRIPTOR_BYTES
QUEUE_DEPTH = 8  # descriptors that wait in front of each of the load, compute and store units
TOKEN_BITS = 16  # tokens count modulo 2**16; a wait is met when (count - wait) mod 2**16 < 2**15


class Opcode(IntEnum):
    """What a descriptor asks for. Zero is no opcode, so that blank memory is refused."""

    LOAD = 1
    COMPUTE = 2
    STORE = 3
    END = 4


class Destination(IntEnum):
    """Where a LOAD puts what it reads."""

    FEATURES = 0
    WEIGHTS = 1
    PROGRAM = 2


@dataclass(frozen=True)
class Field:
    name: str
    bits: int
    doc: str
    signed: bool = False

    @property
    def low(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        return (1 << (self.bits - self.signed)) - 1


OPCODE = Field("opcode", 4, "Which of the four descriptors this is.")

LOAD_FIELDS = (
    OPCODE,
    Field("destination", 2, "0 feature buffer, 1 weight queue, 2 program buffer (the next page)."),
    Field("wait_computes", TOKEN_BITS, "Tiles that must have been issued first."),
    Field("wait_stores", TOKEN_BITS, "Stores whose last response must have come first."),
    Field("address", 32, "First byte in memory, a multiple of the word."),
    Field("row_words", 24, "Words of one contiguous run in memory."),
    Field("rows", 16, "Runs per block."),
    Field("row_stride_bytes", 32, "From the start of one run to the next."),
    Field("blocks", 16, "Blocks of channels. Each one finished adds 1 to the chunk token."),
    Field("block_stride_bytes", 32, "From the start of one block to the next."),
    Field("buffer_address", 20, "Features: word where ring row 0 of block 0 lies in the buffer."),
    Field("buffer_block_words", 20, "Features: words from one block to the next in the buffer."),
    Field("ring_row", 16, "Features: ring row that the first run goes to."),
    Field("ring_rows", 16, "Features: rows in the ring; after the last comes ring row 0."),
)

COMPUTE_FIELDS = (
    OPCODE,
    Field(
        "wait_chunks",
        TOKEN_BITS,
        "Input block b is read once the chunk token has reached wait_chunks + b + 1.",
    ),
    Field("wait_stores", TOKEN_BITS, "Stores that must be done before the drain writes staging."),
    Field("buffer_address", 20, "Word where ring row 0 of input block 0 lies in the buffer."),
    Field("buffer_block_words", 20, "Words from one input block to the next."),
    Field("row_words", 16, "Words of one stored row."),
    Field("ring_row", 16, "Ring row that holds input row `top` (also when `top` is negative)."),
    Field("ring_rows", 16, "Rows in the ring; after the last comes ring row 0."),
    Field("top", 16, "Input row of the tile's first tap; may be negative.", signed=True),
    Field("left", 16, "Input column of the tile's first tap; may be negative.", signed=True),
    Field("column_origin", 16, "Input column at the start of each stored row."),
    Field("input_height", 16, "Rows of the input; a tap outside reads the zero point."),
    Field("input_width", 16, "Columns of the input; a tap outside reads the zero point."),
    Field("input_zero_point", 8, "Value injected for taps outside the input.", signed=True),
    Field("rows", 10, "Rows of convolution output in this tile."),
    Field("columns", 10, "Columns; rows x columns is at most the accumulator depth."),
    Field("kernel_rows", 4, "R, taps from top to bottom."),
    Field("kernel_columns", 4, "S, taps from left to right."),
    Field("blocks", 12, "Input blocks to reduce over; with `packed`, passes over packed taps."),
    Field("packed", 1, "The input is an image of 4-byte pixels: taps fill the lanes."),
    Field("weight_offset", 20, "Words from the queue's head to this tile's weights."),
    Field("release", 1, "Drop weights from the queue as they are read: nobody needs them again."),
    Field("channel_pool", 2, "Log2 of k, the adjacent lanes condensed into one byte."),
    Field("spatial_pool", 2, "0 none, 1 2x2 windows of stride 2, 2 2x2 windows of stride 1."),
    Field("pooled_rows", 10, "Rows that the tile stores."),
    Field("pooled_columns", 10, "Columns that the tile stores."),
    Field("output_zero_point", 8, "Added after the rescale.", signed=True),
    Field("staging_address", 16, "Staging word of the tile's first stored pixel."),
    Field("byte_offset", 8, "Byte of the word for lane 0's result; at 0 the others are zeroed."),
)

STORE_FIELDS = (
    OPCODE,
    Field("wait_drains", TOKEN_BITS, "Tiles that must have been drained into staging first."),
    Field("address", 32, "First byte in memory, a multiple of the word."),
    Field("row_words", 16, "Words of one contiguous run."),
    Field("rows", 16, "Runs per block."),
    Field("row_stride_bytes", 32, "From the start of one run to the next."),
    Field("blocks", 8, "Blocks of channels; each follows the other in staging."),
    Field("block_stride_bytes", 32, "From the start of one block to the next."),
    Field("staging_address", 16, "Staging word of the first run."),
)

END_FIELDS = (
    OPCODE,
    Field("wait_stores", TOKEN_BITS, "Stores that must be done before the interrupt."),
)

FIELDS: dict[Opcode, tuple[Field, ...]] = {
    Opcode.LOAD: LOAD_FIELDS,
    Opcode.COMPUTE: COMPUTE_FIELDS,
    Opcode.STORE: STORE_FIELDS,
    Opcode.END: END_FIELDS,
}

SUMMARIES: dict[Opcode, str] = {
    Opcode.LOAD: "Read memory into the feature buffer, the weight queue or the program buffer.",
    Opcode.COMPUTE: "One accumulator tile of one output block, with its whole reduction.",
    Opcode.STORE: "Write staged words to memory.",
    Opcode.END: "Wait for the stores, raise the interrupt, idle.",
}
