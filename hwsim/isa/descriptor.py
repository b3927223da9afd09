"""The four types of descriptor, the only place that defines a field or its width.

Each member of a type is a field, annotated with its `Bits`. The hardware packs the fields in this
order, from bit 4 upward; the opcode comes before them, and the format stands in the uppermost bits.
The encoder, the decoder, the hardware's layouts, the SystemRDL and `docs/program.md` all derive
from `FIELDS`.
"""

from collections.abc import Callable
from operator import itemgetter
from typing import Annotated, NamedTuple, Self

from hwsim.errors import InputError
from hwsim.isa.fields import (
    ADDRESS_BITS,
    BUFFER_ADDRESS_BITS,
    DESCRIPTOR_BYTES,
    FORMAT_NUMBER,
    FORMAT_SHIFT,
    OPCODE,
    TOKEN_BITS,
    Bits,
    Destination,
    Field,
    Opcode,
    fields_of,
)


class Load(NamedTuple):
    """Read memory into the feature buffer, the weight queue or the program buffer."""

    destination: Annotated[
        int, Bits(2, "0 feature buffer, 1 weight queue, 2 program buffer (the next page).")
    ]
    wait_computes: Annotated[int, Bits(TOKEN_BITS, "Tiles that must have been issued first.")]
    wait_stores: Annotated[
        int, Bits(TOKEN_BITS, "Stores whose last response must have come first.")
    ]
    address: Annotated[int, Bits(ADDRESS_BITS, "First byte in memory, a multiple of the word.")]
    row_words: Annotated[int, Bits(24, "Words of one burst run, which lie side by side in memory.")]
    rows: Annotated[int, Bits(16, "Burst runs per block.")]
    row_stride_bytes: Annotated[
        int, Bits(ADDRESS_BITS, "From one burst run's first byte to the next one's.")
    ]
    blocks: Annotated[
        int, Bits(16, "Blocks of channels. Each one that is loaded adds 1 to the chunk token.")
    ]
    block_stride_bytes: Annotated[
        int, Bits(ADDRESS_BITS, "From one block's first byte to the next one's.")
    ]
    first_line: Annotated[
        int, Bits(BUFFER_ADDRESS_BITS, "Features: word of the buffer where the first run begins.")
    ]
    buffer_block_words: Annotated[
        int, Bits(BUFFER_ADDRESS_BITS, "Features: words from one block to the next in the buffer.")
    ]
    ring_row: Annotated[int, Bits(16, "Features: ring row that the first burst run goes to.")]
    ring_rows: Annotated[
        int, Bits(16, "Features: rows in the ring; after the last comes ring row 0.")
    ]
    wrap_words: Annotated[
        int,
        Bits(BUFFER_ADDRESS_BITS, "Features: words from the ring's last row back to ring row 0."),
    ]

    @classmethod
    def single_run(
        cls,
        destination: Destination,
        address: int,
        words: int,
        wait_computes: int = 0,
        wait_stores: int = 0,
    ) -> Self:
        """Read `words` consecutive words. Features go to the start of the feature buffer."""
        return cls(
            destination=destination,
            wait_computes=wait_computes,
            wait_stores=wait_stores,
            address=address,
            row_words=words,
            rows=1,
            row_stride_bytes=0,
            blocks=1,
            block_stride_bytes=0,
            first_line=0,
            buffer_block_words=0,
            ring_row=0,
            ring_rows=1,
            wrap_words=0,
        )


