"""Execute a network's steps in order, those of the host by the source interpreter."""

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsim.errors import InputError
from hwsim.escape import quoted
from hwsim.extras import importing_extra
from hwsim.graph.steps import DeviceStep, FileNetwork, HostStep

Maps = Mapping[str, NDArray[Any]]  # x[C, H, W] by the tensor's name: int8, or float32
RunProgram = Callable[[int, Maps], Maps]  # from its number and its inputs to its outputs


def run_steps(network: FileNetwork, inputs: Maps, run_program: RunProgram, purpose: str) -> Maps:
    """Return every tensor that comes from outside or that a step leaves, by its name.

    `inputs` are maps of the network's inputs; programs are numbered from 0 on. Raises `InputError`
    where the runtime's own integers would overflow in a step of the host.
    """
    tensors, programs = dict(inputs), count()
    for step in network.steps:
        read = {name: tensors[name] for name in step.reads}
        match step:
            case HostStep():
                tensors |= _run_on_host(network, step, read, purpose)
            case DeviceStep():
                tensors |= run_program(next(programs), _stored(read))
    return tensors


def _run_on_host(network: FileNetwork, step: HostStep, read: Maps, purpose: str) -> Maps:
    with importing_extra("golden", purpose):
        from hwsim.golden.interpreter import run_operator
    maps = [read[name] for name in step.reads]
    try:
        return run_operator(network.operators, step.operator, maps, network.kernels)
    except InputError as error:
        raise InputError(f"network {quoted(network.name)}: {error}") from None


def _stored(read: Maps) -> Maps:
    return {name: np.ascontiguousarray(x) for name, x in read.items()}
