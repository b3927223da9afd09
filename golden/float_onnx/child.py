"""Works on a float `.onnx` in a process of its own, `python -m hwsim.golden.float_onnx.child`.

Nothing that a file makes onnx and ONNX Runtime do can then reach the process that asked: this one
has limits of memory and time. Its one argument is the job as JSON. What it has to say goes to
standard output, a JSON object a line; the last one has `done` or `refused`.
"""

import json
import logging
import os
import resource
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

NOISE_SAMPLES = 4  # on which the noise of layers is measured

Say = Callable[[dict[str, Any]], None]


def main() -> None:
    """Do the job, and say what came of it."""
    job = json.loads(sys.argv[1])
    for limit, value in (
        (resource.RLIMIT_AS, job["memory_bytes"]),
        (resource.RLIMIT_CPU, job["seconds"]),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print

    def say(answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    say(_answer(job, say))


def _answer(job: dict[str, Any], say: Say) -> dict[str, Any]:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    from hwsim.golden.float_onnx.refused import RefusedError

    tasks = {"prepare": _prepare, "quantize": _quantize}
    try:
        return {"done": tasks[job["task"]](job, say)}
    except RefusedError as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"refused": "it takes too much memory"}
    except Exception as error:  # those of libraries at work on what anybody has written
        if "bad_alloc" in str(error):
            return {"refused": "it takes too much memory"}
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        return {"refused": f"it cannot be quantized: {reason}"}


def _prepare(job: dict[str, Any], _say: Say) -> dict[str, Any]:
    from hwsim.golden.float_onnx.prepare import prepare

    size = None if job["size"] is None else (job["size"][0], job["size"][1])
    found = prepare(Path(job["path"]), size, Path(job["place"]), job["weight_bits"])
    return {"inputs": found.inputs, "operator_set": found.operator_set}


def _quantize(job: dict[str, Any], say: Say) -> dict[str, Any]:
    import numpy as np

    from hwsim.golden.float_onnx.quantize import calibrate, layer_noise, quantize

    prepared, place = Path(job["path"]), Path(job["place"])
    files = [Path(name) for name in job["samples"]]

    def samples(names: list[Path]) -> Iterator[dict[str, Any]]:
        for name in names:
            with np.load(name, allow_pickle=False) as arrays:
                yield dict(arrays)

    ranges = place.with_suffix(".json")
    calibrate(prepared, samples(files), ranges, lambda: say({"advance": 1}))
    quantize(prepared, ranges, place, job["told"], job["weight_bits"])
    say({"advance": 1})
    noise = list(layer_noise(prepared, place, samples(files[:NOISE_SAMPLES])))
    say({"advance": 1})
    return {"layers": noise}


if __name__ == "__main__":
    main()
