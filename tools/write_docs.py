"""Writes the documentation that derives from code: `docs/program.md`."""

from pathlib import Path

from hwsim.program.descriptor import markdown
from hwsim.program.fields import DESCRIPTOR_BYTES, PAGE_BYTES, PAGE_DESCRIPTORS, QUEUE_DEPTH

PROGRAM = Path(__file__).parents[1] / "docs" / "program.md"

INTRODUCTION = f"""\
<!-- Written by `make docs` from hwsim/program/fields.py. Do not edit. -->
# Programs

A program is an array of {DESCRIPTOR_BYTES}-byte descriptors that the accelerator fetches from
memory in pages of {PAGE_DESCRIPTORS} ({PAGE_BYTES} bytes). The first page is read whole when the
accelerator is started; each further page is loaded by a LOAD at the head of the page before it.
Descriptors go, in program order, to three queues of {QUEUE_DEPTH}, in front of the load, compute
and store units.

Units run ahead of each other as far as *tokens* allow. Tokens are counters modulo 2^16 that all
start at 0: *chunks* (one for each block of each LOAD of features), *computes* (tiles issued),
*drains* (tiles staged), *stores* (last write responses). A wait for a count is met when
(counter - count) mod 2^16 < 2^15. Every wait names work that stands earlier in the program.

What lies where in memory is in [architecture.md](architecture.md). Fields are packed from bit 0
upward, little-endian; a descriptor with an unknown opcode or a reserved bit set is refused.

## Descriptors

"""


def program_document() -> str:
    return INTRODUCTION + markdown().rstrip() + "\n"


if __name__ == "__main__":
    PROGRAM.write_text(program_document(), "utf-8")
