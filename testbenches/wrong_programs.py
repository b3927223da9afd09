"""Programs that the accelerator must refuse, each for one descriptor, with the expected error."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hwsim.arch.config import Config
from hwsim.isa.descriptor import FIELDS, Compute, Descriptor, End, Load, Store, encode
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import (
    ADDRESS_BITS,
    DESCRIPTOR_BYTES,
    FORMAT_NUMBER,
    FORMAT_SHIFT,
    OPCODE,
    PAGE_BYTES,
    PAGE_DESCRIPTORS,
    Destination,
    Opcode,
)
from hwsim.program.program import Program

NEVER = 30_000  # no token of a small program counts so far
OUTSIDE = 1 << 24  # an address after both windows


@dataclass(frozen=True)
class WrongProgram:
    """A wrong program and its error; ERROR_DESCRIPTOR must name the descriptor number `blamed`."""

    name: str
    code: bytes
    error: ErrorCode
    blamed: int


@dataclass(frozen=True)
class Victim:
    """A sound program whose descriptors are spoilt one at a time."""

    program: Program

    @property
    def config(self) -> Config:
        return self.program.config

    def index_of(self, kind: type[Any], number: int = 0, **fields: int) -> int:
        """Return the index of a descriptor of this kind with these fields."""
        matching = [
            index
            for index, descriptor in enumerate(self.program.descriptors)
            if isinstance(descriptor, kind)
            and all(getattr(descriptor, name) == value for name, value in fields.items())
        ]
        return matching[number]

    def spoilt(self, index: int, **fields: int) -> bytes:
        """Return the program with some fields of one descriptor replaced."""
        descriptors: list[Descriptor] = list(self.program.descriptors)
        descriptors[index] = descriptors[index]._replace(**fields)
        return b"".join(map(encode, descriptors))

    def patched(self, index: int, mask: int, value: int = 0) -> bytes:
        """Return the program with `mask` flipped and then `value` or-ed into one descriptor."""
        code = bytearray(b"".join(map(encode, self.program.descriptors)))
        place = slice(index * DESCRIPTOR_BYTES, (index + 1) * DESCRIPTOR_BYTES)
        word = int.from_bytes(code[place], "little")
        code[place] = ((word ^ mask) | value).to_bytes(DESCRIPTOR_BYTES, "little")
        return bytes(code)


def wrong_programs(program: Program) -> Iterator[WrongProgram]:
    """Yield every kind of mistake; the program has one page and all kinds of descriptor."""
    victim = Victim(program)
    yield from _opcodes(victim)
    yield from _reserved_bits(victim)
    yield from _fields(victim)
    yield from _pages(victim)
    yield from _windows(victim)
    yield from _buffers(victim)
    yield from _tiles(victim)
    yield from _deadlocks(victim)


def _opcodes(victim: Victim) -> Iterator[WrongProgram]:
    for opcode in sorted(set(range(OPCODE.high + 1)) - set(map(int, Opcode))):
        for index in (0, victim.index_of(Store)):
            code = bytearray(b"".join(map(encode, victim.program.descriptors)))
            code[index * DESCRIPTOR_BYTES] &= 0xF0
            code[index * DESCRIPTOR_BYTES] |= opcode
            yield WrongProgram(f"opcode {opcode} at {index}", bytes(code), ErrorCode.OPCODE, index)


def _reserved_bits(victim: Victim) -> Iterator[WrongProgram]:
    for opcode, kind in ((Opcode.LOAD, Load), (Opcode.COMPUTE, Compute),
                         (Opcode.STORE, Store), (Opcode.END, End)):  # fmt: skip
        index = victim.index_of(kind)
        first = sum(field.bits for field in FIELDS[opcode])
        for bit in (first, FORMAT_SHIFT - 1):
            code = victim.patched(index, 0, 1 << bit)
            name = f"reserved bit {bit} of {opcode.name}"
            yield WrongProgram(name, code, ErrorCode.RESERVED, index)
        for number in (0, 1, FORMAT_NUMBER + 1):
            code = victim.patched(index, (number ^ FORMAT_NUMBER) << FORMAT_SHIFT)
            name = f"{opcode.name} of format {number}"
            yield WrongProgram(name, code, ErrorCode.FORMAT, index)


def _fields(victim: Victim) -> Iterator[WrongProgram]:
    word_bytes = victim.config.word_bytes
    doubled = {"window_rows": 2, "window_stride_rows": 2, "pooled_rows": 2}
    wrong: dict[type[Any], list[dict[str, int]]] = {
        Load: [
            {"destination": 3},
            *({name: 0} for name in ("row_words", "rows", "blocks")),
            *({name: word_bytes // 2}
              for name in ("address", "row_stride_bytes", "block_stride_bytes")),
            {"ring_row": 1},
        ],
        Compute: [
            *({name: 0} for name in ("row_words", "rows", "columns", "kernel_rows",
                                     "kernel_columns", "blocks", "pooled_rows", "pooled_columns")),
            {"ring_row": 8},
            *({f"{name}_{side}": value}
              for name, value in (("stride", 0), ("stride", 9), ("dilation", 0), ("dilation", 17))
              for side in ("rows", "columns")),
            {"ring_rows": 2, "stride_rows": 3},
            {"upsample": 1, "stride_columns": 2},
            {"upsample": 1, "dilation_columns": 2},
            {"packed": 1, "blocks": 1},
            {"diagonal": 1, "kernel_rows": 8, "kernel_columns": 9},
            {"chained": 1, "stride_rows": 3},
            *({f"window_stride_{side}": value} for value in (0, 2) for side in ("rows", "columns")),
            {"window_top": 1},
            {"window_left": 1},
            {"pooled_rows": 1023},
            {"pooled_columns": 1023},
            doubled,
            {"byte_offset": word_bytes},
            {"byte_offset": 1},
        ],
        Store: [
            *({name: 0} for name in ("row_words", "rows", "blocks")),
            *({name: 1} for name in ("address", "row_stride_bytes", "block_stride_bytes")),
        ],
    }  # fmt: skip
    for kind, choices in wrong.items():
        index = victim.index_of(kind)
        for fields in choices:
            name = f"{kind.__name__} with {fields}"
            yield WrongProgram(name, victim.spoilt(index, **fields), ErrorCode.FIELD, index)


def _pages(victim: Victim) -> Iterator[WrongProgram]:
    words = victim.config.word_bytes
    page = Load.single_run(Destination.PROGRAM, victim.program.code.address, PAGE_BYTES // words)
    idle = Load.single_run(Destination.WEIGHTS, victim.program.stages[0].weights.address, 1)
    second = encode(idle) + encode(page)
    yield WrongProgram("page load that is not first", second, ErrorCode.PROGRAM, 1)
    endless = encode(idle) * PAGE_DESCRIPTORS
    yield WrongProgram("no END on the last page", endless, ErrorCode.PROGRAM, PAGE_DESCRIPTORS)
    for name, fields in (
        ("page of two rows", {"rows": 2}),
        ("page longer than a page", {"row_words": PAGE_BYTES // words + 64 // words}),
        ("page off its boundary", {"address": page.address + words}),
        ("part of a descriptor", {"row_words": 64 // words - 1 if words < 64 else 0}),
    ):
        yield WrongProgram(name, encode(page._replace(**fields)), ErrorCode.FIELD, 0)


def _windows(victim: Victim) -> Iterator[WrongProgram]:
    program, word_bytes = victim.program, victim.config.word_bytes
    load, store = victim.index_of(Load), victim.index_of(Store)
    for kind, index, error, addresses in (
        ("read", load, ErrorCode.READ_WINDOW, (
            program.constants.limit + 1, program.constants.limit + 1 - word_bytes, OUTSIDE)),
        ("write", store, ErrorCode.WRITE_WINDOW, (
            program.constants.base, program.code.address, OUTSIDE,
            program.features.limit + 1 - word_bytes)),
    ):  # fmt: skip
        for address in addresses:
            code = victim.spoilt(index, address=address)
            yield WrongProgram(f"{kind} at {address:#x}", code, error, index)
    highest = (1 << 32) - word_bytes
    code = victim.spoilt(load, address=highest)
    yield WrongProgram("read past the last address", code, ErrorCode.READ_WINDOW, load)


def _buffers(victim: Victim) -> Iterator[WrongProgram]:
    config = victim.config
    features = victim.index_of(Load, destination=Destination.FEATURES)
    compute, store = victim.index_of(Compute), victim.index_of(Store)
    depth = config.buffers.accumulator_depth
    for index, fields in (
        (features, {"first_line": config.feature_words - 1}),
        (features, {"buffer_block_words": config.feature_words}),
        (compute, {"first_line": config.feature_words}),
        (compute, {"first_line": 64, "buffer_block_words": (1 << 20) - 64}),
        (compute, {"rows": depth // 8 + 1}),
        (compute, {"weight_offset": config.weight_words}),
        (compute, {"weight_offset": config.weight_words - 1}),
        (compute, {"staging_address": config.staging_words}),
        (store, {"staging_address": config.staging_words - 1}),
        (store, {"destination": 1, "address": (config.feature_words - 1) * config.word_bytes}),
        (store, {"destination": 1, "address": (1 << ADDRESS_BITS) - config.word_bytes}),
    ):
        name = f"past a buffer: {fields}"
        yield WrongProgram(name, victim.spoilt(index, **fields), ErrorCode.BUFFER, index)


def _tiles(victim: Victim) -> Iterator[WrongProgram]:
    first, second = victim.index_of(Compute), victim.index_of(Compute, 1)
    for index, fields, blamed in (
        (first, {"first": 0}, first),
        (second, {"first": 0}, second),
        (first, {"last": 0}, second),
    ):
        code = victim.spoilt(index, **fields)
        yield WrongProgram(f"COMPUTE {index} with {fields}", code, ErrorCode.TILE, blamed)


def _deadlocks(victim: Victim) -> Iterator[WrongProgram]:
    load, compute = victim.index_of(Load), victim.index_of(Compute)
    store, end = victim.index_of(Store), victim.index_of(End)
    for index, field, others in (
        (load, "wait_computes", {}),
        (load, "wait_stores", {}),
        (compute, "wait_chunks", {}),
        (compute, "wait_chunks", {"awaits_stores": 1}),
        (compute, "wait_staged", {}),
        (store, "wait_drains", {}),
        (end, "wait_stores", {}),
    ):
        code = victim.spoilt(index, **{field: NEVER}, **others)
        name = f"{field} of {index} that never comes, {others}"
        yield WrongProgram(name, code, ErrorCode.DEADLOCK, index)
    weights = victim.index_of(Load, destination=Destination.WEIGHTS)
    code = victim.spoilt(weights, row_words=1)
    yield WrongProgram("weights that never come", code, ErrorCode.DEADLOCK, compute)