class Compute(NamedTuple):
    """Add one source to a tile of one output block, over all input blocks of the source.

    The COMPUTEs of a tile stand side by side, from the one with `first` to the one with `last`.
    Rows count in the source as the taps see it: with `upsample`, twice as large as it lies in the
    buffer.
    """

    wait_chunks: Annotated[
        int,
        Bits(
            TOKEN_BITS,
            "Input block b is read once the chunk token has reached wait_chunks + b + 1; with "
            "`awaits_stores`, all are read once the staged token has reached wait_chunks.",
        ),
    ]
    wait_staged: Annotated[
        int, Bits(TOKEN_BITS, "Stores that must have left staging before the drain writes there.")
    ]
    first_line: Annotated[
        int,
        Bits(
            BUFFER_ADDRESS_BITS,
            "Word of the buffer where row `top` of input block 0 begins (also when `top` is "
            "negative: then where it would).",
        ),
    ]
    buffer_block_words: Annotated[
        int, Bits(BUFFER_ADDRESS_BITS, "Words from one input block to the next.")
    ]
    row_words: Annotated[int, Bits(16, "Words of one stored row.")]
    ring_row: Annotated[
        int, Bits(16, "Ring row that holds input row `top` (also when `top` is negative).")
    ]
    ring_rows: Annotated[int, Bits(16, "Rows in the ring; after the last comes ring row 0.")]
    top: Annotated[
        int, Bits(16, "Input row of the tile's first tap; may be negative.", signed=True)
    ]
    left: Annotated[
        int, Bits(16, "Input column of the tile's first tap; may be negative.", signed=True)
    ]
    column_origin: Annotated[int, Bits(16, "Input column at the start of each stored row.")]
    input_height: Annotated[int, Bits(16, "Rows of the input; a tap outside reads the zero point.")]
    input_width: Annotated[
        int, Bits(16, "Columns of the input; a tap outside reads the zero point.")
    ]
    input_zero_point: Annotated[
        int, Bits(8, "Value injected for taps outside the input.", signed=True)
    ]
    rows: Annotated[int, Bits(10, "Rows of convolution output in this tile.")]
    columns: Annotated[int, Bits(10, "Columns; rows x columns is at most the accumulator depth.")]
    kernel_rows: Annotated[int, Bits(4, "R, taps from top to bottom.")]
    kernel_columns: Annotated[int, Bits(4, "S, taps from left to right.")]
    stride_rows: Annotated[int, Bits(4, "Input rows from one row of the tile to the next, 1 to 8.")]
    stride_columns: Annotated[int, Bits(4, "Input columns from pixel to pixel, 1 to 8.")]
    stride_words: Annotated[
        int, Bits(BUFFER_ADDRESS_BITS, "Words from one row of the tile to the next.")
    ]
    stride_wrap_words: Annotated[
        int, Bits(BUFFER_ADDRESS_BITS, "Words back instead, where the next row is past the ring.")
    ]
    dilation_rows: Annotated[int, Bits(5, "Input rows from tap to tap, 1 to 16.")]
    dilation_columns: Annotated[int, Bits(5, "Input columns from tap to tap, 1 to 16.")]
    dilation_words: Annotated[
        int, Bits(BUFFER_ADDRESS_BITS, "Words from one row of taps to the next.")
    ]
    dilation_wrap_words: Annotated[
        int, Bits(BUFFER_ADDRESS_BITS, "Words back instead, where the next row is past the ring.")
    ]
    upsample: Annotated[int, Bits(1, "1: each stored pixel is seen as 2x2 pixels.")]
    blocks: Annotated[int, Bits(12, "Input blocks to reduce over; with `packed`, tap passes.")]
    packed: Annotated[int, Bits(1, "The input is an image of 4-byte pixels: taps fill the lanes.")]
    first: Annotated[int, Bits(1, "1: the tile begins; its accumulators are overwritten.")]
    last: Annotated[
        int,
        Bits(1, "1: the tile ends; parameters follow its weights, and the drain takes the sums."),
    ]
    weight_offset: Annotated[int, Bits(20, "Words from the queue's head to this tile's weights.")]
    release: Annotated[
        int,
        Bits(1, "1: weights leave the queue as they are read, because no later tile needs them."),
    ]
    channel_pool: Annotated[int, Bits(2, "Log2 of k, the adjacent lanes condensed into one byte.")]
    window_rows: Annotated[int, Bits(4, "Rows of a pool window; 1 x 1 without a spatial pool.")]
    window_columns: Annotated[int, Bits(4, "Columns of a pool window.")]
    window_stride_rows: Annotated[int, Bits(4, "Rows of the tile from window to window.")]
    window_stride_columns: Annotated[int, Bits(4, "Columns from window to window.")]
    window_top: Annotated[int, Bits(4, "Rows of the tile's first windows that lie above it.")]
    window_left: Annotated[int, Bits(4, "Columns of the tile's first windows on its left.")]
    pooled_rows: Annotated[int, Bits(10, "Rows that the tile stores.")]
    pooled_columns: Annotated[int, Bits(10, "Columns that the tile stores.")]
    output_zero_point: Annotated[int, Bits(8, "Added after the rescale.", signed=True)]
    staging_address: Annotated[int, Bits(16, "Staging word of the tile's first stored pixel.")]
    byte_offset: Annotated[
        int, Bits(8, "Byte of the word for lane 0's result; at 0 the others are zeroed.")
    ]
    rounding: Annotated[
        int,
        Bits(
            1,
            "0: the rescale rounds once, halves up. 1: lanes whose shift exceeds 31 round twice, "
            "as TFLite's reference kernels do.",
        ),
    ]
    scale_sums: Annotated[
        int,
        Bits(
            1,
            "1: what the tile has summed so far first counts 2^weight bits times as much, so that "
            "these weights are the lower limbs of those before.",
        ),
    ]
    wide_factors: Annotated[
        int,
        Bits(
            1,
            "1: the factors of the rescale have 31 bits, of which its lanes take the lower 16, "
            "then the upper 15, in two cycles. 0: they fit its multipliers.",
        ),
    ]
    clamp_low: Annotated[int, Bits(8, "Steps above -128 at which stored values begin.")]
    clamp_high: Annotated[int, Bits(8, "Steps below 127 at which stored values end.")]
    diagonal: Annotated[
        int,
        Bits(
            1,
            "1: output lane s computes only with byte s of the word, counted modulo the input "
            "lanes, and weight t of its lane is that of tap t.",
        ),
    ]
    table: Annotated[
        int,
        Bits(
            1,
            "1: what leaves the channel pool is looked up in a table, which follows the "
            "parameters.",
        ),
    ]
    awaits_stores: Annotated[
        int,
        Bits(
            1,
            "1: the source was stored into the feature buffer, so that `wait_chunks` counts STOREs "
            "and not chunks.",
        ),
    ] = 0
    chained: Annotated[
        int,
        Bits(
            1,
            "1: with `diagonal`, the nine taps of a pixel are computed at a time, out of the words "
            "that go along the array.",
        ),
    ] = 0

    @property
    def taps_per_block(self) -> int:
        """The taps that the array computes one after the other with one weight block."""
        if self.chained or not self.diagonal:
            return 1
        return self.kernel_rows * self.kernel_columns

    @property
    def window_taps(self) -> int:
        """The sums of which the spatial pool keeps the largest."""
        return self.window_rows * self.window_columns

    @property
    def weight_blocks(self) -> int:
        """The weight blocks that the COMPUTE reads."""
        if self.packed or self.diagonal:
            return self.blocks
        return self.blocks * self.kernel_rows * self.kernel_columns


