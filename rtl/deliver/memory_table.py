"""The guide's table of on-chip memories: what each belongs to, and where the Verilog has it."""

import re
from importlib import import_module
from pathlib import Path

from hwsim.rtl.deliver.verilog_contents import JOINT, OnChipMemory, memories

SOURCE = re.compile(r'^\(\* src = "([^":]+):\d+" \*\)\n(?:\(\*.*\n)*module (\w+)', re.MULTILINE)
HEAD = """\
| instance | line | words x bits | write port | read port | what it belongs to |
|---|---|---|---|---|---|"""


def memory_table(verilog: str, name: str) -> str:
    """One row of Markdown for each memory of the module `name` and those below it, largest first.

    All of it is read from the Verilog. What a memory belongs to is said in the words of the Python
    source that the Verilog names: that of the unit around it or, between units, of its own name.
    """
    sources = {module: source for source, module in SOURCE.findall(verilog)}
    found = memories(verilog, name)
    around_units = [unit[:-1] for unit in map(_unit, found) if unit]
    rows = [HEAD]
    for memory in found:
        unit = _unit(memory)
        own_name = memory.instance.rpartition(".")[2]
        role = own_name if unit in around_units else _summary(sources[JOINT.join((name, *unit))])
        rows.append(
            f"| `{memory.instance}` | {memory.line} | {memory.words} x {memory.bits} "
            f"| {_write_port(memory)} | {_read_port(memory)} | {role} |"
        )
    return "\n".join(rows)


def _unit(memory: OnChipMemory) -> list[str]:
    """Path of the unit of the core that the memory is in, or of the core itself."""
    return memory.instance.split(".")[:-1][:2]


def _summary(source: str) -> str:
    """The first line of what a Python file says of itself."""
    module = import_module(".".join(Path(source).with_suffix("").parts))
    return (module.__doc__ or source).partition("\n")[0].removesuffix(".")


def _write_port(memory: OnChipMemory) -> str:
    lanes = memory.lanes
    return "whole words" if lanes == 1 else f"{lanes} lanes of {memory.bits // lanes} bits"


def _read_port(memory: OnChipMemory) -> str:
    if not memory.is_registered:
        return "asynchronous"
    return "synchronous with enable" if memory.has_read_enable else "synchronous"
