"""Descriptor fields as Amaranth layouts, derived from the types in `hwsim.isa.descriptor`."""

from collections.abc import Iterable

from amaranth.hdl import ShapeLike, Value, ValueLike, signed, unsigned
from amaranth.lib import data

from hwsim.isa.descriptor import FIELDS
from hwsim.isa.fields import ADDRESS_BITS, DESCRIPTOR_BYTES, OPCODE, TOKEN_BITS, Field, Opcode

DESCRIPTOR_BITS = 8 * DESCRIPTOR_BYTES
SOURCE_BITS = ADDRESS_BITS - (DESCRIPTOR_BYTES.bit_length() - 1)  # a descriptor's own address


# Which of the four descriptors it is.
KIND = data.StructLayout({opcode.name.lower(): 1 for opcode in Opcode})

SOURCE = "source"  # member with a descriptor's address / DESCRIPTOR_BYTES, to name it in an error
FIRST_LINE = "first_line"  # member with `buffer_address` + `ring_row` x `row_words`


def _shape(field: Field) -> ShapeLike:
    return signed(field.bits) if field.signed else unsigned(field.bits)


def descriptor_layout(opcode: Opcode) -> data.StructLayout:
    """Every field of one descriptor, from bit 0 upward."""
    return data.StructLayout({field.name: _shape(field) for field in FIELDS[opcode]})


def field_layout(opcode: Opcode, names: Iterable[str]) -> data.StructLayout:
    """What one unit keeps of a descriptor: the named fields, and where the descriptor lies."""
    fields = {field.name: field for field in FIELDS[opcode]}
    return data.StructLayout({name: _shape(fields[name]) for name in names} | {SOURCE: SOURCE_BITS})


def with_first_line(layout: data.StructLayout) -> data.StructLayout:
    """The same and, with all its bits, where the descriptor's first row begins in the buffer."""
    bits = 1 + layout["ring_row"].width + layout["row_words"].width
    return data.StructLayout(layout.members | {FIRST_LINE: bits})


def all_names(opcode: Opcode) -> tuple[str, ...]:
    return tuple(field.name for field in FIELDS[opcode] if field is not OPCODE)


def copy_fields(target: data.View, fields: data.View) -> list[ValueLike]:
    """Assign every member of `target` that `fields` has too."""
    offered = fields.shape().members
    return [target[name].eq(fields[name]) for name, _ in target.shape() if name in offered]


def reached(count: Value, wait: Value) -> Value:
    """Whether a token counter has reached `wait`: the difference modulo 2**16 is below 2**15."""
    return ~(count - wait)[TOKEN_BITS - 1]


# The widest of them: a LOAD's.
FIRST_LINE_BITS = with_first_line(descriptor_layout(Opcode.LOAD))[FIRST_LINE].width
