"""Reads and cleans an `.onnx` in a process of its own: `python -m hwsim.frontends.onnx_child`.

Nothing that a file makes onnx or onnxslim do can then reach the process that asked: this one has
limits of memory and time. It takes the path and the limits as arguments, and writes to standard
output either a safetensors document, as `hwsim/frontends/onnx_file.py` reads it, or one line that
says what is wrong, with exit status `REFUSED`.
"""

import os
import resource
import sys
from pathlib import Path

REFUSED = 3
MEMORY_BYTES = 1900 << 20
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # a thread takes memory of its own


def main() -> None:
    """Write the document of a file, or the line of its refusal."""
    path, seconds, *size = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in ONE_THREAD:
        os.environ[name] = "1"
    results = os.dup(1)
    os.dup2(2, 1)  # libraries may print

    from hwsim.frontends.onnx_clean import RefusedError, document

    try:
        found = document(Path(path), tuple(map(int, size)))
    except RefusedError as error:
        found = str(error).encode()
    except MemoryError:
        found = b"cleaning it takes too much memory"
    else:
        _write(results, found)
        return
    _write(results, found)
    sys.exit(REFUSED)


def _write(descriptor: int, content: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


if __name__ == "__main__":
    main()
