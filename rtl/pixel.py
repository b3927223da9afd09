"""What the sequencer keeps of a tile, and what it sends along with every pixel."""

from amaranth.hdl import signed
from amaranth.lib import data

from hwsim.config import Config
from hwsim.program.fields import Opcode
from rtl.layouts import field_layout, with_first_line
from rtl.packing import KERNEL, Packing, packing
from rtl.read_manager import BUFFER_ADDRESS_BITS

ISSUE = with_first_line(
    field_layout(
        Opcode.COMPUTE,
        (
            "wait_chunks",
            "buffer_address",
            "buffer_block_words",
            "row_words",
            "ring_row",
            "ring_rows",
            "top",
            "left",
            "column_origin",
            "input_height",
            "input_width",
            "input_zero_point",
            "rows",
            "columns",
            "kernel_rows",
            "kernel_columns",
            "blocks",
            "packed",
        ),
    )
)


def accumulate_layout(config: Config) -> data.StructLayout:
    """What the accumulators need to know of a pixel."""
    return data.StructLayout(
        {
            "index": range(config.buffers.accumulator_depth),
            "bank": 1,
            "overwrite": 1,  # the tile's first weight block
            "last": 1,  # the tile's last pixel
        }
    )


def packed_layout(shape: Packing) -> data.StructLayout:
    """What the operands need to know of a cycle with `packed`."""
    return data.StructLayout(
        {
            "enable": 1,
            "phase": range(max(shape.pixels, 2)),  # first pixel's place in its word
            "capture": data.ArrayLayout(
                1 + shape.ahead, shape.streams
            ),  # to current, next, spare word
            "advance": 1,  # the next pixel starts in the next word
            "pass": range(max(shape.passes, 2)),
            "row_inside": shape.streams,
            "column_inside": KERNEL,
        }
    )


def pixel_layout(config: Config) -> data.StructLayout:
    """One cycle of the sequencer."""
    return data.StructLayout(
        {
            "address": BUFFER_ADDRESS_BITS,
            "pixel": 1,  # a pixel; 0 where `packed` only fetches
            "first": 1,  # of its weight block
            "inside": 1,
            "zero_point": signed(8),
            "accumulate": accumulate_layout(config),
            "packed": packed_layout(packing(config)),
        }
    )
