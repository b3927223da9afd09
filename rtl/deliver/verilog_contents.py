"""Ports and memories of the generated Verilog, read from its text."""

import re
from dataclasses import dataclass

PORT = re.compile(r"^  (input|output) (?:\[(\d+):0\] )?(\w+) ?;", re.MULTILINE)
MODULE = re.compile(r"^module \\?([^\s(]+) ?\((.*?)^endmodule", re.MULTILINE | re.DOTALL)
MEMORY = re.compile(r"^  reg (?:\[(\d+):0\] )?(\w+) \[(\d+):0\];", re.MULTILINE)


@dataclass(frozen=True)
class OnChipMemory:
    """A memory with one write port and one read port on the same clock."""

    instance: str  # modules below the top, and the memory's own name
    words: int
    bits: int
    lanes: int  # bits of the write enable
    has_read_enable: bool
    is_registered: bool  # read data comes in the next cycle, not in the same one


def ports(verilog: str, name: str) -> dict[str, tuple[str, int]]:
    """(direction, bits) of every port of the module `name`, as the Verilog says it."""
    body = dict(MODULE.findall(verilog))[name]
    return {port: (way, int(high or 0) + 1) for way, high, port in PORT.findall(body)}


def memories(verilog: str, name: str) -> list[OnChipMemory]:
    """All of the module `name` and those below it, the largest first."""
    found = []
    for module, body in MODULE.findall(verilog):
        path = module.removeprefix(name).removeprefix(".")
        for high, memory, last in MEMORY.findall(body):
            instance = f"{path}.{memory}".removeprefix(".")
            found.append(_memory(instance, memory, int(last) + 1, int(high or 0) + 1, body))
    return sorted(found, key=lambda memory: (-memory.words * memory.bits, memory.instance))


def _memory(instance: str, name: str, words: int, bits: int, body: str) -> OnChipMemory:
    writes = re.findall(rf"^ +{name}\[.* <= ", body, re.MULTILINE)
    registered = re.findall(rf"^(.*)\n +\S+ <= {name}\[", body, re.MULTILINE)
    direct = re.findall(rf"^  assign .* = {name}\[", body, re.MULTILINE)
    assert writes, f"{instance} has no write port"
    assert len(registered) + len(direct) == 1, f"{instance} has not one read port"
    return OnChipMemory(
        instance=instance,
        words=words,
        bits=bits,
        lanes=len(writes),
        has_read_enable=any(" if (" in before for before in registered),
        is_registered=bool(registered),
    )
