"""Run a compiled network, and keep what its memory must hold before and after."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hwsim.compiler.image import packed_input
from hwsim.compiler.pack import pack_features
from hwsim.flows.file_inputs import FileInputs
from hwsim.flows.host_steps import Maps, run_steps
from hwsim.flows.inputs import InputValues
from hwsim.flows.progress import Progress
from hwsim.graph import Stage
from hwsim.machine import Machine
from hwsim.program.blocking import padding_values
from hwsim.program.network_plan import NetworkProgram

Stored = NDArray[np.int8]  # x[C, H, W]


@dataclass(frozen=True)
class MemoryRun:
    """The contents of memory: `inputs` before the first program starts, and `outputs` in bytes.

    `sha256` has the hash of every tensor's bytes once it is whole. All are by the tensors' names.
    """

    inputs: Mapping[str, Stored] = field(default_factory=dict)
    outputs: Mapping[str, bytes] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)


def run_in_memory(
    network: NetworkProgram, given: InputValues | FileInputs, progress: Progress, purpose: str
) -> MemoryRun:
    """Run the steps at the compiler's own addresses, so that no memory below a base is needed.

    An output is taken when its program ends: its place may be another's later.
    """
    inputs: dict[str, Stored] = {}
    outputs: dict[str, bytes] = {}
    sha256: dict[str, str] = {}

    def run_program(number: int, read: Maps) -> Maps:
        program = network.programs[number]
        graph, left = program.graph, dict[str, Stored]()
        for tensor in graph.inputs:
            if tensor.name not in sha256:  # a program before may have left it
                sha256[tensor.name] = _hash(packed_input(program, tensor, read[tensor.name]))
                if network.graphs.is_first_input(tensor):
                    inputs[tensor.name] = read[tensor.name]
        with progress(f"executing {graph.name}", len(graph.stages)) as advance:

            def on_stage(stage: Stage, values: Stored) -> None:
                padding = padding_values(stage, program.config)
                sha256[stage.output.name] = _hash(pack_features(values, program.config, padding))
                left[stage.output.name] = values.copy()
                advance()

            memory = Machine(program, read, on_stage=on_stage).run()
        for tensor in graph.outputs:
            region = program.region(tensor)
            outputs[tensor.name] = memory.data[region.address : region.end].tobytes()
        return {tensor.name: left[tensor.name] for tensor in graph.outputs}

    if isinstance(given, FileInputs):
        run_steps(given.network, given.maps, run_program, purpose)
    else:
        run_program(0, given.values)
    return MemoryRun(inputs, outputs, sha256)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