class Store(NamedTuple):
    """Write staged words to memory, or to the feature buffer, where later COMPUTEs read them."""

    wait_drains: Annotated[
        int, Bits(TOKEN_BITS, "Tiles that must have been drained into staging first.")
    ]
    address: Annotated[
        int,
        Bits(
            ADDRESS_BITS, "First byte in memory or in the feature buffer, a multiple of the word."
        ),
    ]
    row_words: Annotated[int, Bits(16, "Words of one burst run, which lie side by side there.")]
    rows: Annotated[int, Bits(16, "Burst runs per block.")]
    row_stride_bytes: Annotated[
        int, Bits(ADDRESS_BITS, "From one burst run's first byte to the next one's.")
    ]
    blocks: Annotated[int, Bits(8, "Blocks of channels, one behind the other in staging.")]
    block_stride_bytes: Annotated[
        int, Bits(ADDRESS_BITS, "From one block's first byte to the next one's.")
    ]
    staging_address: Annotated[int, Bits(16, "Staging word of the first burst run.")]
    destination: Annotated[int, Bits(1, "0 memory, 1 feature buffer.")] = 0


class End(NamedTuple):
    """Wait for the stores, then raise the interrupt and end the run."""

    wait_stores: Annotated[int, Bits(TOKEN_BITS, "Stores that must be done before the interrupt.")]


