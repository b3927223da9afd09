"""The rules of descriptors accept and refuse plain numbers on either side of every bound.

The hardware and the other tests share `hwsim.isa.rules`, so that a mistake there would be in both.
Nothing in this file is computed from it.
"""

from dataclasses import dataclass

import pytest

from hwsim.arch.config import Config
from hwsim.isa.descriptor import OPCODES, Compute, Descriptor, Load, Store, encode
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.rules import RULES, broken_rule
from tests.drawn import preset_with
from tests.test_rtl_descriptor_check import judged

# Words of 8 bytes and 8 x 8 lanes; the same without the pool; words of 16 bytes and 16 x 64 lanes.
NANO, NO_POOL, NO_TABLES, WIDE = "nano", "without channel pool", "without tables", "wide"
WIDE_FACTORS, FEW_OUTPUTS = "32-bit multipliers", "few output lanes"
CONFIGS = {
    NANO: preset_with("nano"),
    NO_POOL: preset_with("nano", channel_pool=False),
    NO_TABLES: preset_with("nano", tables=False),
    WIDE_FACTORS: preset_with("nano", widths={"multiplier_bits": 32}),
    FEW_OUTPUTS: preset_with("edge", array={"output_lanes": 8}),
    WIDE: preset_with(
        "nano",
        array={"input_lanes": 16, "output_lanes": 64, "rescale_lanes": 4},
        bus={"bus_bits": 128},
        memory={"bandwidth_bytes_per_cycle": 16},
    ),
}

LOAD = Load(
    destination=0, wait_computes=0, wait_stores=0, address=64, row_words=4, rows=2,
    row_stride_bytes=64, blocks=2, block_stride_bytes=128, first_line=4, buffer_block_words=16,
    ring_row=1, ring_rows=4, wrap_words=12,
)  # fmt: skip
PAGE = LOAD._replace(destination=2, row_words=128, rows=1, blocks=1)
COMPUTE = Compute(
    wait_chunks=0, wait_staged=0, first_line=40, buffer_block_words=100, row_words=20,
    ring_row=2, ring_rows=5, top=-1, left=-1, column_origin=0, input_height=20, input_width=20,
    input_zero_point=0, rows=7, columns=9, kernel_rows=3, kernel_columns=3, stride_rows=1,
    stride_columns=1, stride_words=20, stride_wrap_words=80, dilation_rows=1, dilation_columns=1,
    dilation_words=20, dilation_wrap_words=80, upsample=0, blocks=2, packed=0, first=1, last=1,
    weight_offset=0, release=1, channel_pool=0, window_rows=1, window_columns=1,
    window_stride_rows=1, window_stride_columns=1, window_top=0, window_left=0,
    pooled_rows=7, pooled_columns=9, output_zero_point=0, staging_address=0,
    byte_offset=0, rounding=0, scale_sums=0, wide_factors=0,
    clamp_low=0, clamp_high=0, diagonal=0, table=0,
)  # fmt: skip
WIDE_RING = COMPUTE._replace(ring_rows=40)
PIXEL = COMPUTE._replace(rows=1, columns=1, pooled_rows=1, pooled_columns=1)
WINDOWS = COMPUTE._replace(window_rows=2, window_columns=2)
HALVED = WINDOWS._replace(
    window_stride_rows=2, window_stride_columns=2, pooled_rows=4, pooled_columns=5
)
WIDE_WINDOWS = COMPUTE._replace(
    window_rows=15,
    window_columns=12,
    window_stride_rows=3,
    window_stride_columns=4,
    window_top=2,
    window_left=3,
    pooled_rows=3,
    pooled_columns=3,
)
ONE_WINDOW = WIDE_WINDOWS._replace(window_top=0, window_left=0, pooled_rows=1, pooled_columns=1)
PACKED = COMPUTE._replace(packed=1, blocks=4)
PACKED_FIELDS = {"packed": 1, "blocks": 2, "kernel_rows": 3, "kernel_columns": 3}
DIAGONAL = COMPUTE._replace(diagonal=1, kernel_rows=2, kernel_columns=4)
CHAINED = COMPUTE._replace(diagonal=1, chained=1)
STORE = Store(
    wait_drains=0, address=64, row_words=4, rows=2, row_stride_bytes=64, blocks=2,
    block_stride_bytes=128, staging_address=0,
)  # fmt: skip


