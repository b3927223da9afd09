"""The types of a register and its fields. The registers stand in `hwsim.isa.registers`."""

from dataclasses import dataclass
from enum import Enum

REGISTER_BITS = 32
REGISTER_BYTES = REGISTER_BITS // 8


class Access(Enum):
    """The ways in which the host may access a register."""

    RO = "ro"
    WO = "wo"
    RW = "rw"
    W1C = "w1c"


@dataclass(frozen=True)
class BitField:
    """A field of a register: `width` bits, of which `low` is the number of the lowest.

    `reset` is the value after reset, or None if it depends on the configuration.
    """

    name: str
    low: int
    width: int
    doc: str
    reset: int | None = 0

    @property
    def high(self) -> int:
        return self.low + self.width - 1

    @property
    def mask(self) -> int:
        return ((1 << self.width) - 1) << self.low


@dataclass(frozen=True)
class Register:
    """One register; if it `is_locked`, a write during a run is refused."""

    name: str
    offset: int
    access: Access
    doc: str
    fields: tuple[BitField, ...]
    is_locked: bool = False

    @property
    def mask(self) -> int:
        return sum(field.mask for field in self.fields)

    def field(self, name: str) -> BitField:
        """Return the field of this name."""
        return next(field for field in self.fields if field.name == name)

    def pack(self, **values: int) -> int:
        """Return the word with these fields; those that are left out have their reset value."""
        unknown = values.keys() - {field.name for field in self.fields}
        assert not unknown, f"{self.name} has no field {unknown}"
        word = 0
        for field in self.fields:
            value = values.get(field.name, field.reset)
            assert value is not None, f"{self.name}.{field.name} depends on the configuration"
            assert 0 <= value < 1 << field.width, f"{self.name}.{field.name} = {value}"
            word |= value << field.low
        return word

    def unpack(self, word: int) -> dict[str, int]:
        """Return the values of the fields in a word."""
        return {field.name: (word & field.mask) >> field.low for field in self.fields}