Descriptor = Load | Compute | Store | End

TYPES: dict[Opcode, type[Descriptor]] = {
    Opcode.LOAD: Load,
    Opcode.COMPUTE: Compute,
    Opcode.STORE: Store,
    Opcode.END: End,
}
OPCODES = {kind: opcode for opcode, kind in TYPES.items()}
FIELDS: dict[Opcode, tuple[Field, ...]] = {
    opcode: (OPCODE, *fields_of(kind)) for opcode, kind in TYPES.items()
}
SUMMARIES: dict[Opcode, str] = {opcode: kind.__doc__ or "" for opcode, kind in TYPES.items()}


def compute_setter(*names: str) -> Callable[..., Compute]:
    """Return a function that takes a COMPUTE and values, and returns it with these fields replaced.

    It does what `_replace` does, in a third of the time: a program has hundreds of thousands of
    COMPUTEs. Each field is taken from the COMPUTE with the values behind it.
    """
    count = len(Compute._fields)
    taken = itemgetter(
        *(
            count + names.index(name) if name in names else place
            for place, name in enumerate(Compute._fields)
        )
    )

    def set_fields(compute: Compute, *values: int) -> Compute:
        assert len(values) == len(names), f"{len(values)} values for {names}"
        return Compute._make(taken(compute + values))

    return set_fields


def encode(descriptor: Descriptor) -> bytes:
    """Pack a descriptor into its 64 bytes; `InputError` names a field that does not fit."""
    opcode = OPCODES[type(descriptor)]
    word, low = 0, 0
    for field, value in zip(FIELDS[opcode], (opcode, *descriptor), strict=True):
        if not field.low <= value <= field.high:
            raise InputError(
                f"{opcode.name} descriptor: {field.name} = {value} is outside "
                f"{field.low}..{field.high}"
            )
        word |= (value & ((1 << field.bits) - 1)) << low
        low += field.bits
    word |= FORMAT_NUMBER << FORMAT_SHIFT
    return word.to_bytes(DESCRIPTOR_BYTES, "little")


def decode(data: bytes) -> Descriptor:
    """Unpack 64 bytes.

    Raises `InputError` for an unknown opcode, another format, or a reserved bit that is set.
    """
    if len(data) != DESCRIPTOR_BYTES:
        raise InputError(f"a descriptor has {DESCRIPTOR_BYTES} bytes, not {len(data)}")
    word = int.from_bytes(data, "little")
    code = word & OPCODE.high
    if code not in list(Opcode):
        known = ", ".join(f"{int(opcode)} {opcode.name}" for opcode in Opcode)
        raise InputError(f"unknown opcode {code}: it is one of {known}")
    opcode = Opcode(code)
    number = word >> FORMAT_SHIFT
    if number != FORMAT_NUMBER:
        raise InputError(f"{opcode.name} descriptor: format {number} must be {FORMAT_NUMBER}")
    word &= (1 << FORMAT_SHIFT) - 1
    values: dict[str, int] = {}
    for field in FIELDS[opcode]:
        value = word & ((1 << field.bits) - 1)
        values[field.name] = value - (1 << field.bits) if value > field.high else value
        word >>= field.bits
    if word:
        raise InputError(f"{opcode.name} descriptor: reserved bits are set")
    del values[OPCODE.name]
    return TYPES[opcode](**values)