@dataclass(frozen=True)
class Bound:
    """Changes of a descriptor that a rule barely accepts, and changes that it barely refuses."""

    rule: str  # the beginning of its text
    descriptor: Descriptor
    accepted: tuple[dict[str, int], ...]
    refused: tuple[dict[str, int], ...]
    config: str = NANO


def least_1(descriptor: Descriptor, *names: str) -> list[Bound]:
    return [
        Bound(f"`{name}` is at least 1", descriptor, ({name: 1},), ({name: 0},)) for name in names
    ]


def whole_words(descriptor: Descriptor, *names: str) -> list[Bound]:
    """Return the bounds of fields that count bytes in whole words, of 8 bytes and of 16."""
    return [
        bound
        for name in names
        for bound in (
            Bound(f"`{name}` is a multiple", descriptor, ({name: 72}, {name: 2**32 - 8}),
                  ({name: 71}, {name: 73}, {name: 68}, {name: 76})),
            Bound(f"`{name}` is a multiple", descriptor, ({name: 80}, {name: 2**32 - 16}),
                  ({name: 72}, {name: 81}, {name: 96 + 4}), WIDE),
        )
    ]  # fmt: skip


STRIDES = ("address", "row_stride_bytes", "block_stride_bytes")
BOUNDS = [
    # LOAD
    Bound("`destination` is 0, 1 or 2", LOAD, ({}, {"destination": 1}), ({"destination": 3},)),
    Bound("`destination` is 0, 1 or 2", PAGE, ({},), ({"destination": 3},)),
    *least_1(LOAD, "row_words", "rows", "blocks"),
    *whole_words(LOAD, *STRIDES),
    Bound("`ring_row` is below", LOAD, ({"ring_row": 3}, {"ring_row": 0, "ring_rows": 1}),
          ({"ring_row": 4}, {"ring_row": 5}, {"ring_row": 0, "ring_rows": 0},
           {"ring_row": 2**16 - 1})),
    Bound("with `destination` 2", PAGE,
          ({}, {"row_words": 120}, {"row_words": 8}, {"address": 128}, {"address": 2**32 - 64}),
          ({"rows": 2}, {"blocks": 2}, {"rows": 3, "blocks": 3}, {"address": 72}, {"address": 96},
           {"row_words": 4}, {"row_words": 121}, {"row_words": 124}, {"row_words": 136})),
    Bound("with `destination` 2", PAGE, ({"row_words": 64}, {"row_words": 4}),
          ({"row_words": 68}, {"row_words": 62}, {"row_words": 2}, {"address": 80}), WIDE),
    # COMPUTE
    *least_1(COMPUTE, "row_words", "kernel_rows", "kernel_columns", "blocks", "pooled_rows",
             "pooled_columns"),
    *least_1(PIXEL, "rows", "columns"),
    Bound("`ring_row` is below", COMPUTE, ({"ring_row": 4}, {"ring_row": 0, "ring_rows": 1}),
          ({"ring_row": 5}, {"ring_row": 6}, {"ring_row": 2**16 - 1})),
    Bound("`stride_rows` is 1 to 8", WIDE_RING, ({"stride_rows": 8},),
          ({"stride_rows": 0}, {"stride_rows": 9}, {"stride_rows": 15})),
    Bound("`stride_columns` is 1 to 8", COMPUTE, ({"stride_columns": 8},),
          ({"stride_columns": 0}, {"stride_columns": 9}, {"stride_columns": 15})),
    Bound("`dilation_rows` is 1 to 16", WIDE_RING, ({"dilation_rows": 16},),
          ({"dilation_rows": 0}, {"dilation_rows": 17}, {"dilation_rows": 31})),
    Bound("`dilation_columns` is 1 to 16", COMPUTE, ({"dilation_columns": 16},),
          ({"dilation_columns": 0}, {"dilation_columns": 17}, {"dilation_columns": 31})),
    Bound("`stride_rows` and `dilation_rows` are at most", COMPUTE,
          ({"stride_rows": 5}, {"dilation_rows": 5}),
          ({"stride_rows": 6}, {"dilation_rows": 6}, {"dilation_rows": 16})),
    Bound("with `upsample`", COMPUTE._replace(upsample=1), ({}, {"upsample": 0, "stride_rows": 2}),
          ({"stride_rows": 2}, {"stride_columns": 2}, {"dilation_rows": 2},
           {"dilation_columns": 3})),
    Bound("with `packed`", PACKED,
          ({}, {"packed": 0, "blocks": 5}, {"packed": 0, "kernel_rows": 2}),
          ({"blocks": 3}, {"blocks": 5}, {"kernel_rows": 2}, {"kernel_rows": 4},
           {"kernel_columns": 2}, {"kernel_columns": 4}, {"kernel_rows": 1, "kernel_columns": 1},
           {"upsample": 1}, {"stride_rows": 2}, {"stride_columns": 2}, {"dilation_rows": 2},
           {"dilation_columns": 2})),
    Bound("with `packed`", PACKED, ({"blocks": 2},), ({"blocks": 1}, {"blocks": 3}), WIDE),
    Bound("with `diagonal`", DIAGONAL,
          ({}, {"kernel_columns": 2}, {"kernel_rows": 8, "kernel_columns": 1}, {"blocks": 9},
           {"diagonal": 0, "kernel_rows": 15, "kernel_columns": 15}, {"stride_rows": 2}),
          ({"kernel_rows": 3, "kernel_columns": 3}, {"kernel_rows": 1, "kernel_columns": 9},
           {"kernel_rows": 15, "kernel_columns": 15}, {"kernel_rows": 4, "kernel_columns": 4})),
    Bound("with `diagonal`", DIAGONAL,
          ({"kernel_rows": 4, "kernel_columns": 4}, {"diagonal": 0, **PACKED_FIELDS}),
          ({"kernel_rows": 6, "kernel_columns": 3}, PACKED_FIELDS), WIDE),
    Bound("with `diagonal`", DIAGONAL, ({"diagonal": 0},), ({}, {"kernel_rows": 1}), FEW_OUTPUTS),
    Bound("with `chained`", CHAINED,
          ({}, {"blocks": 9}, {"stride_rows": 2}, {"stride_columns": 2}, {"chained": 0}),
          ({"diagonal": 0}, {"kernel_rows": 2}, {"kernel_columns": 2}, {"kernel_columns": 4},
           {"kernel_rows": 4}, {"stride_rows": 3}, {"stride_columns": 3}, {"dilation_rows": 2},
           {"dilation_columns": 2}, {"upsample": 1}), WIDE),
    Bound("with `chained`", CHAINED._replace(diagonal=0), ({"chained": 0},), ({},)),
    Bound("with `chained`", CHAINED._replace(diagonal=0), ({"chained": 0},), ({},), FEW_OUTPUTS),
    Bound("2^`channel_pool` is at most", COMPUTE, ({},),
          ({"channel_pool": 1}, {"channel_pool": 2}, {"channel_pool": 3}), NO_POOL),
    *(Bound(f"`window_stride_{side}` is 1 to `window_{side}`", ONE_WINDOW,
            ({}, {f"window_stride_{side}": 12}),
            ({f"window_stride_{side}": 0}, {f"window_{side}": 2}))
      for side in ("rows", "columns")),
    Bound("`window_top` is below", WIDE_WINDOWS, ({"window_top": 14}, {"window_left": 11}),
          ({"window_top": 15}, {"window_left": 12}, {"window_left": 15})),
    Bound("`pooled_rows` is such", COMPUTE, ({}, {"pooled_rows": 1}), ({"pooled_rows": 8},)),
    Bound("`pooled_rows` is such", WINDOWS, ({},), ({"pooled_rows": 8},)),
    Bound("`pooled_rows` is such", HALVED, ({}, {"rows": 8}),
          ({"pooled_rows": 5}, {"pooled_rows": 5, "rows": 8}, {"rows": 6}, {"pooled_rows": 7})),
    Bound("`pooled_rows` is such", WIDE_WINDOWS, ({}, {"rows": 5}, {"rows": 4, "window_top": 3}),
          ({"rows": 4}, {"pooled_rows": 4}, {"window_top": 0, "rows": 6})),
    Bound("`pooled_columns` is such", COMPUTE, ({}, {"pooled_columns": 1}),
          ({"pooled_columns": 10},)),
    Bound("`pooled_columns` is such", WINDOWS, ({},), ({"pooled_columns": 10},)),
    Bound("`pooled_columns` is such", HALVED, ({}, {"columns": 10}),
          ({"pooled_columns": 6}, {"pooled_columns": 6, "columns": 10}, {"columns": 8},
           {"pooled_columns": 9})),
    Bound("`pooled_columns` is such", WIDE_WINDOWS, ({}, {"columns": 6}),
          ({"columns": 5}, {"pooled_columns": 4})),
    Bound("`scale_sums` is 0", COMPUTE,
          ({}, {"first": 0}, {"first": 0, "scale_sums": 1}), ({"scale_sums": 1},)),
    Bound("`wide_factors` is 0", COMPUTE, ({}, {"wide_factors": 1}), ()),
    Bound("`wide_factors` is 0", COMPUTE, ({},), ({"wide_factors": 1},), WIDE_FACTORS),
    Bound("`clamp_low` and `clamp_high`", COMPUTE,
          ({"clamp_low": 255}, {"clamp_high": 255}, {"clamp_low": 127, "clamp_high": 128}),
          ({"clamp_low": 255, "clamp_high": 255}, {"clamp_low": 128, "clamp_high": 128})),
    Bound("`table` is 0", COMPUTE, ({}, {"table": 1}), ()),
    Bound("`table` is 0", COMPUTE, ({},), ({"table": 1},), NO_TABLES),
    Bound("`byte_offset` is inside", COMPUTE, ({},),
          ({"byte_offset": 4}, {"byte_offset": 7}, {"byte_offset": 8}, {"byte_offset": 248})),
    Bound("`byte_offset` is inside", COMPUTE._replace(channel_pool=1), ({}, {"byte_offset": 4}),
          ({"byte_offset": 2}, {"byte_offset": 3}, {"byte_offset": 6}, {"byte_offset": 8})),
    Bound("`byte_offset` is inside", COMPUTE._replace(channel_pool=3), ({}, {"byte_offset": 7}),
          ({"byte_offset": 8}, {"byte_offset": 9})),
    Bound("`byte_offset` is inside", COMPUTE._replace(channel_pool=3), ({}, {"byte_offset": 8}),
          ({"byte_offset": 4}, {"byte_offset": 7}, {"byte_offset": 16}), WIDE),
    # STORE
    *least_1(STORE, "row_words", "rows", "blocks"),
    *whole_words(STORE, *STRIDES),
]  # fmt: skip


