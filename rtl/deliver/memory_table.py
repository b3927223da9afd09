"""The guide's table of on-chip memories: what each belongs to, and where the Verilog has it."""

import re
from importlib import import_module
from pathlib import Path

from hwsim.rtl.deliver.verilog_contents import MODULE, OnChipMemory, memories

SOURCE = re.compile(
    r'^\(\* src = "([^":]+):\d+" \*\)\n(?:\(\*.*\n)*module \\?([^\s(]+)', re.MULTILINE
)
HEAD = """\
| instance | line | words x bits | write port | read port | what it belongs to |
|---|---|---|---|---|---|"""


def memory_table(verilog: str, name: str) -> str:
    """One row of Markdown for each memory of the module `name` and those below it, largest first.

    All of it is read from the Verilog. What a memory belongs to is said in the words of the Python
    source that the Verilog names: that of the unit around it or, between units, of its own name.
    """
    modules = {module[1]: module for module in MODULE.finditer(verilog)}
    sources = {module: source for source, module in SOURCE.findall(verilog)}
    found = memories(verilog, name)
    around_units = [unit[:-1] for unit in map(_unit, found) if unit]
    rows = [HEAD]
    for memory in found:
        *path, own_name = memory.instance.split(".")
        unit = _unit(memory)
        role = own_name if unit in around_units else _summary(sources[".".join((name, *unit))])
        module = modules[".".join((name, *path))]
        line = verilog.count("\n", 0, module.start(2) + _declaration(own_name, module[2])) + 1
        rows.append(
            f"| `{memory.instance}` | {line} | {memory.words} x {memory.bits} "
            f"| {_write_port(memory)} | {_read_port(memory, module[2])} | {role} |"
        )
    return "\n".join(rows)


def _unit(memory: OnChipMemory) -> list[str]:
    """Path of the unit of the core that the memory is in, or of the core itself."""
    return memory.instance.split(".")[:-1][:2]


def _summary(source: str) -> str:
    """The first line of what a Python file says of itself."""
    module = import_module(".".join(Path(source).with_suffix("").parts))
    return (module.__doc__ or source).partition("\n")[0].removesuffix(".")


def _declaration(memory: str, body: str) -> int:
    declared = re.search(rf"^  reg (?:\[\d+:0\] )?{memory} \[", body, re.MULTILINE)
    assert declared is not None
    return declared.start()


def _write_port(memory: OnChipMemory) -> str:
    lanes = memory.lanes
    return "whole words" if lanes == 1 else f"{lanes} lanes of {memory.bits // lanes} bits"


def _read_port(memory: OnChipMemory, body: str) -> str:
    """Return when the word comes, and which one where both ports meet at an address.

    Yosys writes write-first as a second assignment or, without an enable, by keeping the address.
    """
    own_name = memory.instance.rpartition(".")[2]
    if re.search(rf"= {own_name}\[_\d+_\];", body):
        return "synchronous, write-first"
    if not memory.is_registered:
        return "asynchronous"
    is_bypassed = re.search(rf"<= {own_name}\[.*\];\n +if ", body)
    enable = " with enable" if memory.has_read_enable else ""
    return f"synchronous{enable}, {'write' if is_bypassed else 'read'}-first"
