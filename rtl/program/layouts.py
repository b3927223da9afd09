"""Descriptors as Amaranth layouts, derived from the types in `hwsim.isa.descriptor`."""

from collections.abc import Iterable

from amaranth.hdl import ShapeLike, Value, ValueLike, signed, unsigned
from amaranth.lib import data

from hwsim.isa.descriptor import FIELDS
from hwsim.isa.fields import ADDRESS_BITS, DESCRIPTOR_BYTES, FORMAT, OPCODE, Field, Opcode

DESCRIPTOR_BITS = 8 * DESCRIPTOR_BYTES
SOURCE_BITS = ADDRESS_BITS - (DESCRIPTOR_BYTES.bit_length() - 1)  # a descriptor's own address

RESERVED = "reserved"  # member with the bits of a descriptor that no field claims
SOURCE = "source"  # member with a descriptor's address / DESCRIPTOR_BYTES, to name it in an error


def _shape(field: Field) -> ShapeLike:
    return signed(field.bits) if field.signed else unsigned(field.bits)


def descriptor_layout(opcode: Opcode) -> data.StructLayout:
    """Return every field of one kind of descriptor from bit 0 upward, reserved bits, the format."""
    fields = data.StructLayout({field.name: _shape(field) for field in FIELDS[opcode]})
    reserved_bits = DESCRIPTOR_BITS - fields.size - FORMAT.bits
    return data.StructLayout(fields.members | {RESERVED: reserved_bits, FORMAT.name: FORMAT.bits})


_DESCRIPTOR = data.UnionLayout(
    {opcode.name.lower(): descriptor_layout(opcode) for opcode in Opcode} | {"opcode": OPCODE.bits}
)


def as_descriptor(bits: Value) -> data.View:
    """Return a view of a descriptor's bits as each of its kinds: `.load.address`, `.opcode`."""
    return data.View(_DESCRIPTOR, bits)


# A bit for each kind of descriptor.
KIND = data.StructLayout({opcode.name.lower(): 1 for opcode in Opcode})


def field_layout(opcode: Opcode, names: Iterable[str]) -> data.StructLayout:
    """Return what one unit keeps of a descriptor: the named fields, and where it lies."""
    layout = descriptor_layout(opcode)
    kept = {name: layout[name].shape for name in names}
    return data.StructLayout(kept | {SOURCE: SOURCE_BITS})


def all_names(opcode: Opcode) -> tuple[str, ...]:
    """Return the names of a descriptor's fields, but for its opcode."""
    return tuple(field.name for field in FIELDS[opcode] if field is not OPCODE)


def copy_fields(target: data.View, fields: data.View) -> list[ValueLike]:
    """Assign every member of `target` that `fields` has too."""
    offered = fields.shape().members
    return [target[name].eq(fields[name]) for name, _ in target.shape() if name in offered]
