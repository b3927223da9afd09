"""Equal modules that stand side by side become one, in RTLIL."""

import hashlib
import re
from collections import defaultdict
from functools import cache
from itertools import accumulate

MODULE = re.compile(
    r"^(?:attribute [^\n]*\n)*module \\(?P<name>\S+)\n(?P<body>.*?)^end\n+",
    re.MULTILINE | re.DOTALL,
)
NAMED = re.compile(r"^(module|  cell) \\(\S+)", re.MULTILINE)
NUMBER = re.compile(r"\d+$")
PORT_NUMBER = re.compile(r"(?<=put )\d+(?=  \\)")  # of an input or output; cells go by names
STATEMENT = re.compile(r"\n\n(?=  \S)")  # begins one of a module
JOINT = "."  # between the names of instances, in the name of a module


def with_shared_modules(text: str) -> str:
    """Return RTLIL in which equal modules, named alike but for a number behind, are one.

    So `lane0` and `lane1` become `lane`, with all that is inside them. They stay as they are where
    one of that name differs, or where another module is named `lane` already.
    """
    bodies = {found["name"]: found["body"] for found in MODULE.finditer(text)}
    shared = _shared(bodies)

    def path(name: str) -> list[str]:
        """Return the modules from the top down to this one."""
        return list(accumulate(name.split(JOINT), lambda outer, own: outer + JOINT + own))

    def renamed(found: re.Match[str]) -> str:
        steps = (NUMBER.sub("", step) if step in shared else step for step in path(found[2]))
        return f"{found[1]} \\" + JOINT.join(step.rpartition(JOINT)[2] for step in steps)

    spare = {name for name in bodies if any(not shared.get(step, True) for step in path(name))}
    text = MODULE.sub(lambda found: "" if found["name"] in spare else found[0], text)
    return NAMED.sub(renamed, text)


def _shared(bodies: dict[str, str]) -> dict[str, bool]:
    """Return the modules that become one with others, and whether each is the first of them."""

    @cache
    def content(name: str) -> str:
        """Return a hash of what is in a module and its submodules, in whatever order."""
        text = PORT_NUMBER.sub("", bodies[name])
        text = NAMED.sub(lambda cell: content(cell[2]) if cell[2] in bodies else cell[0], text)
        statements = sorted(STATEMENT.split(text))
        return hashlib.sha256("\n".join(statements).encode()).hexdigest()

    alike: dict[str, list[str]] = defaultdict(list)
    for name in bodies:
        alike[NUMBER.sub("", name)].append(name)
    return {
        name: name == names[0]
        for stem, names in alike.items()
        if len(names) > 1 and stem not in bodies and len({content(name) for name in names}) == 1
        for name in names
    }
