"""The modules of generated Verilog, each as a text that stands alone."""

import re
from dataclasses import dataclass

MODULE = re.compile(
    r"^module (?P<name>\\\S+ |\w+ ?)\((?P<ports>.*?)\);\n(?P<body>.*?)^endmodule",
    re.MULTILINE | re.DOTALL,
)
INSTANCE = re.compile(r"^  (\\\S+)  \S+ +\(", re.MULTILINE)
PORT = re.compile(r"^  (?:input|output) .*;$", re.MULTILINE)
SOURCE = re.compile(r"^ *\(\* src = .* \*\)\n", re.MULTILINE)
NUMBERED = re.compile(r"\$\d+$")  # what keeps two names apart that would be the same


@dataclass(frozen=True)
class VerilogModule:
    """One module, whose submodules are black boxes in `text`."""

    path: str  # of its instance below the top; the top's is empty
    identifier: str  # as Verilog writes it
    inside: frozenset[str]  # names of its submodules, without Verilog's escape
    text: str


def separate_modules(verilog: str, top: str) -> list[VerilogModule]:
    """Return every module of a Verilog file, with the modules that it instantiates as black boxes.

    The file must define each module once, under the path of its only instance below `top`, as
    Amaranth does. Attributes with source positions are removed, so that moving a line of Python
    does not change the text of a module.
    """
    found = {match["name"].strip(): match for match in MODULE.finditer(SOURCE.sub("", verilog))}
    modules = []
    for identifier, match in found.items():
        inside = sorted({name for name in INSTANCE.findall(match["body"]) if name in found})
        text = "\n".join((match[0], *(_black_box(name, found[name]) for name in inside), ""))
        path = identifier.removeprefix("\\").removeprefix(top).removeprefix(".")
        path = ".".join(NUMBERED.sub("", part) for part in path.split("."))
        names = frozenset(name.removeprefix("\\") for name in inside)
        modules.append(VerilogModule(path, identifier, names, text))
    return modules


def _black_box(identifier: str, match: re.Match[str]) -> str:
    ports = "\n".join(PORT.findall(match["body"]))
    return f"(* blackbox *)\nmodule {identifier} ({match['ports']});\n{ports}\nendmodule"
