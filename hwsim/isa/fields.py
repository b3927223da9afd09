"""The constants and types that describe the format of descriptors: opcodes, sizes, fields.

The fields themselves are the members of the four types in `hwsim.isa.descriptor`. A program is an
array of 64-byte descriptors, fetched in pages of 16. Fields are packed from bit 0 upward,
little-endian; bits that belong to no field are reserved and zero. The uppermost bits hold the
number of the format, so that hardware and programs of different formats refuse each other.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import get_type_hints

DESCRIPTOR_BYTES = 64
PAGE_DESCRIPTORS = 16
PAGE_BYTES = PAGE_DESCRIPTORS * DESCRIPTOR_BYTES
BOUNDARY_BYTES = 4096  # no burst crosses a multiple of this
QUEUE_DEPTH = 8  # descriptors that wait in front of each of the load, compute and store units
TOKEN_BITS = 16  # tokens count modulo 2**16; a wait is met when (count - wait) mod 2**16 < 2**15
ADDRESS_BITS = 32
BUFFER_ADDRESS_BITS = 20  # words of the feature buffer
MEMORY_END = 1 << ADDRESS_BITS  # the number of bytes that addresses reach


class Opcode(IntEnum):
    """The kind of a descriptor. Zero is not an opcode, so that blank memory is refused."""

    LOAD = 1
    COMPUTE = 2
    STORE = 3
    END = 4


class Destination(IntEnum):
    """The buffer to which a LOAD brings its words."""

    FEATURES = 0
    WEIGHTS = 1
    PROGRAM = 2


class StoreDestination(IntEnum):
    """The place to which a STORE brings its words."""

    MEMORY = 0
    FEATURES = 1


@dataclass(frozen=True)
class Bits:
    """The width and meaning of a field, in its annotation `Annotated[int, Bits(...)]`."""

    width: int
    doc: str
    signed: bool = False


@dataclass(frozen=True)
class Field:
    """A named field of a descriptor."""

    name: str
    bits: int
    doc: str
    signed: bool = False

    @cached_property
    def low(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @cached_property
    def high(self) -> int:
        return (1 << (self.bits - self.signed)) - 1


def fields_of(kind: type) -> tuple[Field, ...]:
    """Return the fields of a type whose members are annotated with `Bits`, in their order."""
    hints = get_type_hints(kind, include_extras=True)
    bits: dict[str, Bits] = {name: hint.__metadata__[0] for name, hint in hints.items()}
    return tuple(Field(name, of.width, of.doc, of.signed) for name, of in bits.items())


OPCODE = Field("opcode", 4, "The kind of descriptor.")
FORMAT = Field("format", 4, "The number of the format, 2.")
FORMAT_NUMBER = 2  # format 1 had zeros here
FORMAT_SHIFT = 8 * DESCRIPTOR_BYTES - FORMAT.bits
