"""Sound programs with random bits and fields spoilt, and the check of the hardware's verdict."""

import random

from hwsim.arch.config import Config
from hwsim.errors import InputError
from hwsim.isa.descriptor import FIELDS, decode
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import (
    DESCRIPTOR_BYTES,
    FORMAT,
    FORMAT_NUMBER,
    OPCODE,
    PAGE_BYTES,
    Opcode,
)
from hwsim.isa.rules import broken_rule
from hwsim.program.program import Program
from hwsim.testbenches.bench import Run


def spoilt_code(program: Program, drawn: random.Random) -> bytes:
    """Return a program with random bits flipped, or odd fields, in one to three descriptors."""
    words = [
        int.from_bytes(program.code_bytes[start : start + DESCRIPTOR_BYTES], "little")
        for start in range(0, PAGE_BYTES, DESCRIPTOR_BYTES)
    ]
    for _ in range(drawn.randint(1, 3)):
        index = drawn.randrange(len(program.descriptors))
        code = words[index] & OPCODE.high
        if code in list(Opcode) and drawn.random() < 0.8:
            fields = FIELDS[Opcode(code)]
            chosen = drawn.randrange(1, len(fields))
            low = sum(field.bits for field in fields[:chosen])
            mask = (1 << fields[chosen].bits) - 1
            old = words[index] >> low & mask
            new = drawn.choice([0, 1, old + 1, old - 1, mask, 8 * drawn.randrange(512),
                                drawn.getrandbits(32)]) & mask  # fmt: skip
            words[index] ^= (old ^ new) << low
        else:
            words[index] ^= 1 << drawn.randrange(8 * DESCRIPTOR_BYTES)
    return b"".join(word.to_bytes(DESCRIPTOR_BYTES, "little") for word in words)


def check_judgement(program: Program, code: bytes, run: Run) -> None:
    """Check that the hardware's verdict on a descriptor is that of the decoder and the rules."""
    index = (run.error_descriptor - program.code.address) // DESCRIPTOR_BYTES
    judged = {ErrorCode.OPCODE, ErrorCode.FORMAT, ErrorCode.RESERVED, ErrorCode.FIELD}
    if run.error in judged:
        assert _judge(code, index, program.config) is run.error, (index, run.error.name)
    elif run.error is ErrorCode.NONE:
        for position in range(len(program.descriptors)):
            assert _judge(code, position, program.config) is ErrorCode.NONE, position
            if code[position * DESCRIPTOR_BYTES] & OPCODE.high == Opcode.END:
                break


def _judge(code: bytes, index: int, config: Config) -> ErrorCode:
    data = code[index * DESCRIPTOR_BYTES : (index + 1) * DESCRIPTOR_BYTES]
    if data[0] & OPCODE.high not in list(Opcode):
        return ErrorCode.OPCODE
    if data[-1] >> 8 - FORMAT.bits != FORMAT_NUMBER:
        return ErrorCode.FORMAT
    try:
        descriptor = decode(data)
    except InputError:
        return ErrorCode.RESERVED
    return ErrorCode.FIELD if broken_rule(descriptor, config) else ErrorCode.NONE
