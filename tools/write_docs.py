"""Write the documentation that derives from code, from the keys of a configuration to results."""

from pathlib import Path

from hwsim.arch.config import PARAMETER_BYTES
from hwsim.isa.descriptor import FIELDS, SUMMARIES
from hwsim.isa.error_codes import MEANINGS
from hwsim.isa.fields import (
    DESCRIPTOR_BYTES,
    PAGE_BYTES,
    PAGE_DESCRIPTORS,
    QUEUE_DEPTH,
    Opcode,
)
from hwsim.isa.parameters import PARAMETERS, Parameter, first_byte
from hwsim.isa.register import Register
from hwsim.isa.registers import REGISTERS
from hwsim.isa.rules import RULES
from tools.configuration_document import configuration_document
from tools.formal_document import formal_document
from tools.gates_document import gates_document
from tools.networks_document import networks_document
from tools.results_document import results_document

DOCS = Path(__file__).parents[1] / "docs"

INTRODUCTION = f"""\
<!-- Written by `make docs` from the tables in hwsim/isa/. Do not edit. -->
# Programs

A program is an array of {DESCRIPTOR_BYTES}-byte descriptors that the accelerator fetches from
memory in pages of {PAGE_DESCRIPTORS} ({PAGE_BYTES} bytes). The first page is read whole when the
accelerator is started; each further page is loaded by a LOAD at the head of the page before it.
Descriptors go, in program order, to three queues of {QUEUE_DEPTH}, in front of the load, compute
and store units.

Units run ahead of each other as far as *tokens* allow. Tokens are counters modulo 2^16 that all
start at 0: *chunks* (one for each block of each LOAD of features), *computes* (COMPUTEs issued),
*drains* (tiles staged), *staged* (STOREs that have left staging; those into the feature buffer have
arrived there), *stores* (last write responses, of STOREs into memory).
A wait for a count is met when (counter - count) mod 2^16 < 2^15. A descriptor waits only for
descriptors before it.

[architecture.md](architecture.md) has the formats of everything in memory. Fields are packed from
bit 0 upward, little-endian; a descriptor with an unknown opcode or a reserved bit set is refused.

## Descriptors

"""

PARAMETERS_INTRODUCTION = f"""\
## Parameters

Behind the weights of every output block lies one record of {PARAMETER_BYTES} bytes for each of its
output lanes. A field lies at the bottom of its own little-endian bytes; the hardware does not read
the bits above it. The last byte is not read either.

| bytes | field | meaning |
|---|---|---|
"""

RULES_INTRODUCTION = """\
## Rules

A descriptor that breaks one of these rules ends the run with error FIELD before it does anything.
The units themselves check its accesses to memory and buffers: READ_WINDOW, WRITE_WINDOW, BUFFER.
"""

REGISTERS_INTRODUCTION = """\
## Registers

Registers have 32 bits and lie behind the AXI4-Lite port; bits that belong to no field read as 0.
Bits 1:0 of an address are ignored: 0x02 reads IDENTITY. An access to an offset that has no
register is answered with SLVERR. `hwsim rtl` writes the same map as SystemRDL, HTML and C.

| offset | register | access | bits | meaning |
|---|---|---|---|---|
"""

ERRORS_INTRODUCTION = """\
## Error codes

| code | name | meaning |
|---|---|---|
"""


def _descriptors() -> str:
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


def _parameters() -> str:
    return PARAMETERS_INTRODUCTION + "".join(
        f"| {_bytes(entry)} | `{entry.name}`{' (signed)' if entry.signed else ''} | {entry.doc} |\n"
        for entry in PARAMETERS
    )


def _bytes(entry: Parameter) -> str:
    first, last = first_byte(entry), first_byte(entry) + entry.size_bytes - 1
    return f"{last}:{first}" if last > first else f"{first}"


def _rules() -> str:
    lines = [RULES_INTRODUCTION]
    for opcode in Opcode:
        texts = [rule.text for rule in RULES if rule.opcode is opcode]
        if texts:
            lines += [f"**{opcode.name}**", "", *(f"* {text}" for text in texts), ""]
    return "\n".join(lines)


def _register_rows(entry: Register) -> str:
    rows = [f"| {entry.offset:#04x} | `{entry.name}` | {entry.access.value} | | {entry.doc} |"]
    rows += [
        f"| | | | {field.high}:{field.low} `{field.name}` | {field.doc} |" for field in entry.fields
    ]
    return "\n".join(rows) + "\n"


def program_document() -> str:
    registers = "".join(map(_register_rows, REGISTERS))
    errors = "".join(
        f"| {int(code)} | `{code.name}` | {meaning} |\n" for code, meaning in MEANINGS.items()
    )
    parts = (
        INTRODUCTION + _descriptors().rstrip() + "\n",
        _parameters(),
        _rules(),
        REGISTERS_INTRODUCTION + registers,
        ERRORS_INTRODUCTION + errors,
    )
    return "\n".join(parts)


def documents() -> dict[str, str]:
    """Every generated document, by its name in `docs/`."""
    return {
        "configuration.md": configuration_document(),
        "formal.md": formal_document(),
        "gates.md": gates_document(),
        "networks.md": networks_document(),
        "program.md": program_document(),
        "results.md": results_document(),
    }


if __name__ == "__main__":
    for name, text in documents().items():
        (DOCS / name).write_text(text, "utf-8")
