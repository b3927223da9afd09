"""Modules of the accelerator, summed up by the unit of `rtl/` that they belong to."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from hwsim.synthesis.gates import SynthesizedMemory, SynthesizedModule

OPERATORS = ("rescale", "channel_pool", "spatial_pool")  # units of their own, inside the drain
RENAMED = {
    "": "accelerator",
    "features": "feature_buffer",
    # What lies between the units of the core, rather than in one of them.
    "supervisor": "core",
    "tokens": "core",
    "word_router": "core",
}


@dataclass(frozen=True)
class UnitGates:
    """One unit with all modules inside it."""

    name: str  # of its file in `rtl/`
    nand2: float
    flip_flops: int
    memories: tuple[SynthesizedMemory, ...]


def unit_name(path: str) -> str:
    """Return the unit to which the module at this path below the top belongs."""
    parts = path.split(".")
    if parts[0] == "core" and len(parts) > 1:
        parts = parts[1:]
    name = next((part for part in parts if part in OPERATORS), parts[0])
    return RENAMED.get(name, name)


def by_unit(modules: Iterable[SynthesizedModule]) -> list[UnitGates]:
    """Return every unit, the one with the most gates first."""
    groups: dict[str, list[SynthesizedModule]] = defaultdict(list)
    for module in modules:
        groups[unit_name(module.path)].append(module)
    units = [
        UnitGates(
            name=name,
            nand2=sum(module.nand2 for module in group),
            flip_flops=sum(module.flip_flops for module in group),
            memories=tuple(memory for module in group for memory in module.memories),
        )
        for name, group in groups.items()
    ]
    return sorted(units, key=lambda unit: -unit.nand2)
