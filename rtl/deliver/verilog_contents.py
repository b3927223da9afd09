"""Ports and memories of the generated Verilog, read from its text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hwsim.rtl.deliver.wrappers import RAM, module_name

PORT = re.compile(r"^  (input|output) (?:\[(\d+):0\] )?(\w+) ?;", re.MULTILINE)
MODULE = re.compile(r"^module (\w+) ?\((.*?)^endmodule", re.MULTILINE | re.DOTALL)
INSTANCE = re.compile(r"^  (\w+) \\?(\S+)  ?\($", re.MULTILINE)
RAM_INSTANCE = r"^  {ram} #\(\n(.*?)^  \) \\?(\S+) \(\n(.*?)^  \);"
NUMBER = re.compile(r"\.(\w+)\(32'd(\d+)\)")
JOINT = "__"  # between the names of instances, in the name of a module


@dataclass(frozen=True)
class OnChipMemory:
    """An instance of the wrapper: one write port and one read port on the same clock."""

    instance: str  # names of instances from below the top down to its own
    line: int  # of the file, from 1
    words: int
    bits: int
    lanes: int  # bits of the write enable
    has_read_enable: bool
    is_registered: bool  # read data comes in the next cycle, not in the same one


def ports(verilog: str, name: str) -> dict[str, tuple[str, int]]:
    """Return (direction, bits) of every port of the module `name`, as the Verilog says it."""
    body = dict(MODULE.findall(verilog))[name]
    return {port: (way, int(high or 0) + 1) for way, high, port in PORT.findall(body)}


def memories(verilog: str, name: str) -> list[OnChipMemory]:
    """Return all of the module `name` and those below it, the largest first."""
    return sorted(
        _memories(verilog, name), key=lambda memory: (-memory.words * memory.bits, memory.instance)
    )


def _memories(verilog: str, name: str) -> Iterator[OnChipMemory]:
    ram = re.compile(RAM_INSTANCE.format(ram=module_name(RAM, name)), re.MULTILINE | re.DOTALL)
    modules = {found[1]: found for found in MODULE.finditer(verilog)}

    def walk(path: tuple[str, ...], module: re.Match[str]) -> Iterator[OnChipMemory]:
        for found in ram.finditer(module[2]):
            numbers, instance, connections = found.groups()
            number = {key: int(value) for key, value in NUMBER.findall(numbers)}
            yield OnChipMemory(
                instance=".".join((*path, instance)),
                line=verilog.count("\n", 0, module.start(2) + found.start()) + 1,
                words=number["WORDS"],
                bits=number["BITS"],
                lanes=number["LANES"],
                has_read_enable=".read_enable(1'h1)" not in connections,
                is_registered=number["READ_LATENCY"] == 1,
            )
        for kind, instance in INSTANCE.findall(module[2]):
            if kind in modules:
                yield from walk((*path, instance), modules[kind])

    return walk((), modules[name])
