"""Descriptors as Python values, to and from their 64 bytes."""

from typing import Any, NamedTuple

from hwsim.errors import InputError
from hwsim.isa.fields import (
    DESCRIPTOR_BYTES,
    FIELDS,
    OPCODE,
    SUMMARIES,
    Opcode,
)


class Load(NamedTuple):
    """`hwsim.isa.fields.LOAD_FIELDS`, without the opcode."""

    destination: int
    address: int
    row_words: int
    rows: int = 1
    row_stride_bytes: int = 0
    blocks: int = 1
    block_stride_bytes: int = 0
    buffer_address: int = 0
    buffer_block_words: int = 0
    ring_row: int = 0
    ring_rows: int = 1
    wait_computes: int = 0
    wait_stores: int = 0


class Compute(NamedTuple):
    """`hwsim.isa.fields.COMPUTE_FIELDS`, without the opcode."""

    wait_chunks: int
    wait_stores: int
    buffer_address: int
    buffer_block_words: int
    row_words: int
    ring_row: int
    ring_rows: int
    top: int
    left: int
    column_origin: int
    input_height: int
    input_width: int
    input_zero_point: int
    rows: int
    columns: int
    kernel_rows: int
    kernel_columns: int
    blocks: int
    packed: int
    weight_offset: int
    release: int
    channel_pool: int
    spatial_pool: int
    pooled_rows: int
    pooled_columns: int
    output_zero_point: int
    staging_address: int
    byte_offset: int


class Store(NamedTuple):
    """`hwsim.isa.fields.STORE_FIELDS`, without the opcode."""

    wait_drains: int
    address: int
    row_words: int
    rows: int
    row_stride_bytes: int
    blocks: int
    block_stride_bytes: int
    staging_address: int


class End(NamedTuple):
    wait_stores: int


Descriptor = Load | Compute | Store | End

TYPES: dict[Opcode, type[Any]] = {
    Opcode.LOAD: Load,
    Opcode.COMPUTE: Compute,
    Opcode.STORE: Store,
    Opcode.END: End,
}
OPCODES = {kind: opcode for opcode, kind in TYPES.items()}


def encode(descriptor: Descriptor) -> bytes:
    """Pack a descriptor into its 64 bytes; `InputError` names a field that does not fit."""
    opcode = OPCODES[type(descriptor)]
    word, low = 0, 0
    for field in FIELDS[opcode]:
        value = int(opcode) if field is OPCODE else int(getattr(descriptor, field.name))
        if not field.low <= value <= field.high:
            raise InputError(
                f"{opcode.name} descriptor: {field.name} = {value} is outside "
                f"{field.low}..{field.high}"
            )
        word |= (value & ((1 << field.bits) - 1)) << low
        low += field.bits
    return word.to_bytes(DESCRIPTOR_BYTES, "little")


def decode(data: bytes) -> Descriptor:
    """Unpack 64 bytes; `InputError` for an unknown opcode or a reserved bit that is set."""
    if len(data) != DESCRIPTOR_BYTES:
        raise InputError(f"a descriptor has {DESCRIPTOR_BYTES} bytes, not {len(data)}")
    word = int.from_bytes(data, "little")
    code = word & OPCODE.high
    if code not in list(Opcode):
        known = ", ".join(f"{int(opcode)} {opcode.name}" for opcode in Opcode)
        raise InputError(f"unknown opcode {code}: it is one of {known}")
    values: dict[str, int] = {}
    for field in FIELDS[Opcode(code)]:
        value = word & ((1 << field.bits) - 1)
        values[field.name] = value - (1 << field.bits) if value > field.high else value
        word >>= field.bits
    if word:
        raise InputError(f"{Opcode(code).name} descriptor: reserved bits are set")
    del values[OPCODE.name]
    descriptor: Descriptor = TYPES[Opcode(code)](**values)
    return descriptor


def markdown() -> str:
    """The descriptor tables of `docs/program.md`."""
    lines: list[str] = []
    for opcode, fields in FIELDS.items():
        lines += [
            f"### {opcode.name} (opcode {int(opcode)})",
            "",
            SUMMARIES[opcode],
            "",
            "| bits | field | meaning |",
            "|---|---|---|",
        ]
        low = 0
        for field in fields:
            sign = " (signed)" if field.signed else ""
            lines.append(f"| {low + field.bits - 1}:{low} | `{field.name}`{sign} | {field.doc} |")
            low += field.bits
        lines += [f"| {8 * DESCRIPTOR_BYTES - 1}:{low} | reserved | zero |", ""]
    return "\n".join(lines)
