"""Descriptor fields as Amaranth layouts, derived from the one table in `hwsim.program.fields`."""

from collections.abc import Iterable

from amaranth.hdl import ShapeLike, Signal, Value, ValueLike, signed, unsigned
from amaranth.lib import data

from hwsim.program.fields import DESCRIPTOR_BYTES, FIELDS, OPCODE, TOKEN_BITS, Field, Opcode

DESCRIPTOR_BITS = 8 * DESCRIPTOR_BYTES


def _shape(field: Field) -> ShapeLike:
    return signed(field.bits) if field.signed else unsigned(field.bits)


def descriptor_layout(opcode: Opcode) -> data.StructLayout:
    """Every field of one descriptor, from bit 0 upward."""
    return data.StructLayout({field.name: _shape(field) for field in FIELDS[opcode]})


def field_layout(opcode: Opcode, names: Iterable[str]) -> data.StructLayout:
    """Only the named fields: what one unit keeps of a descriptor."""
    fields = {field.name: field for field in FIELDS[opcode]}
    return data.StructLayout({name: _shape(fields[name]) for name in names})


def all_names(opcode: Opcode) -> tuple[str, ...]:
    return tuple(field.name for field in FIELDS[opcode] if field is not OPCODE)


def copy_fields(target: data.View, source: data.View) -> list[ValueLike]:
    """Assign every member of `target` from the member of the same name in `source`."""
    return [target[name].eq(source[name]) for name, _ in target.shape()]


def reached(count: Value, wait: Value) -> Value:
    """Whether a token counter has reached `wait`: the difference modulo 2**16 is below 2**15."""
    return ~(count - wait)[TOKEN_BITS - 1]


def token(name: str) -> Signal:
    return Signal(TOKEN_BITS, name=name)
