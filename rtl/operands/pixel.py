"""Layouts of the pixel sequencer: a tile, a weight block, and what goes with every pixel."""

from dataclasses import dataclass

from amaranth.hdl import Mux, ShapeLike, Value, signed
from amaranth.lib import data

from hwsim.arch.config import Config
from hwsim.isa.fields import BUFFER_ADDRESS_BITS, TOKEN_BITS, Opcode
from hwsim.rtl.operands.packing import KERNEL, Packing, packing
from hwsim.rtl.program.layouts import SOURCE, field_layout

COORDINATE = signed(18)
LINE_BITS = BUFFER_ADDRESS_BITS + 2  # sums of buffer addresses, before they are checked
RING_BITS = 16  # of a ring row's number

ISSUE = field_layout(
    Opcode.COMPUTE,
    (
        "wait_chunks",
        "first_line",
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
        "stride_rows",
        "stride_columns",
        "stride_words",
        "stride_wrap_words",
        "dilation_rows",
        "dilation_columns",
        "dilation_words",
        "dilation_wrap_words",
        "upsample",
        "blocks",
        "packed",
        "diagonal",
        "chained",
        "awaits_stores",
        "first",
        "last",
        "scale_sums",
    ),
)

KEPT = (  # fields of a tile that go with each of its weight blocks
    "row_words",
    "ring_rows",
    "input_height",
    "input_zero_point",
    "rows",
    "columns",
    "stride_rows",
    "stride_columns",
    "stride_words",
    "stride_wrap_words",
    "upsample",
    "packed",
    "diagonal",
    "chained",
    "awaits_stores",
    SOURCE,
)


def weight_block_layout(config: Config) -> data.StructLayout:
    """Return the layout of a weight block, at one of its rows; with `diagonal`, of one of its taps.

    A *line* is the buffer address of a row's column `column_origin`, from which columns count.
    With `chained`, the row and its strides are those of one row of the input.
    """
    kept: dict[str, ShapeLike] = {name: ISSUE[name].shape for name in KEPT}
    return data.StructLayout(
        kept
        | {
            "wait_chunks": TOKEN_BITS,  # its own chunk included; with `awaits_stores`, STOREs
            "line": LINE_BITS,
            "until_wrap": RING_BITS,  # rows to the ring's end, this one included
            "last_line": signed(BUFFER_ADDRESS_BITS + 1),  # at most, for a row to end in the buffer
            "y": COORDINATE,
            "x": COORDINATE,  # of each row's first pixel
            "low": COORDINATE,  # `low` <= x < `high` is inside the input
            "high": COORDINATE,
            "tap_pass": range(max(packing(config).tap_passes, 2)),
            "tap": range(config.array.input_lanes),  # with `diagonal`: the lanes' weight for it
            "wide_rows": 1,  # with `chained`: its stride is 2
            "takes_weights": 1,  # its weights become active: 0 for all taps of a block but one
            "first": 1,  # of its tile
            "scale_sums": 1,  # the first one of a lower limb of the weights
            "last": 1,  # of its COMPUTE
            "ends_tile": 1,  # its COMPUTE is the tile's last one
            "mismatched": 1,  # its COMPUTE does not belong behind the one before
        }
    )


@dataclass(frozen=True)
class RowStep:
    """The step from a row to the next one that is read: `stride` of a tile, `dilation` of taps."""

    fields: data.View  # of a tile or a weight block
    kind: str

    def after(self, line: Value, until_wrap: Value, y: Value) -> tuple[Value, Value]:
        """Return `line` and `until_wrap` of the row behind the one at input row `y`.

        With `upsample` two input rows share a row of the buffer.
        """
        fields = self.fields
        rows, words = fields[f"{self.kind}_rows"], fields[f"{self.kind}_words"]
        wraps = rows >= until_wrap
        stays = fields.upsample & ~y[0]
        next_line = line + Mux(wraps, -fields[f"{self.kind}_wrap_words"], words)
        next_until_wrap = until_wrap + Mux(wraps, fields.ring_rows - rows, -rows)
        return Mux(stays, line, next_line), Mux(stays, until_wrap, next_until_wrap)


def accumulate_layout(config: Config) -> data.StructLayout:
    """Return the layout of what the accumulators need to know of a pixel."""
    return data.StructLayout(
        {
            "index": range(config.buffers.accumulator_depth),
            "bank": 1,
            "overwrite": 1,  # the tile's first weight block
            "scale": 1,  # the sums so far first count 2^weight bits times as much
            "last": 1,  # the tile's last pixel
        }
    )


def packed_layout(shape: Packing) -> data.StructLayout:
    """Return the layout of what the operands need to know of a cycle with `packed`."""
    return data.StructLayout(
        {
            "enable": 1,
            "phase": range(max(shape.pixels, 2)),  # first pixel's place in its word
            # Of each stream, a bit each for the current, next and spare word.
            "capture": data.ArrayLayout(1 + shape.ahead, shape.streams),
            "advance": 1,  # the next pixel starts in the next word
            "tap_pass": range(max(shape.tap_passes, 2)),
            "row_inside": shape.streams,
            "column_inside": KERNEL,
        }
    )


def pixel_layout(config: Config) -> data.StructLayout:
    """Return the layout of one cycle of the sequencer."""
    return data.StructLayout(
        {
            "address": BUFFER_ADDRESS_BITS,
            "pixel": 1,  # a pixel; 0 where `packed` only fetches, or `chained` only fills
            "first": 1,  # of its weight block
            "diagonal": 1,  # tap by tap
            "chained": 1,
            "tap": range(config.array.input_lanes),
            "inside": 1,
            "zero_point": signed(8),
            "accumulate": accumulate_layout(config),
            "packed": packed_layout(packing(config)),
        }
    )
