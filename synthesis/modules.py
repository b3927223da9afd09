"""The modules of generated Verilog, each as a text that stands alone."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

MODULE = re.compile(
    r"^module (?P<name>\w+) ?\((?P<ports>.*?)\);\n(?P<body>.*?)^endmodule",
    re.MULTILINE | re.DOTALL,
)
MEMORY = re.compile(r"^module (?P<name>\w+) #\(.*?^endmodule", re.MULTILINE | re.DOTALL)
INSTANCE = re.compile(r"^  (\w+) (?:#\($|\\?(\S+)  ?\($)", re.MULTILINE)
PORT = re.compile(r"^  (?:input|output) .*;$", re.MULTILINE)
SOURCE = re.compile(r"^ *\(\* src = .* \*\)\n", re.MULTILINE)
LIBRARY_CELLS = ("clock_gate",)  # wrappers of what no logic is synthesized into


@dataclass(frozen=True)
class VerilogModule:
    """An instance, whose submodules are black boxes in `text`, except for its memories."""

    path: str  # below the top, whose own is empty
    identifier: str  # as Verilog writes it
    inside: frozenset[str]  # names of its submodules
    text: str


def separate_modules(verilog: str, top: str) -> list[VerilogModule]:
    """Return every instance below `top`, and `top`, with those inside it as black boxes.

    Instances of one module have the same text. A module with parameters is a memory: its text goes
    to the modules that have an instance of it. A cell of the library stays a black box, and has no
    gates. Attributes with source positions are removed, so that moving a line of Python does not
    change a module's text.
    """
    text = SOURCE.sub("", verilog)
    found = {match["name"]: match for match in MODULE.finditer(text)}
    memories = {match["name"]: match[0] for match in MEMORY.finditer(text)}
    cells = {f"{top}_{cell}" for cell in LIBRARY_CELLS}

    @cache
    def below(identifier: str) -> list[tuple[str, str]]:
        """Return the module and the name of each instance in a module."""
        return INSTANCE.findall(found[identifier]["body"])

    @cache
    def alone(identifier: str) -> tuple[frozenset[str], str]:
        """Return the names of a module's submodules, and its text."""
        kinds = {kind for kind, _ in below(identifier)}
        inside = sorted(kinds & found.keys())
        texts = [found[identifier][0], *(_black_box(found[name]) for name in inside)]
        texts += [memories[name] for name in sorted(kinds & memories.keys())]
        return frozenset(inside), "\n".join((*texts, ""))

    def walk(path: tuple[str, ...], identifier: str) -> Iterator[VerilogModule]:
        yield VerilogModule(".".join(path), identifier, *alone(identifier))
        for kind, name in below(identifier):
            if kind in found.keys() - cells:
                yield from walk((*path, name), kind)

    return list(walk((), top))


def _black_box(match: re.Match[str]) -> str:
    ports = "\n".join(PORT.findall(match["body"]))
    return f"(* blackbox *)\nmodule {match['name']} ({match['ports']});\n{ports}\nendmodule"
