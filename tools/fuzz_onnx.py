"""Fuzz the reading of `.onnx` files: `python -m tools.fuzz_onnx SECONDS [FIRST]`.

Each number from FIRST on, 0 if it is left out, draws a file from those of all operators, and spoils
it. Most are spoilt behind the cleaning, which takes a process of its own for each file: their
nodes, constants, shapes and ends. One of a hundred is spoilt byte by byte and read whole. A network
that is taken is shared between host and accelerator, and run. Anything but a network or an
`InputError` of a few lines ends the fuzzing, with the number that draws it again. Nothing is
installed for it: the onnx package that reads files is native code, in which coverage guides nobody.
"""

import os
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hwsim.errors import InputError, UnsupportedError
from hwsim.flows.network import tables_of
from hwsim.frontends.onnx import network_of, read_network
from hwsim.frontends.onnx_file import StoredNetwork, read_stored
from hwsim.golden.onnx.interpreter import run_operators
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.passes.steps import in_steps
from tests.onnx_small import Small
from tests.onnx_spoilt import spoilt
from tests.test_onnx_operators import FUNCTIONS, MAPS, begun, split_and_maximum

MOST_LINES = 22
MOST_SECONDS = 20  # of computing, for one file
MOST_MACS = 1_000_000  # of a network that is run
MOST_ELEMENTS = 100_000
WHOLE = 100  # one of so many is read from its bytes

Form = Callable[[Small, str], str]
FORMS: dict[str, Form] = {**FUNCTIONS, **MAPS, "maximum": split_and_maximum}


def drawn_file(form: Form) -> Small:
    """Return a sound file with the operators of a form between two convolutions."""
    small = Small()
    left = small.quantized(form(small, begun(small)), 0.07, -5)
    channels = 4 if form is split_and_maximum else 16 if form is MAPS["joined"] else 8
    small.leave(small.quantized(small.convolution(left, 8, min(channels, 8)), 0.2))
    return small


def damaged(content: bytes, drawn: random.Random) -> bytes:
    """Return a file of which some bytes, or its end, are not as they were."""
    found = bytearray(content)
    for _ in range(drawn.randint(1, 8)):
        found[drawn.randrange(len(found))] = drawn.randrange(256)
    return bytes(found[: len(found) if drawn.random() < 0.7 else drawn.randrange(len(found))])


def used(graph: OperatorGraph) -> None:
    """Share a network between host and accelerator, and run it if it is small."""
    elements = sum(tensor.shape.elements for tensor in graph.tensors.values())
    if graph.total_macs > MOST_MACS or elements > MOST_ELEMENTS:
        return
    try:
        in_steps(graph, Kernels.ONNXRUNTIME, tables_of(graph, Kernels.ONNXRUNTIME))
    except UnsupportedError:
        return
    shapes = {each.name: each.shape for each in graph.inputs}
    inputs = {
        name: np.linspace(-3, 3, shape.elements, dtype=np.float32).reshape(
            shape.channels, shape.height, shape.width
        )
        for name, shape in shapes.items()
    }
    run_operators(graph, inputs)


def computed_seconds() -> float:
    """Return how long processors have worked for this process and its children."""
    return sum(os.times()[:4])


def tried(number: int, bases: dict[str, StoredNetwork], folder: Path) -> str:
    """Draw a file by its number, and read it; return what became of it."""
    drawn = random.Random(number)
    name = drawn.choice(sorted(FORMS))
    start = computed_seconds()
    try:
        if number % WHOLE:
            graph = network_of(spoilt(bases[name], drawn), "x.onnx")
        else:
            path = folder / "x.onnx"
            content = drawn_file(FORMS[name]).model().SerializeToString()
            path.write_bytes(damaged(content, drawn))
            graph = read_network(path)
        used(graph)
    except InputError as error:
        lines = str(error).splitlines()
        if len(lines) > MOST_LINES or not all(line.isprintable() for line in lines):
            raise RuntimeError("no refusal of a few lines") from error
        return "refused"
    finally:
        if computed_seconds() - start > MOST_SECONDS:
            raise RuntimeError(f"over {MOST_SECONDS} s")
    return "taken"


def main(arguments: list[str]) -> int:
    """Fuzz for some seconds; return 1 after a fault."""
    seconds, first = float(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 0
    warnings.simplefilter("error")
    number, outcomes = first, Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bases = {form: read_stored(drawn_file(FORMS[form]).save(folder)) for form in FORMS}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                outcomes[tried(number, bases, folder)] += 1
            except Exception:
                traceback.print_exc()
                print(f"again: python -m tools.fuzz_onnx 1 {number}")
                return 1
            number += 1
    print(
        f"{number - first:,} files: " + ", ".join(f"{n:,} {each}" for each, n in outcomes.items())
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
