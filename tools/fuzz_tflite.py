"""Fuzz the reading of `.tflite` files, guided by coverage: `python -m tools.fuzz_tflite FOLDER`.

It needs `atheris`, which is no dependency of the project. FOLDER holds the corpus, to which drawn
files of every operator are added at first; options behind it are libFuzzer's, for example
`-max_total_time=600`. Anything but a network or an `InputError` of a few lines ends the run.
`tests/test_tflite_hostile.py` reads the small corpus that is kept in `tests/kept/`.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import atheris
import numpy as np
from numpy.typing import NDArray

with atheris.instrument_imports(include=["hwsim", "tflite", "flatbuffers"]):
    from hwsim.errors import InputError
    from hwsim.frontends.tflite import read_network
    from hwsim.golden.tflite.interpreter import run_quantized_operators
    from hwsim.graph import Tensor
    from hwsim.graph.kernels import Kernels
    from hwsim.graph.operator_graph import OperatorGraph

from tests.tflite_drawn import DRAWN, drawn_file
from tests.tflite_writer import plain

MOST_LINES = 22
MOST_MACS = 100_000  # of a network that is run
MOST_ELEMENTS = 20_000
SCRATCH = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


def read(content: bytes) -> None:
    """Read a file in the way of one of the runtimes, which its length decides, and run it."""
    path = SCRATCH / "fuzzed.tflite"
    path.write_bytes(content)
    kernels = list(Kernels)[len(content) % 2]
    try:
        graph = read_network(path, kernels)
        if graph.total_macs < MOST_MACS and _elements(graph) < MOST_ELEMENTS:
            inputs = {each.name: _values(graph, each) for each in graph.inputs}
            run_quantized_operators(graph, inputs, kernels)
    except InputError as error:
        if len(str(error).splitlines()) > MOST_LINES:
            raise RuntimeError("too many lines") from error


def _elements(graph: OperatorGraph) -> int:
    return sum(tensor.shape.elements for tensor in graph.tensors.values())


def _values(graph: OperatorGraph, tensor: Tensor) -> NDArray[Any]:
    shape = tensor.shape
    values = np.arange(shape.elements).reshape(shape.channels, shape.height, shape.width)
    is_real = graph.in_file[tensor.name].quantization is None
    return values.astype(np.float32 if is_real else np.int8)


def seed(folder: Path) -> None:
    """Fill an empty corpus with sound files."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        return
    (folder / "plain").write_bytes(plain().content())
    for word in DRAWN:
        (folder / word).write_bytes(drawn_file(word, "int8", 0)[0])


def main() -> None:
    """Fuzz until an option of libFuzzer's ends it, or a fault; several folders are merged."""
    folders = [each for each in sys.argv[1:] if not each.startswith("-")]
    if len(folders) == 1 and not Path(folders[0]).is_file():  # a single file is tried again
        seed(Path(folders[0]))
    atheris.Setup(sys.argv, read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
