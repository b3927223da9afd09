"""The modules of generated Verilog, each as a text that stands alone."""

import re
from dataclasses import dataclass

MODULE = re.compile(
    r"^module (?P<name>\w+) ?\((?P<ports>.*?)\);\n(?P<body>.*?)^endmodule",
    re.MULTILINE | re.DOTALL,
)
MEMORY = re.compile(r"^module (?P<name>\w+) #\(.*?^endmodule", re.MULTILINE | re.DOTALL)
INSTANCE = re.compile(r"^  (\w+) (?:#\($|\S+ \($|\\\S+  \($)", re.MULTILINE)
PORT = re.compile(r"^  (?:input|output) .*;$", re.MULTILINE)
SOURCE = re.compile(r"^ *\(\* src = .* \*\)\n", re.MULTILINE)
LIBRARY_CELLS = ("clock_gate",)  # wrappers of what no logic is synthesized into


@dataclass(frozen=True)
class VerilogModule:
    """One module, whose submodules are black boxes in `text`, except for its memories."""

    path: str  # of its instance below the top; the top's is empty
    identifier: str  # as Verilog writes it
    inside: frozenset[str]  # names of its submodules
    text: str


def separate_modules(verilog: str, top: str) -> list[VerilogModule]:
    """Return every module of a Verilog file, with the modules that it instantiates as black boxes.

    The file must define each module once, under the path of its only instance below `top`, as
    `to_verilog` does. A module with parameters is a memory: its text goes to the modules that have
    an instance of it. A cell of the library stays a black box, and has no gates. Attributes with
    source positions are removed, so that moving a line of Python does not change a module's text.
    """
    text = SOURCE.sub("", verilog)
    found = {match["name"]: match for match in MODULE.finditer(text)}
    memories = {match["name"]: match[0] for match in MEMORY.finditer(text)}
    cells = {f"{top}_{cell}" for cell in LIBRARY_CELLS}
    modules = []
    for identifier, match in found.items():
        if identifier in cells:
            continue
        instances = set(INSTANCE.findall(match["body"]))
        inside = sorted(instances & found.keys())
        texts = [match[0], *(_black_box(found[name]) for name in inside)]
        texts += [memories[name] for name in sorted(instances & memories.keys())]
        path = identifier.removeprefix(top).removeprefix("__").replace("__", ".")
        modules.append(VerilogModule(path, identifier, frozenset(inside), "\n".join((*texts, ""))))
    return modules


def _black_box(match: re.Match[str]) -> str:
    ports = "\n".join(PORT.findall(match["body"]))
    return f"(* blackbox *)\nmodule {match['name']} ({match['ports']});\n{ports}\nendmodule"
