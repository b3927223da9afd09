"""Shares a quantized file's network between host and accelerator."""

from hwsim.errors import InputError, WithoutStageError
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.operators import Convolution
from hwsim.graph.steps import DeviceStep, FileNetwork, HostStep
from hwsim.passes.host_parts import HostParts, host_parts
from hwsim.passes.lower import Lowered, lower_as_in_file
from hwsim.passes.table_stages import Tables


def in_steps(operators: OperatorGraph, kernels: Kernels, tables: Tables) -> FileNetwork:
    """Return the steps in which a network is computed as one runtime does.

    Raises `InputError` for what neither has an exact stage nor can be left to the host.
    """
    parts, lowered = shared(operators, kernels, tables)
    before, after = map(HostStep, parts.before), map(HostStep, parts.after)
    return FileNetwork(operators, kernels, (*before, DeviceStep(lowered.graph), *after))


def shared(operators: OperatorGraph, kernels: Kernels, tables: Tables) -> tuple[HostParts, Lowered]:
    """Return the host's parts of a network, and the stages of the accelerator's.

    An operator without an exact stage is left to the host where no convolution follows it. Raises
    `InputError` as `in_steps`.
    """
    left_to_host: set[str] = set()
    while True:
        parts = host_parts(operators, left_to_host)
        try:
            return parts, lower_as_in_file(parts, kernels, tables)
        except WithoutStageError as error:
            known = len(left_to_host)
            left_to_host |= error.operators
            if len(left_to_host) == known or not _can_be_left(operators, left_to_host):
                raise


def _can_be_left(operators: OperatorGraph, names: set[str]) -> bool:
    """Return True if the host can compute these operators, of which none may be a convolution."""
    if any(isinstance(each, Convolution) and each.name in names for each in operators.operators):
        return False
    try:
        host_parts(operators, names)
    except InputError:
        return False
    return True
