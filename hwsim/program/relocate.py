"""Moving a compiled program to another place in memory.

Descriptors hold absolute addresses, and the compiler places everything from address 0 on. A program
that is moved by whole pages takes the same cycles as before, because its bursts split at the same
words.
"""

from dataclasses import replace

from hwsim.errors import InputError, shown
from hwsim.escape import brief
from hwsim.isa.descriptor import Descriptor, Load, Store
from hwsim.isa.fields import MEMORY_END, StoreDestination
from hwsim.program.network_plan import NetworkPlan, NetworkProgram
from hwsim.program.program import WINDOW_BYTES, Plan, Program, Region


def check_base(plan: Plan | NetworkPlan[Plan], base: int, host_bytes: int = 0) -> None:
    """Raise `InputError` unless `base` is whole pages and every address fits 32 bits.

    `host_bytes` are those of the pages behind the plan's own that the host alone needs.
    """
    if not isinstance(base, int):
        raise InputError(f"base {shown(base)}: must be an integer")
    asked = brief(f"{base:#x}")
    if base < 0 or base % WINDOW_BYTES:
        raise InputError(f"base {asked}: must be 0 or a positive multiple of {WINDOW_BYTES}")
    size_bytes = plan.size_bytes
    if host_bytes:
        size_bytes = -(-size_bytes // WINDOW_BYTES) * WINDOW_BYTES + host_bytes
    if base + size_bytes > MEMORY_END:
        raise InputError(
            f"base {asked}: {plan.graph.name} needs {size_bytes:#x} bytes from there, "
            f"addresses end at {MEMORY_END:#x}"
        )


def relocate_network(network: NetworkProgram, base: int) -> NetworkProgram:
    """Return the same programs with every address moved up by `base` bytes.

    Raises `InputError` as `check_base` does.
    """
    check_base(network, base)
    programs = tuple(relocate(program, base) for program in network.programs)
    tensors = {name: _moved_region(region, base) for name, region in network.tensors.items()}
    return replace(network, programs=programs, tensors=tensors)


def relocate(program: Program, base: int) -> Program:
    """Return the same program with every address moved up by `base` bytes.

    Raises `InputError` as `check_base` does.
    """
    check_base(program, base)
    stages = tuple(
        replace(part, weights=_moved_region(part.weights, base)) for part in program.stages
    )
    return replace(
        program,
        stages=stages,
        descriptors=tuple(_moved(descriptor, base) for descriptor in program.descriptors),
        code=_moved_region(program.code, base),
        tensors={name: _moved_region(region, base) for name, region in program.tensors.items()},
    )


def _moved(descriptor: Descriptor, base: int) -> Descriptor:
    if isinstance(descriptor, Load) or (
        isinstance(descriptor, Store) and descriptor.destination == StoreDestination.MEMORY
    ):
        return descriptor._replace(address=descriptor.address + base)
    return descriptor


def _moved_region(region: Region, base: int) -> Region:
    return replace(region, address=region.address + base)
