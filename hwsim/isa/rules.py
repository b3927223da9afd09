"""The rules that the fields of a descriptor must keep; the accelerator refuses a broken one.

Each rule is written once, as an expression that judges Python integers and, in `rtl/`, becomes
logic on the descriptor's bits. It therefore uses only arithmetic, comparisons, `&` and `|`. No rule
here says how far a descriptor may reach into buffers and memory: the units check that when they get
there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import lt
from typing import Any

from hwsim.arch.chain import CHAINED_KERNEL, CHAINED_TAPS, has_chain
from hwsim.arch.config import Config
from hwsim.arch.packed import LEAST_PACKED_LANES, has_packed_taps
from hwsim.isa.descriptor import OPCODES, Descriptor
from hwsim.isa.fields import DESCRIPTOR_BYTES, PAGE_BYTES, Destination, Opcode
from hwsim.isa.parameters import FACTOR_BITS, factor_bits

MOST_FACTOR = 3  # log2 of the largest k, and the largest value of the field
PACKED_KERNEL = 3
PACKED_TAPS = 27  # of three channels
LARGEST_STRIDE = 8
LARGEST_DILATION = 16
LARGEST_KERNEL = 15  # of either side: its field has four bits
LARGEST_CHAINED_STRIDE = 2
LARGEST_CUT = 255  # of the 256 values of int8


@dataclass(frozen=True)
class Rule:
    """A rule; `holds(descriptor, config)` is true (or 1) for a descriptor that keeps it.

    A rule about a product has `sides`, of which the first must be below the second: the hardware
    compares them a cycle after it has found them.
    """

    opcode: Opcode
    text: str
    holds: Callable[[Any, Config], Any]
    sides: Callable[[Any, Config], tuple[Any, Any]] | None = None


def _below(opcode: Opcode, text: str, sides: Callable[[Any, Config], tuple[Any, Any]]) -> Rule:
    return Rule(opcode, text, lambda d, c: lt(*sides(d, c)), sides)


def _positive(opcode: Opcode, *names: str) -> list[Rule]:
    def rule(name: str) -> Rule:
        return Rule(opcode, f"`{name}` is at least 1", lambda d, _: getattr(d, name) != 0)

    return [rule(name) for name in names]


def _whole_words(opcode: Opcode, *names: str) -> list[Rule]:
    def rule(name: str) -> Rule:
        return Rule(
            opcode,
            f"`{name}` is a multiple of the word",
            lambda d, c: (getattr(d, name) & (c.word_bytes - 1)) == 0,
        )

    return [rule(name) for name in names]


def _is_page(d: Any, c: Config) -> Any:
    words = DESCRIPTOR_BYTES // c.word_bytes
    return (
        (d.rows == 1)
        & (d.blocks == 1)
        & ((d.address & (DESCRIPTOR_BYTES - 1)) == 0)
        & ((d.row_words & (words - 1)) == 0)
        & (d.row_words <= PAGE_BYTES // c.word_bytes)
    )


def _is_condensable(d: Any, c: Config) -> Any:
    largest = min(MOST_FACTOR, c.array.output_lanes.bit_length() - 1) if c.channel_pool else 0
    return d.channel_pool <= largest if largest < MOST_FACTOR else 1


def _steps_within(step: Any, window: Any) -> Any:
    return (step >= 1) & (step <= window)


def _last_and_end(windows: Any, step: Any, outside: Any, computed: Any) -> tuple[Any, Any]:
    """Return where the last window begins, and where no window may: both a step further on."""
    return windows * step, computed + outside + step


def _at_most(name: str, largest: int) -> Rule:
    return Rule(
        Opcode.COMPUTE,
        f"`{name}` is 1 to {largest}",
        lambda d, _: (getattr(d, name) >= 1) & (getattr(d, name) <= largest),
    )


def _is_unit_step(d: Any) -> Any:
    return (
        (d.stride_rows == 1)
        & (d.stride_columns == 1)
        & (d.dilation_rows == 1)
        & (d.dilation_columns == 1)
    )


def _is_packed_window(d: Any, c: Config) -> Any:
    if not has_packed_taps(c):
        return 0
    passes = -(-PACKED_TAPS // c.array.input_lanes)
    return (
        (d.kernel_rows == PACKED_KERNEL)
        & (d.kernel_columns == PACKED_KERNEL)
        & (d.blocks == passes)
        & _is_unit_step(d)
        & (d.upsample == 0)
    )


def _taps_and_lanes(d: Any, c: Config) -> tuple[Any, Any]:
    """Return the taps of a kernel, and one more than may be; any may without `diagonal`."""
    any_kernel = (d.diagonal == 0) * (LARGEST_KERNEL**2 + 1)
    if c.array.output_lanes < c.array.input_lanes:
        return d.kernel_rows * d.kernel_columns, any_kernel
    lanes = (d.packed == 0) * (c.array.input_lanes + 1)
    return d.kernel_rows * d.kernel_columns, any_kernel | lanes


def _is_chained_kernel(d: Any, c: Config) -> Any:
    if not has_chain(c):
        return 0
    return (
        (d.diagonal == 1)
        & (d.kernel_rows == CHAINED_KERNEL)
        & (d.kernel_columns == CHAINED_KERNEL)
        & (d.stride_rows <= LARGEST_CHAINED_STRIDE)
        & (d.stride_columns <= LARGEST_CHAINED_STRIDE)
        & (d.dilation_rows == 1)
        & (d.dilation_columns == 1)
        & (d.upsample == 0)
    )


LOAD_RULES = [
    Rule(Opcode.LOAD, "`destination` is 0, 1 or 2", lambda d, _: d.destination != 3),
    *_positive(Opcode.LOAD, "row_words", "rows", "blocks"),
    *_whole_words(Opcode.LOAD, "address", "row_stride_bytes", "block_stride_bytes"),
    Rule(
        Opcode.LOAD,
        "`ring_row` is below `ring_rows`",
        lambda d, _: d.ring_row < d.ring_rows,
    ),
    Rule(
        Opcode.LOAD,
        f"with `destination` 2: one burst run of one block, whole descriptors from a multiple of "
        f"{DESCRIPTOR_BYTES}, at most a page",
        lambda d, c: (d.destination != int(Destination.PROGRAM)) | _is_page(d, c),
    ),
]

COMPUTE_RULES = [
    *_positive(
        Opcode.COMPUTE,
        "row_words",
        "rows",
        "columns",
        "kernel_rows",
        "kernel_columns",
        "blocks",
        "pooled_rows",
        "pooled_columns",
    ),
    Rule(
        Opcode.COMPUTE,
        "`ring_row` is below `ring_rows`",
        lambda d, _: d.ring_row < d.ring_rows,
    ),
    _at_most("stride_rows", LARGEST_STRIDE),
    _at_most("stride_columns", LARGEST_STRIDE),
    _at_most("dilation_rows", LARGEST_DILATION),
    _at_most("dilation_columns", LARGEST_DILATION),
    Rule(
        Opcode.COMPUTE,
        "`stride_rows` and `dilation_rows` are at most `ring_rows`",
        lambda d, _: (d.stride_rows <= d.ring_rows) & (d.dilation_rows <= d.ring_rows),
    ),
    Rule(
        Opcode.COMPUTE,
        "with `upsample`: strides and dilations are 1",
        lambda d, _: (d.upsample == 0) | _is_unit_step(d),
    ),
    Rule(
        Opcode.COMPUTE,
        f"with `packed`: at least {LEAST_PACKED_LANES} input lanes, a 3x3 kernel, strides and "
        "dilations 1, no `upsample`, and `blocks` is 27 over the input lanes, rounded up",
        lambda d, c: (d.packed == 0) | _is_packed_window(d, c),
    ),
    _below(
        Opcode.COMPUTE,
        "with `diagonal`: no fewer output lanes than input lanes, no more taps than these, and no "
        "`packed`",
        _taps_and_lanes,
    ),
    Rule(
        Opcode.COMPUTE,
        f"with `chained`: `diagonal`, a 3x3 kernel, strides of 1 or {LARGEST_CHAINED_STRIDE}, "
        f"dilations 1, no `upsample`, and at least {CHAINED_TAPS} input lanes",
        lambda d, c: (d.chained == 0) | _is_chained_kernel(d, c),
    ),
    Rule(
        Opcode.COMPUTE,
        "2^`channel_pool` is at most the output lanes; without a channel pool it is 1",
        _is_condensable,
    ),
    Rule(
        Opcode.COMPUTE,
        "`window_stride_rows` is 1 to `window_rows`",
        lambda d, _: _steps_within(d.window_stride_rows, d.window_rows),
    ),
    Rule(
        Opcode.COMPUTE,
        "`window_stride_columns` is 1 to `window_columns`",
        lambda d, _: _steps_within(d.window_stride_columns, d.window_columns),
    ),
    Rule(
        Opcode.COMPUTE,
        "`window_top` is below `window_rows`, `window_left` below `window_columns`",
        lambda d, _: (d.window_top < d.window_rows) & (d.window_left < d.window_columns),
    ),
    _below(
        Opcode.COMPUTE,
        "`pooled_rows` is such that the last window begins inside `rows`",
        lambda d, _: _last_and_end(d.pooled_rows, d.window_stride_rows, d.window_top, d.rows),
    ),
    _below(
        Opcode.COMPUTE,
        "`pooled_columns` is such that the last window begins inside `columns`",
        lambda d, _: _last_and_end(
            d.pooled_columns, d.window_stride_columns, d.window_left, d.columns
        ),
    ),
    Rule(
        Opcode.COMPUTE,
        "`scale_sums` is 0 with `first`, as there are no sums yet",
        lambda d, _: (d.scale_sums == 0) | (d.first == 0),
    ),
    Rule(
        Opcode.COMPUTE,
        "`wide_factors` is 0 where `multiplier_bits` is 32: no factor is wider",
        lambda d, c: 1 if factor_bits(c) < FACTOR_BITS else d.wide_factors == 0,
    ),
    Rule(
        Opcode.COMPUTE,
        "`clamp_low` and `clamp_high` leave at least one value: their sum is at most 255",
        lambda d, _: d.clamp_low + d.clamp_high <= LARGEST_CUT,
    ),
    Rule(
        Opcode.COMPUTE,
        "`table` is 0 in a build without tables",
        lambda d, c: 1 if c.tables else d.table == 0,
    ),
    Rule(
        Opcode.COMPUTE,
        "`byte_offset` is inside the word, and a multiple of output lanes / k",
        lambda d, c: (
            (d.byte_offset < c.word_bytes)
            & ((d.byte_offset & ((c.array.output_lanes >> d.channel_pool) - 1)) == 0)
        ),
    ),
]

STORE_RULES = [
    *_positive(Opcode.STORE, "row_words", "rows", "blocks"),
    *_whole_words(Opcode.STORE, "address", "row_stride_bytes", "block_stride_bytes"),
]

RULES: tuple[Rule, ...] = (*LOAD_RULES, *COMPUTE_RULES, *STORE_RULES)


def broken_rule(descriptor: Descriptor, config: Config) -> Rule | None:
    """Return the first rule that a descriptor breaks, or None."""
    opcode = OPCODES[type(descriptor)]
    for rule in RULES:
        if rule.opcode is opcode and not rule.holds(descriptor, config):
            return rule
    return None