def changed(descriptor: Descriptor, changes: dict[str, int]) -> Descriptor:
    return descriptor._replace(**changes)


def cases(config: str) -> tuple[list[Descriptor], list[Descriptor]]:
    """Return the descriptors that must be accepted, and those that must be refused."""
    bounds = [bound for bound in BOUNDS if bound.config == config]
    return (
        [changed(bound.descriptor, one) for bound in bounds for one in bound.accepted],
        [changed(bound.descriptor, one) for bound in bounds for one in bound.refused],
    )


@pytest.mark.parametrize("config", CONFIGS)
def test_what_stands_on_either_side_of_a_bound(config: str) -> None:
    """Model and hardware agree on both sides of every bound."""
    built: Config = CONFIGS[config]
    accepted, refused = cases(config)
    for descriptor in accepted:
        assert broken_rule(descriptor, built) is None, descriptor
    for descriptor in refused:
        assert broken_rule(descriptor, built) is not None, descriptor
    verdicts = judged(built, list(map(encode, accepted + refused)))
    wanted = [ErrorCode.NONE] * len(accepted) + [ErrorCode.FIELD] * len(refused)
    for descriptor, verdict, expected in zip(accepted + refused, verdicts, wanted, strict=True):
        assert verdict is expected, descriptor


def test_every_rule_has_a_bound_that_only_it_refuses() -> None:
    """Every rule alone refuses something, except two for `rows` and `columns` that others imply."""
    implied = {"`rows` is at least 1", "`columns` is at least 1"}
    for rule in RULES:
        mine = [
            bound
            for bound in BOUNDS
            if rule.text.startswith(bound.rule) and OPCODES[type(bound.descriptor)] is rule.opcode
        ]
        assert mine, f"{rule.opcode.name}: {rule.text}"
        others = [one for one in RULES if one is not rule and one.opcode is rule.opcode]
        for bound in mine:
            for changes in bound.refused:
                descriptor, config = changed(bound.descriptor, changes), CONFIGS[bound.config]
                assert not rule.holds(descriptor, config), (rule.text, changes)
                alone = all(other.holds(descriptor, config) for other in others)
                assert alone or rule.text in implied, (rule.text, changes)
