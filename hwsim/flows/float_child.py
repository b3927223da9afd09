"""Asks a process of its own to work on a user's float `.onnx`, within limits of memory and time."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hwsim
from hwsim.errors import InputError
from hwsim.escape import visible
from hwsim.flows.progress import Advance

MODULE = "hwsim.golden.float_onnx.child"


def ask(job: Mapping[str, Any], whose: str, advance: Advance = lambda: None) -> dict[str, Any]:
    """Return what a job came to; `advance` is called after each of its steps.

    Raises `InputError` for a file that is refused, and where the process ends at one of the limits
    `memory_bytes` and `seconds` of the job.
    """
    root = str(Path(hwsim.__file__).parent.parent)
    # Modules are looked for where this one is, never in the folder that the user works in.
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": paths, "MALLOC_ARENA_MAX": "1"}
    command = [sys.executable, "-P", "-m", MODULE, json.dumps(job)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    )
    answer: dict[str, Any] = {}
    with process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                answer = json.loads(line)
                if "advance" in answer:
                    advance()
        except BaseException:
            process.kill()
            raise
    if "refused" in answer:
        raise InputError(f"{whose}: {visible(answer['refused'])}")
    if "done" not in answer:
        raise InputError(
            f"{whose}: it cannot be quantized within {job['memory_bytes'] >> 20:,} MiB and "
            f"{job['seconds']:,} s of computing"
        )
    done: dict[str, Any] = answer["done"]
    return done
